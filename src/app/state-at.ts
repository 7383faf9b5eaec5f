import type { LedgerKind } from '../base/ledger.ts';
import { type ApiReply, refused } from '../serve/api/server.ts';
import type { Store } from '../store/store.ts';

/** What was noted last of something before a time: `state` of an entry, which is the whole of it as JSON. */
export async function stateAt(
  store: Pick<Store, 'ledger'>,
  { kind, of, atMs }: { readonly kind: LedgerKind; readonly of: string; readonly atMs: number },
): Promise<ApiReply> {
  const [entry] = await store.ledger({ kind, untilMs: atMs, limit: 1 });
  if (entry === undefined) {
    return refused(404, {
      code: 'CH5430',
      message: `the ledger holds no state of ${of} of that time`,
      help: `chancery log --kind ${kind} shows since when it does`,
    });
  }
  return { kind: 'json', body: JSON.parse(String(entry.facts['state'])) };
}
