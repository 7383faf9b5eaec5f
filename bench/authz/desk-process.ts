/** The policy desk as an agent has it, on the socket of one workload: its decisions, and the certificates of its proxy. */
import { readFileSync } from 'node:fs';
import { PolicyDesk } from '../../src/agent/policy-desk.ts';
import { secretsSnapshot } from '../../src/agent/secrets.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import { jsonLog } from '../../src/base/log.ts';
import { systemRandom as random } from '../../src/base/random.ts';
import { ok } from '../../src/base/result.ts';
import type { SpiffeId } from '../../src/identity/spiffe-id.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { checkMethod } from '../../src/serve/authz/check-method.ts';
import { createGrpcServer } from '../../src/serve/grpc/server.ts';
import { XdsService } from '../../src/serve/xds/service.ts';

/** What the process is given, as JSON; binary parts in base64. */
export interface DeskFile {
  readonly dir: string;
  readonly socket: string;
  readonly service: string;
  readonly trustDomain: string;
  readonly document: PolicyDocument;
  readonly rootDer: string;
  readonly chainDer: readonly string[];
  readonly privateKeyPkcs8: string;
}

const given = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as DeskFile;
const log = jsonLog('desk', clock, (line) => process.stderr.write(line));
const desk = new PolicyDesk({
  ...{ dir: given.dir, allowRate: 1, env: {}, clock, random },
  log: { ...log, info: () => {} },
  onNews: () => {},
});
desk.take({ kind: 'policy', version: 'bench', document: given.document });

const sds = new XdsService({ clock, authorize: () => ok('bench'), onEvent: () => {} });
sds.publish('bench', secretsSnapshot(view()));
const server = createGrpcServer({
  methods: [...sds.methods, checkMethod({ handler: desk.check, serviceOf: () => given.service })],
  onError: (error) => process.stderr.write(`${String(error)}\n`),
});
await server.listenUnix(given.socket, 0o600);
// In order, so that a profile of it is written.
process.once('SIGTERM', () => process.exit(0));
// Nobody else ends it when the bench was killed.
process.stdin.resume().once('end', () => process.exit(0));
process.stdout.write('ready\n');

function view(): Parameters<typeof secretsSnapshot>[0] {
  const trustDomain = given.trustDomain as TrustDomain;
  const spiffeId = `spiffe://${trustDomain}/${given.service}` as SpiffeId;
  const svid = {
    ...{ spiffeId, serial: '', notAfterMs: 0, hint: '' },
    chainDer: given.chainDer.map((der) => Buffer.from(der, 'base64')),
    privateKeyPkcs8: Buffer.from(given.privateKeyPkcs8, 'base64'),
  };
  const own = { trustDomain, sequence: 1, x509Roots: [given.rootDer], jwtKeys: [] };
  return { svids: [svid], trust: { own, federated: [] } };
}
