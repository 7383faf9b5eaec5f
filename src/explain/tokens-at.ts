import type { LedgerEntry } from '../base/ledger.ts';

/** The kinds of entries that make and end tokens of the operators' API; their subject is the token's name. */
export const tokenKinds = ['api-token', 'api-token-revoked'] as const;

interface TokenAt {
  readonly name: string;
  readonly role: string;
  readonly madeMs: number;
  readonly endsMs: number;
  readonly by: string;
}

/** The tokens that were good at `atMs`, by name. The entries: newest first. */
export function tokensAt(entries: readonly LedgerEntry[], atMs: number): readonly TokenAt[] {
  const good = new Map<string, TokenAt>();
  for (const { kind, subject: name, facts, atMs: madeMs } of entries.toReversed()) {
    if (kind === 'api-token-revoked') good.delete(name);
    if (kind !== 'api-token') continue;
    const { role, endsMs, by } = facts;
    good.set(name, { name, role: String(role), madeMs, endsMs: Number(endsMs), by: String(by) });
  }
  const all = [...good.values()].filter(({ endsMs }) => endsMs > atMs);
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
}
