import { readFileSync } from 'node:fs';
import { connect, type Settings } from 'node:http2';
import { join } from 'node:path';
import { ClientCall } from '../../src/serve/grpc/client.ts';
import { RawClient } from '../../test/xds/raw-client.ts';
import { serviceName } from '../xds/mesh.ts';

/** Whose second and third instances the bad ones are: one of the services that nothing else is special about. */
export const badService = 7;
export const badNames = { slow_reader: 'bad-slow', refusing: 'bad-refusing' } as const;
export type Bad = keyof typeof badNames;

/** Smaller than the first answer, so that it is the server's memory that fills, and not the kernel's. */
const slowWindow: Settings = { initialWindowSize: 1_024 };
export const refusal = 'the bench refuses it';

export interface BadSidecar {
  /** How many answers it has refused. */
  readonly refused: () => number;
  readonly close: () => void;
}

export interface BadSidecarOptions {
  readonly port: number;
  readonly certificates: string;
}

export function startBad(bad: Bad, { port, certificates }: BadSidecarOptions): BadSidecar {
  const text = (file: string): string => readFileSync(join(certificates, file), 'utf8');
  const session = connect(`https://127.0.0.1:${port}`, {
    ...{ cert: text(`node-${badService}.pem`), key: text(`node-${badService}.key`) },
    ...{ ca: text('ca.pem'), minVersion: 'TLSv1.3' },
    // An SVID holds no DNS name, and the bench knows who answers.
    checkServerIdentity: () => undefined,
    ...(bad === 'slow_reader' ? { settings: slowWindow } : {}),
  });
  session.on('error', () => {});
  const bidi = (path: string): ClientCall =>
    new ClientCall(
      session.request({
        ...{ ':method': 'POST', ':path': path, te: 'trailers' },
        'content-type': 'application/grpc+proto',
      }),
    );
  const client = new RawClient({ bidi }, badNames[bad]);
  client.send('cluster');
  let refused = 0;
  // The slow one asks, and never reads.
  if (bad === 'refusing') {
    void refuseAll(client, () => {
      refused += 1;
    });
  }
  return { refused: () => refused, close: () => session.destroy() };
}

/** Asks for everything as a proxy does; takes clusters, for without them it gets nothing else, and nothing more. */
async function refuseAll(client: RawClient, onRefused: () => void): Promise<void> {
  const endpoints = `${serviceName(0)}/v1`;
  const asks = [
    () => client.send('endpoints', { sub: [endpoints] }),
    () => client.send('listener'),
    () => client.send('routes', { sub: ['egress', 'ingress'] }),
  ];
  for (;;) {
    const answer = await client.answer().catch(() => undefined);
    if (answer === undefined) return;
    if (answer.type !== 'cluster') {
      onRefused();
      client.nack(answer, refusal);
      continue;
    }
    client.ack(answer);
    for (const ask of asks.splice(0)) ask();
  }
}
