import { fromBinary } from '@bufbuild/protobuf';
import { type X509SVID, X509SVIDResponseSchema } from '../../src/gen/spiffe/workload_pb.js';
import { GrpcClient } from '../../src/serve/grpc/client.ts';

/** FetchX509SVID, as this process is attested at a socket; rejects with the reason when it has none. */
export async function fetchedSvids(socket: string): Promise<readonly X509SVID[]> {
  const client = new GrpcClient({ kind: 'unix', path: socket });
  const call = client.bidi('/SpiffeWorkloadAPI/FetchX509SVID', { 'workload.spiffe.io': 'true' });
  call.write(new Uint8Array());
  call.end();
  const message = await call.read();
  call.cancel();
  await client.close();
  if (message === undefined) throw new Error((await call.outcome).message);
  return fromBinary(X509SVIDResponseSchema, message).svids;
}
