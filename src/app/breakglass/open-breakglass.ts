import type { Finding } from '../../base/finding.ts';
import { timeText } from '../../base/time-text.ts';
import type { Grant } from '../../breakglass/grant.ts';
import type { Store } from '../../store/store.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Replica } from '../replicas/replica.ts';
import { AbsentOperators } from './absent-operators.ts';
import { Grants, type GrantsParts, grantKind } from './grants.ts';
import { GrantUses, type Use } from './uses.ts';

/** Access beside Git, and what became of it. */
export interface Breakglass {
  readonly grants: Grants;
  readonly uses: GrantUses;
  /** What a person must know for as long as it lasts. */
  readonly findings: readonly Finding[];
}

export async function openBreakglass(
  parts: GrantsParts & {
    readonly store: Store;
    readonly replica: Replica;
    readonly plane: Pick<ControlPlane, 'mesh'>;
  },
): Promise<Breakglass> {
  const { store, replica, metrics } = parts;
  const grants = await Grants.open(parts);
  // A host may be quicker than the feed of this replica.
  const isKnown = async (grant: string): Promise<boolean> =>
    grants.get(grant) !== undefined || (await store.get(grantKind, grant)) !== undefined;
  const absent = new AbsentOperators({
    ...{ store, clock: parts.clock, who: () => parts.plane.mesh?.breakglass.who },
  });
  const uses = await GrantUses.open({ store, feed: replica.feed, metrics, isKnown });
  return {
    grants,
    uses,
    get findings() {
      const open = grants.open.map((grant) => grantFinding(grant, uses.of(grant.id)));
      return [...open, ...absent.look()];
    },
  };
}

function grantFinding(grant: Grant, use: Use): Finding {
  const { id, who, callee, operations, reason, ticket, by, state } = grant;
  const what = `${who} to ${callee}${operations.length === 0 ? '' : ` (${operations.join(', ')})`}`;
  const why = [`reason: ${reason}`, ...(ticket === undefined ? [] : [`ticket: ${ticket}`])];
  if (state.kind !== 'active') {
    return {
      code: 'CH4236',
      severity: 'warning',
      message: `break-glass grant ${id} of ${by} waits for a second operator: ${what}`,
      notes: why,
      help: `chancery breakglass approve ${id}, or chancery breakglass revoke ${id}`,
    };
  }
  const { untilMs, approvedBy } = state;
  const from = approvedBy === undefined ? by : `${by}, approved by ${approvedBy}`;
  return {
    code: 'CH4231',
    severity: 'warning',
    message: `break-glass grant ${id} of ${from} lets ${what} until ${timeText(untilMs)}`,
    notes: [...why, usesText(use)],
    help: `chancery breakglass revoke ${id} ends it`,
  };
}

function usesText({ uses, lastMs }: Use): string {
  return uses === 0 ? 'not used so far' : `used ${uses} times, last at ${timeText(lastMs)}`;
}
