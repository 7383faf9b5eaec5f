import { chmodSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Agent } from '../agent/agent.ts';
import type { DeskAddress } from '../agent/desk-pool.ts';
import { HostCache } from '../agent/host-cache.ts';
import {
  canProveAgain,
  type HostFile,
  isHostFile,
  type ProofConfig,
  proofIn,
  replaceFile,
  type ServerAddress,
} from '../agent/host-file.ts';
import { type HostKeyKind, hostKeyKinds, type TpmSealer } from '../agent/host-key.ts';
import { keepMemorySmall } from '../agent/process-memory.ts';
import { tpmSealer } from '../agent/tpm-seal.ts';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { type HelpLine, usageError, type Values } from './arguments.ts';
import { serviceLog } from './service-log.ts';
import { untilSignal } from './signals.ts';

/** What a machine is told that comes into a mesh, as agent of a host or as a desk of the pool. */
export const joinFlags = {
  'host-file': { type: 'string' },
  server: { type: 'string', multiple: true },
  root: { type: 'string', multiple: true },
  'join-token-file': { type: 'string' },
  'host-cert': { type: 'string' },
  'host-key': { type: 'string' },
  tpm: { type: 'boolean' },
  tcti: { type: 'string' },
  'aws-iid': { type: 'boolean' },
  state: { type: 'string' },
  'seal-with': { type: 'string' },
  'log-allows': { type: 'string' },
} as const;

export type JoinValues = Values<typeof joinFlags>;

export const proofHelp: readonly HelpLine[] = [
  [
    '--server HOST:PORT',
    'the control plane (its port for hosts); given again for each that shares its store',
  ],
  [
    '--root SHA256',
    'hash of its root; given again for more than one. `chancery host token` prints all of this',
  ],
  ['--join-token-file FILE', 'PROOF: the token that an operator made for this machine'],
  [
    '--host-cert FILE --host-key FILE',
    'or PROOF: a certificate that this machine has already (hosts: x509pop)',
  ],
  [
    '--tpm [--tcti TCTI]',
    'or PROOF: the TPM of this machine (hosts: tpm; `chancery host ek` prints what to write there)',
  ],
  ['--aws-iid', 'or PROOF: the identity document of this EC2 instance (hosts: aws_iid)'],
];

export const keepHelp: readonly HelpLine[] = [
  [
    '--seal-with KIND',
    'binds what is kept to tpm, keyring (lost by a reboot) or file; unless said, or set as CHANCERY_SEAL_WITH: the strongest that works here and lets this host come back by itself',
  ],
  [
    '--log-allows SHARE',
    'which share of plain allows the decision log holds, from 0 to 1; 1, or CHANCERY_LOG_ALLOWS. Denials, and what a rule in audit had a part in, are all in it',
  ],
  ['--host-file FILE', 'instead of all this: a file that says it, as `up` writes one'],
];

/** Runs what joins until SIGTERM. */
export async function runJoined(
  values: JoinValues,
  how: {
    readonly component: 'agent' | 'authz';
    readonly stateUnlessSaid: string;
    /** The Workload API and SDS for every process here; none when left out. */
    readonly workloadSocket?: string;
    readonly pool?: DeskAddress;
  },
): Promise<void> {
  const { env } = process;
  const only = sealKindOf(values['seal-with'] ?? env['CHANCERY_SEAL_WITH']);
  const allowRate = shareOf(values['log-allows'] ?? env['CHANCERY_LOG_ALLOWS']);
  const hostFile = hostFileOf(values, how);
  const log = serviceLog(how.component);
  const random = systemRandom;
  const proof = proofIn(hostFile);
  const keyOptions = { outlivesReboot: !canProveAgain(proof), tpm: sealerOf(proof, only) };
  const cache = await HostCache.open(dirname(hostFile), { random, log, only, ...keyOptions });
  keepMemorySmall();
  const running = new Agent({
    ...{ hostFile, cache, clock: systemClock, random, log, allowRate, env },
    ...(how.pool === undefined ? {} : { pool: how.pool }),
  });
  const ended = running.run();
  await untilSignal();
  running.stop();
  await ended;
}

