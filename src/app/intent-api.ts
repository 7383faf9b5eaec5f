import { commitKinds, commitsAt } from '../explain/commits-at.ts';
import { numberOf } from '../serve/api/query-shape.ts';
import { ledgerPageMax } from '../serve/api/routes.ts';
import { type ApiReply, type ApiRequest, refused } from '../serve/api/server.ts';
import { paths } from '../serve/api/wire.ts';
import type { IntentReply } from '../serve/api/wire-intent.ts';
import type { Store } from '../store/store.ts';
import type { ControlPlane } from './control-plane.ts';
import type { IntentSource, IntentTree } from './intent-source.ts';

interface IntentApiParts {
  readonly plane: ControlPlane;
  readonly source: IntentSource;
  readonly store: Pick<Store, 'ledger'>;
}

/** What the mesh runs on or ran on, so that a question about it is answered from the same lines. */
export async function intentApi(
  parts: IntentApiParts,
  { method, path, query }: ApiRequest,
): Promise<ApiReply | undefined> {
  if (method !== 'GET' || path !== paths.intent) return undefined;
  const { plane, source, store } = parts;
  const { intent } = plane;
  const running = intent.kind === 'running' ? intent.tree : undefined;
  const atMs = numberOf(query, 'at');
  const named = query.get('commit') ?? (await commitAt(store, atMs));
  const isNow = atMs === undefined && query.get('commit') === null;
  const tree = isNow || named === running?.commit ? running : await past(source, named);
  if (tree !== undefined) {
    const body = isNow ? { ...replyOf(tree), grants: plane.grants } : replyOf(tree);
    return { kind: 'json', body };
  }
  return refused(404, {
    code: 'CH5430',
    message:
      named === undefined
        ? 'no commit was accepted by then, as far as the ledger goes back'
        : `the repository does not hold the commit ${named} (any more)`,
    help: 'chancery log --kind commit-accepted shows which commits ran',
  });
}

async function commitAt(
  store: IntentApiParts['store'],
  atMs: number | undefined,
): Promise<string | undefined> {
  if (atMs === undefined) return undefined;
  const entries = await store.ledger({ kind: commitKinds, untilMs: atMs, limit: ledgerPageMax });
  return commitsAt(entries).running?.commit;
}

async function past(
  source: IntentSource,
  commit: string | undefined,
): Promise<IntentTree | undefined> {
  return commit === undefined ? undefined : source.at(commit);
}

function replyOf({ commit, subject, files }: IntentTree): IntentReply {
  return { commit, subject, files: [...files].map(([path, text]) => ({ path, text })) };
}
