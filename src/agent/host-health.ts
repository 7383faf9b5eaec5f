import type { HeldIdentity, HostHealth } from '../serve/api/wire.ts';
import type { LinkState } from './link-state.ts';
import type { SvidState } from './svid-keeper.ts';
import type { SvidPool } from './svid-pool.ts';

/** How long a jump of the clock is told of. */
const jumpToldMs = 600_000;

/** Whether this host can go on: not that it runs, but that everything it holds can be renewed before it ends. */
export function hostHealth(given: {
  readonly nowMs: number;
  readonly link: LinkState;
  readonly workloads: readonly { readonly holder: string; readonly svidState: SvidState }[];
  readonly pool: Pick<SvidPool, 'svids' | 'problems'>;
  readonly jumpedAtMs: number | undefined;
}): HostHealth {
  const { link, workloads, pool } = given;
  const problems = [
    ...(link.kind === 'joined' ? [] : [`this host ${link.kind}: ${link.problem}`]),
    ...workloads.flatMap(({ holder, svidState }) =>
      svidState.kind === 'held' ? [] : [`${holder} has no fresh certificate: ${svidState.problem}`],
    ),
    ...pool.problems.map(({ spiffeId, problem }) => `${spiffeId}: ${problem}`),
  ];
  const identities: readonly HeldIdentity[] = [
    ...('identity' in link ? [held('this host', link.identity)] : []),
    ...workloads.flatMap(({ holder, svidState }) =>
      svidState.kind === 'absent' ? [] : [held(holder, svidState.svid)],
    ),
    ...pool.svids.map((svid) => held(svid.spiffeId, svid)),
  ];
  return { canRenew: problems.length === 0, problems: [...problems, ...jump(given)], identities };
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