/** A host that is its TPM seals by it; others when they are asked to. */
function sealerOf(
  proof: ProofConfig | undefined,
  only: HostKeyKind | undefined,
): TpmSealer | undefined {
  const env = process.env;
  if (proof?.kind === 'tpm') return tpmSealer({ tcti: proof.tcti, env });
  return only === 'tpm' ? tpmSealer({ env }) : undefined;
}

/** The file that was named, or one that says what the flags say. */
function hostFileOf(
  values: JoinValues,
  how: {
    readonly component: string;
    readonly stateUnlessSaid: string;
    readonly workloadSocket?: string;
  },
): string {
  const named = values['host-file'];
  const { server, root: rootSha256 } = values;
  if (named !== undefined) {
    if (server !== undefined) throw usageError('--host-file says all; --server is in it');
    // Looked at before anything is kept beside it: a slip must not leave a key in somebody's folder.
    if (!isHostFile(named)) throw usageError(`"${named}" is no file that says a host`);
    return named;
  }
  if (server === undefined) throw usageError(`${how.component} needs --server or --host-file`);
  const servers = server.map(serverOf);
  if (rootSha256?.every((hash) => /^[0-9a-f]{64}$/.test(hash)) !== true) {
    throw usageError('--root is the SHA-256 of a root, 64 hex digits');
  }
  const state = resolve(values.state ?? how.stateUnlessSaid);
  mkdirSync(join(state, 'logs'), { recursive: true, mode: 0o700 });
  chmodSync(state, 0o700);
  const file: HostFile = {
    control: { servers, proof: proofOf(values, how.component), rootSha256 },
    agentSocket: join(state, 'agent.sock'),
    ...(how.workloadSocket === undefined ? {} : { workloadSocket: resolve(how.workloadSocket) }),
    workloads: [],
  };
  const path = join(state, 'host.json');
  replaceFile(path, file);
  return path;
}

function serverOf(text: string): ServerAddress {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined) throw usageError('--server is HOST:PORT');
  return { host, port: Number(port) };
}

function sealKindOf(text: string | undefined): HostKeyKind | undefined {
  if (text === undefined) return undefined;
  const kind = hostKeyKinds.find((one) => one === text);
  if (kind === undefined) throw usageError(`--seal-with is one of ${hostKeyKinds.join(', ')}`);
  return kind;
}

function shareOf(text = '1'): number {
  const share = text.trim() !== '' ? Number(text) : Number.NaN;
  if (share >= 0 && share <= 1) return share;
  throw usageError('--log-allows is a share from 0 to 1, such as 0.1');
}

function proofOf(values: JoinValues, component: string): ProofConfig {
  const tokenFile = absolute(values['join-token-file']);
  const certificatePath = absolute(values['host-cert']);
  const keyPath = absolute(values['host-key']);
  const proofs: readonly ProofConfig[] = [
    ...(tokenFile === undefined ? [] : [{ kind: 'join_token' as const, tokenFile }]),
    ...(certificatePath === undefined || keyPath === undefined
      ? []
      : [{ kind: 'x509pop' as const, certificatePath, keyPath }]),
    ...(values.tpm ? [tpmProof(values.tcti)] : []),
    ...(values['aws-iid'] ? [{ kind: 'aws_iid' as const }] : []),
  ];
  const [proof, ...others] = proofs;
  if (proof !== undefined && others.length === 0) return proof;
  throw usageError(
    `${component} needs one PROOF: --join-token-file, --host-cert and --host-key, --tpm, or --aws-iid`,
  );
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}

function tpmProof(tcti: string | undefined): ProofConfig {
  return tcti === undefined ? { kind: 'tpm' } : { kind: 'tpm', tcti };
}
