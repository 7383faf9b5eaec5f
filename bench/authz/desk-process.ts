/** The policy desk as an agent has it, on the socket of one workload: its decisions, and the certificates of its proxy. */
import { readFileSync } from 'node:fs';
import { PolicyDesk } from '../../src/agent/policy-desk.ts';
import { openAgentSocket } from '../../src/app/verify/agent-socket.ts';
import { bundleOf, viewOf } from '../../src/app/verify/throwaway-ca.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import { jsonLog } from '../../src/base/log.ts';
import { systemRandom as random } from '../../src/base/random.ts';
import { workloadId } from '../../src/identity/spiffe-id.ts';
import type { ServiceName, TrustDomain } from '../../src/model/types.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import type { WorkloadView } from '../../src/serve/workload/source.ts';

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

await openAgentSocket(given.socket, {
  ...{ service: given.service, view: view(), check: desk.check },
  onError: (error) => process.stderr.write(`${String(error)}\n`),
});
// In order, so that a profile of it is written.
process.once('SIGTERM', () => process.exit(0));
// Nobody else ends it when the bench was killed.
process.stdin.resume().once('end', () => process.exit(0));
process.stdout.write('ready\n');

function view(): WorkloadView {
  const trustDomain = given.trustDomain as TrustDomain;
  const own = bundleOf(trustDomain, Buffer.from(given.rootDer, 'base64'));
  const svid = {
    spiffeId: workloadId(trustDomain, given.service as ServiceName),
    chainDer: given.chainDer.map((der) => Buffer.from(der, 'base64')),
    privateKeyPkcs8: Buffer.from(given.privateKeyPkcs8, 'base64'),
  };
  return viewOf(svid, { own, federated: [] });
}
