import { X509Certificate } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
} from '../../src/gen/envoy/service/auth/v3/external_auth_pb.js';
import { toPem } from '../../src/identity/pem.ts';
import { GrpcClient } from '../../src/serve/grpc/client.ts';
import { fetchedSvids } from './fetched-svids.ts';

interface Stolen {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** What an application gets of the Workload API, as at the socket of its workload. */
export async function stolenSvid(socket: string): Promise<Stolen> {
  const [svid] = await fetchedSvids(socket);
  if (svid === undefined) throw new Error('there is no SVID');
  const key = toPem('PRIVATE KEY', svid.x509SvidKey);
  return { cert: pemOf(svid.x509Svid), key, ca: pemOf(svid.bundle) };
}

/** Of certificates in DER, one behind the other. */
function pemOf(der: Uint8Array): string {
  if (der.length === 0) return '';
  const { raw } = new X509Certificate(der);
  return toPem('CERTIFICATE', raw) + pemOf(der.subarray(raw.length));
}

/** Asks a desk of the pool by itself, as no proxy does. */
export async function askDesk(
  { cert, key, ca }: Stolen,
  port: number,
  question: {
    readonly principal: string;
    readonly proxy: string;
    readonly side: string;
    readonly host: string;
    readonly path: string;
  },
): Promise<CheckResponse> {
  const checkServer = (): undefined => undefined;
  const client = new GrpcClient({
    ...{ kind: 'tls', host: '127.0.0.1', port, cert, key, ca },
    checkServer,
  });
  const { principal, proxy, side, host, path } = question;
  const request = create(CheckRequestSchema, {
    attributes: {
      source: { principal },
      destination: { labels: { proxy } },
      request: { http: { method: 'GET', path, host } },
      contextExtensions: { 'chancery.side': side, 'chancery.service': host },
    },
  });
  const bytes = toBinary(CheckRequestSchema, request);
  try {
    const path = '/envoy.service.auth.v3.Authorization/Check';
    return fromBinary(CheckResponseSchema, await client.unary(path, bytes, 5_000));
  } finally {
    await client.close();
  }
}
