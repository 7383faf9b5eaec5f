import { readCertificate } from '../identity/certificate-read.ts';
import { rootSha256, type TrustBundle } from '../identity/trust.ts';
import {
  type AgentHealthReply,
  type DecisionCounts,
  type HeldIdentity,
  type HostHealth,
  type HostTrouble,
  hostHolder,
  type SealedBy,
} from '../serve/api/wire.ts';
import { troubleText } from './host-troubles.ts';
import type { LinkState } from './link-state.ts';
import type { SvidState } from './svid-keeper.ts';
import type { SvidPool } from './svid-pool.ts';

/** How long a jump of the clock is told of. */
const jumpToldMs = 600_000;

export interface HealthParts {
  readonly nowMs: number;
  readonly link: LinkState;
  readonly workloads: readonly { readonly holder: string; readonly svidState: SvidState }[];
  readonly pool: Pick<SvidPool, 'svids' | 'problems'>;
  readonly jumpedAtMs: number | undefined;
  readonly sealedBy: SealedBy;
  readonly decisions: DecisionCounts;
  readonly troubles: readonly HostTrouble[];
}

/** Whether this host can go on: not that it runs, but that everything it holds can be renewed before it ends. */
export function hostHealth(given: HealthParts): HostHealth {
  const { link, workloads, pool, troubles } = given;
  const problems = [
    ...(link.kind === 'joined' ? [] : [`this host ${link.kind}: ${link.problem}`]),
    ...workloads.flatMap(({ holder, svidState }) =>
      svidState.kind === 'held' ? [] : [`${holder} has no fresh certificate: ${svidState.problem}`],
    ),
    ...pool.problems.map(({ spiffeId, problem }) => `${spiffeId}: ${problem}`),
  ];
  const identities: readonly HeldIdentity[] = [
    ...('identity' in link ? [held(hostHolder, link.identity)] : []),
    ...workloads.flatMap(({ holder, svidState }) =>
      svidState.kind === 'absent' ? [] : [held(holder, svidState.svid)],
    ),
    ...pool.svids.map((svid) => held(svid.spiffeId, svid)),
  ];
  return {
    canRenew: problems.length === 0,
    problems: [
      ...[...problems, ...troubles.map(troubleText)],
      ...[...jump(given), ...unkept(given), ...lost(given)],
    ],
    identities,
    sealedBy: given.sealedBy,
    ...(troubles.length === 0 ? {} : { troubles }),
  };
}

function held(
  holder: string,
  { notBeforeMs, notAfterMs }: Omit<HeldIdentity, 'holder'>,
): HeldIdentity {
  return { holder, notBeforeMs, notAfterMs };
}

/** Said, but no reason to doubt what can be renewed. */
function jump(given: {
  readonly nowMs: number;
  readonly jumpedAtMs: number | undefined;
}): string[] {
  const { nowMs, jumpedAtMs } = given;
  if (jumpedAtMs === undefined || nowMs - jumpedAtMs > jumpToldMs) return [];
  return [`the clock of this host jumped at ${new Date(jumpedAtMs).toISOString()}`];
}

function unkept({ sealedBy }: Pick<HealthParts, 'sealedBy'>): string[] {
  return sealedBy === 'nothing'
    ? ['what this host holds is not kept on disk: after a restart it needs its control plane']
    : [];
}

function lost({ decisions }: Pick<HealthParts, 'decisions'>): string[] {
  return decisions.lost === 0
    ? []
    : [`${decisions.lost} decisions are missing in the decision log since the agent started`];
}

/** The same for whoever runs this host, with what it trusts. */
export function agentHealth(
  given: HealthParts & { readonly trust: TrustBundle | undefined },
): AgentHealthReply {
  const { link, trust } = given;
  return {
    ...hostHealth(given),
    host: 'identity' in link ? link.identity.host : undefined,
    standing: link.kind,
    trustDomain: trust?.trustDomain,
    trustSequence: trust?.sequence ?? 0,
    decisions: given.decisions,
    roots: (trust?.x509Roots ?? []).map((root) => {
      const certificate = readCertificate(Buffer.from(root, 'base64'));
      const notAfterMs = certificate.ok ? certificate.value.notAfterMs : 0;
      return { sha256: rootSha256(root), notAfterMs };
    }),
  };
}
