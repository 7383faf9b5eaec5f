import { chmodSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Agent } from '../agent/agent.ts';
import { HostCache } from '../agent/host-cache.ts';
import {
  canProveAgain,
  type HostFile,
  type ProofConfig,
  proofIn,
  replaceFile,
  type ServerAddress,
} from '../agent/host-file.ts';
import { type HostKeyKind, hostKeyKinds, type TpmSealer } from '../agent/host-key.ts';
import { keepMemorySmall } from '../agent/process-memory.ts';
import { tpmSealer } from '../agent/tpm-seal.ts';
import { systemClock } from '../base/clock.ts';
import { jsonLog } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { parseArguments, usageError, type Values } from './arguments.ts';
import type { ExitCode } from './main.ts';
import { untilSignal } from './signals.ts';
import type { Terminal } from './terminal.ts';

const stateUnlessSaid = '/var/lib/chancery';
const socketUnlessSaid = '/run/chancery/workload.sock';

const usage = {
  usage: 'agent --server HOST:PORT --root SHA256 PROOF | --host-file FILE',
  text: [
    'Runs the agent of this host until SIGTERM: identities of its processes, policy desk and readiness of its workloads.',
    '',
    '  --server HOST:PORT       the control plane (its port for hosts); given again for each that shares its store',
    '  --root SHA256            hash of its root; given again for more than one. `chancery host token` prints all of this',
    '  --join-token-file FILE   PROOF: the token that an operator made for this machine',
    '  --host-cert FILE --host-key FILE   or PROOF: a certificate that this machine has already (hosts: x509pop)',
    '  --tpm [--tcti TCTI]      or PROOF: the TPM of this machine (hosts: tpm; `chancery host ek` prints what to write there)',
    '  --aws-iid                or PROOF: the identity document of this EC2 instance (hosts: aws_iid)',
    `  --state DIR              where it keeps what it holds, sealed; ${stateUnlessSaid} unless said`,
    `  --socket PATH            the Workload API and SDS for every process here; ${socketUnlessSaid} unless said`,
    '  --seal-with KIND         binds what is kept to tpm, keyring (lost by a reboot) or file; unless said, or set as',
    '                           CHANCERY_SEAL_WITH: the strongest that works here and lets this host come back by itself',
    '  --log-allows SHARE       which share of plain allows the decision log holds, from 0 to 1; 1, or CHANCERY_LOG_ALLOWS.',
    '                           Denials, and what a rule in audit had a part in, are all in it',
    '  --host-file FILE         instead of all this: a file that says it, as `up` writes one',
  ].join('\n'),
  example:
    'chancery agent --server mesh.example.com:15011 --root 9f2c… --join-token-file /etc/chancery/token',
};

export const agentOptions = {
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
  socket: { type: 'string' },
  'seal-with': { type: 'string' },
  'log-allows': { type: 'string' },
} as const;

export async function agent(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, agentOptions, usage);
  if (parsed.help !== undefined) {
    terminal.out(parsed.help);
    return 0;
  }
  if (parsed.positionals.length > 0) throw usageError('agent takes flags only', usage);
  const only = sealKindOf(parsed.values['seal-with'] ?? process.env['CHANCERY_SEAL_WITH']);
  const { env } = process;
  const allowRate = shareOf(parsed.values['log-allows'] ?? env['CHANCERY_LOG_ALLOWS']);
  const hostFile = hostFileOf(parsed.values);
  const log = jsonLog('agent', systemClock, (line) => void process.stderr.write(line));
  const random = systemRandom;
  const proof = proofIn(hostFile);
  const keyOptions = { outlivesReboot: !canProveAgain(proof), tpm: sealerOf(proof, only) };
  const cache = await HostCache.open(dirname(hostFile), { random, log, only, ...keyOptions });
  keepMemorySmall();
  const running = new Agent({
    ...{ hostFile, cache, clock: systemClock, random, log, allowRate, env },
  });
  const ended = running.run();
  await untilSignal();
  running.stop();
  await ended;
  return 0;
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
function hostFileOf(values: Values): string {
  const named = values['host-file'];
  const server = values['server'];
  if (typeof named === 'string') {
    if (server !== undefined) throw usageError('--host-file says all; --server is in it', usage);
    return named;
  }
  if (!Array.isArray(server)) throw usageError('agent needs --server or --host-file', usage);
  const servers = server.map(serverOf);
  const rootSha256 = values['root'];
  if (!Array.isArray(rootSha256) || !rootSha256.every((hash) => /^[0-9a-f]{64}$/.test(hash))) {
    throw usageError('--root is the SHA-256 of a root, 64 hex digits', usage);
  }
  const state = resolve(String(values['state'] ?? stateUnlessSaid));
  mkdirSync(join(state, 'logs'), { recursive: true, mode: 0o700 });
  chmodSync(state, 0o700);
  const file: HostFile = {
    control: { servers, proof: proofOf(values), rootSha256 },
    agentSocket: join(state, 'agent.sock'),
    workloadSocket: resolve(String(values['socket'] ?? socketUnlessSaid)),
    workloads: [],
  };
  const path = join(state, 'host.json');
  replaceFile(path, file);
  return path;
}

function serverOf(text: string): ServerAddress {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined) throw usageError('--server is HOST:PORT', usage);
  return { host, port: Number(port) };
}

function sealKindOf(text: Values[string]): HostKeyKind | undefined {
  if (text === undefined) return undefined;
  const kind = hostKeyKinds.find((one) => one === text);
  if (kind === undefined)
    throw usageError(`--seal-with is one of ${hostKeyKinds.join(', ')}`, usage);
  return kind;
}

function shareOf(text: Values[string] = '1'): number {
  const share = typeof text === 'string' && text.trim() !== '' ? Number(text) : Number.NaN;
  if (share >= 0 && share <= 1) return share;
  throw usageError('--log-allows is a share from 0 to 1, such as 0.1', usage);
}

function proofOf(values: Values): ProofConfig {
  const path = (flag: string): string | undefined => {
    const value = values[flag];
    return typeof value === 'string' ? resolve(value) : undefined;
  };
  const tokenFile = path('join-token-file');
  const [certificatePath, keyPath] = [path('host-cert'), path('host-key')];
  const proofs: readonly ProofConfig[] = [
    ...(tokenFile === undefined ? [] : [{ kind: 'join_token' as const, tokenFile }]),
    ...(certificatePath === undefined || keyPath === undefined
      ? []
      : [{ kind: 'x509pop' as const, certificatePath, keyPath }]),
    ...(values['tpm'] === true ? [tpmProof(values['tcti'])] : []),
    ...(values['aws-iid'] === true ? [{ kind: 'aws_iid' as const }] : []),
  ];
  const [proof, ...others] = proofs;
  if (proof !== undefined && others.length === 0) return proof;
  throw usageError(
    'agent needs one PROOF: --join-token-file, --host-cert and --host-key, --tpm, or --aws-iid',
    usage,
  );
}

function tpmProof(tcti: Values[string]): ProofConfig {
  return typeof tcti === 'string' ? { kind: 'tpm', tcti } : { kind: 'tpm' };
}
