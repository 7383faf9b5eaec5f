import type { KeyObject } from 'node:crypto';
import type { Layout } from '../../src/app/layout.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { readCa } from '../../src/identity/ca-store.ts';
import { readCertificate } from '../../src/identity/certificate-read.ts';
import { oid } from '../../src/identity/oids.ts';
import { toPem } from '../../src/identity/pem.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import { fileKek } from '../../src/store/kek/file.ts';
import { openStore } from '../../src/store/open.ts';
import { type Made, make } from './pki.ts';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** The mesh's own CA, for certificates that only a broken or captured one would give. */
export async function capturedIssuer(
  layout: Layout,
  trustDomain: TrustDomain,
): Promise<{ readonly issuer: Made; readonly chain: string }> {
  const { certificateDer, chainDer, privateKey } = await activeIntermediate(layout, trustDomain);
  const read = readCertificate(certificateDer);
  if (!read.ok) throw new Error(read.error);
  return {
    issuer: { der: certificateDer, certificate: read.value, key: privateKey },
    chain: chainDer.map((der) => toPem('CERTIFICATE', der)).join(''),
  };
}

/** Signs any names with the mesh's own CA. */
export async function capturedSigner(
  layout: Layout,
  trustDomain: TrustDomain,
): Promise<(uris: readonly string[]) => Certificate> {
  const { issuer, chain } = await capturedIssuer(layout, trustDomain);
  const nowMs = systemClock.nowMs();
  return (uris) => {
    const made = make({
      ...{ name: '', issuer, uris, purposes: [oid.serverAuth, oid.clientAuth] },
      ...{ notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 3_600_000 },
    });
    return { cert: `${toPem('CERTIFICATE', made.der)}${chain}`, key: pemOf(made.key) };
  };
}

async function activeIntermediate(layout: Layout, trustDomain: TrustDomain) {
  const store = await openStore(layout.database);
  const kek = fileKek(layout.kekFile, systemRandom);
  const stored = await readCa({ store, kek, trustDomain, random: systemRandom });
  await store.close();
  if (stored === undefined) throw new Error('the mesh has no CA');
  return stored.state.active.intermediate;
}

export function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
