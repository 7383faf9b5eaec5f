import type { Log } from '../../base/log.ts';
import { effectIn, type Grant, stateText } from '../../breakglass/grant.ts';
import type { Store } from '../../store/store.ts';

/** Every step of a grant, where it cannot be missed: the ledger, and the log as a warning. */
export function tellStep(
  grant: Grant,
  {
    store,
    log,
    nowMs,
  }: { readonly store: Pick<Store, 'record'>; readonly log: Log; readonly nowMs: number },
): void {
  const { id, who, callee, operations, reason, ticket, state } = grant;
  const facts = {
    ...{ step: state.kind, by: byOf(grant), asked: grant.by, who, callee, reason },
    ...(operations.length === 0 ? {} : { operations: operations.join(', ') }),
    ...(ticket === undefined ? {} : { ticket }),
    ...untilOf(grant),
  };
  store.record({ atMs: nowMs, kind: 'breakglass', subject: id, facts });
  log.warn(`break-glass grant ${id}: ${stateText(state)}`, facts);
}

/** Whose step it was. */
function byOf({ by, state }: Grant): string {
  switch (state.kind) {
    case 'waiting':
      return by;
    case 'active':
      return state.approvedBy ?? by;
    case 'revoked':
      return state.by;
    case 'ended':
      return 'time';
  }
}

function untilOf({ state }: Grant): { readonly untilMs?: number } {
  const effect = effectIn(state);
  return effect === undefined ? {} : { untilMs: effect.untilMs };
}
