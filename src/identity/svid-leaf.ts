import { readCertificate } from './certificate-read.ts';
import { parseSpiffeId, pathOf, type SpiffeId } from './spiffe-id.ts';

const digitalSignature = 1 << 0;
const keyCertSign = 1 << 5;
const crlSign = 1 << 6;

/**
 * What keeps a certificate from being the X509-SVID of `expected`; undefined: it is (X509-SVID sections 2 to 5). Its
 * chain is for the TLS library, with the roots of that one trust domain.
 */
export function leafProblem(der: Uint8Array, expected: SpiffeId): string | undefined {
  const read = readCertificate(der);
  if (!read.ok) return read.error;
  const { isCa, keyUsage, uriSans } = read.value;
  if (isCa) return 'it is the certificate of a CA';
  const [uri, ...others] = uriSans;
  if (uri === undefined || others.length > 0) return `it has ${uriSans.length} SPIFFE IDs, not one`;
  const id = parseSpiffeId(uri);
  if (!id.ok) return `"${uri}" is no SPIFFE ID: ${id.error}`;
  if (pathOf(id.value) === '') return 'its SPIFFE ID is a trust domain, not a workload';
  if (keyUsage?.critical !== true) return 'it has no critical key usage';
  if ((keyUsage.bits & digitalSignature) === 0) return 'its key may not sign a handshake';
  if ((keyUsage.bits & (keyCertSign | crlSign)) !== 0) return 'its key may sign certificates';
  return id.value === expected ? undefined : `it is ${id.value}`;
}
