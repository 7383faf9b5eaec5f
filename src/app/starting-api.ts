import type { Finding } from '../base/finding.ts';
import type { Log } from '../base/log.ts';
import { guarded } from '../serve/api/guard.ts';
import { type ApiHandler, refused } from '../serve/api/server.ts';
import { paths } from '../serve/api/wire.ts';
import { events } from './control-api.ts';
import { missingCommit } from './first-commit.ts';
import { type GateApiParts, gateApi } from './gate/gate-api.ts';
import { type LedgerApiParts, ledgerApi } from './ledger-api.ts';
import { callFault } from './operators/call-fault.ts';
import { type Operations, operationsApi } from './operators/operations.ts';
import type { Replica } from './replicas/replica.ts';
import { rolloutApi } from './rollouts/rollout-api.ts';
import type { Rollouts } from './rollouts/rollouts.ts';
import { statusApi } from './status-api.ts';
import type { Upgrades } from './upgrade/upgrades.ts';

interface StartingApiParts extends GateApiParts, LedgerApiParts {
  readonly rollouts: Rollouts;
  readonly upgrades: Upgrades;
  readonly replica: Replica;
  readonly operations: Operations;
  readonly log: Log;
  /** What the mesh runs and this version cannot read. */
  readonly unread: () => readonly Finding[];
}

/** What the control plane can tell before it serves: what became of the first commit, and what is missing. */
export function startingApi(parts: StartingApiParts): ApiHandler {
  const { source, operations, unread } = parts;
  const known = guarded(
    async (request) => {
      const { method, path } = request;
      const notices = { current: [...(source.findings ?? []), ...unread()] };
      if (method === 'GET' && path === paths.events) return events(parts);
      const about =
        (await rolloutApi(parts, request)) ??
        (await statusApi({ ...parts, notices, desks: { all: [] }, hangs: () => false }, request)) ??
        (await gateApi(parts, request)) ??
        (await operationsApi(operations, request)) ??
        (await ledgerApi(parts, request));
      return about ?? notYet(parts);
    },
    operations.onUse,
    operations.onUnserved,
    callFault(parts.log),
  );
  // A host that joins is to come again; that its way in is not there would be news of another kind.
  return async (request) => (request.path.startsWith(hostPaths) ? notYet(parts) : known(request));
}

const hostPaths = '/v1/host/';

function notYet({ plane: { intent }, unread }: StartingApiParts) {
  const why =
    intent.kind === 'running' ? 'it is starting' : missingCommit(intent.refused, unread());
  return refused(503, {
    code: 'CH5444',
    message: `the control plane does not serve yet: ${why}`,
    help: 'chancery revision list shows what is wrong with a commit; one that mends it goes on by itself',
  });
}
