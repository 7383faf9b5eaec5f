import { rolloutKinds, rolloutsAt } from '../explain/rollouts-at.ts';
import { tokenKinds, tokensAt } from '../explain/tokens-at.ts';
import { type VerdictAt, verdictKinds, verdictsAt } from '../explain/verdicts-at.ts';
import type { OperatorRole } from '../model/types.ts';
import type { ApiTokensReply } from '../serve/api/operator-wire.ts';
import { numberOf } from '../serve/api/query-shape.ts';
import { ledgerPageMax } from '../serve/api/routes.ts';
import type { ApiReply, ApiRequest } from '../serve/api/server.ts';
import { paths, type RevisionsReply } from '../serve/api/wire.ts';
import type { CommitVerdict, Verdict, VerdictsReply } from '../serve/api/wire-gate.ts';
import type { Store } from '../store/store.ts';
import { caAt } from './ca-history.ts';
import { federationAt } from './federation/federation-history.ts';
import { hostsAt } from './hosts/host-history.ts';

/** What is asked with `at`, of the ledger; undefined when the request is about something else, or about now. */
export async function pastApi(
  { store }: { readonly store: Pick<Store, 'ledger'> },
  { method, path, query }: ApiRequest,
): Promise<ApiReply | undefined> {
  const atMs = numberOf(query, 'at');
  if (method !== 'GET' || atMs === undefined) return undefined;
  if (path === paths.ca) return caAt(store, atMs);
  if (path === paths.apiTokens) return tokens(store, atMs);
  if (path === paths.verdicts) return verdicts(store, atMs);
  if (path === paths.revisions) return revisions(store, atMs);
  if (path === paths.federation) return federationAt(store, atMs);
  if (path === paths.hosts) return hostsAt(store, atMs, '');
  if (path.startsWith(`${paths.hosts}/`)) {
    return hostsAt(store, atMs, path.slice(paths.hosts.length + 1));
  }
  return undefined;
}

async function tokens(store: Pick<Store, 'ledger'>, atMs: number): Promise<ApiReply> {
  const entries = await store.ledger({ kind: tokenKinds, untilMs: atMs, limit: ledgerPageMax });
  const good = tokensAt(entries, atMs);
  const body: ApiTokensReply = {
    tokens: good.map((one) => ({ ...one, role: one.role as OperatorRole })),
  };
  return { kind: 'json', body };
}

async function verdicts(store: Pick<Store, 'ledger'>, atMs: number): Promise<ApiReply> {
  const entries = await store.ledger({ kind: verdictKinds, untilMs: atMs, limit: ledgerPageMax });
  const body: VerdictsReply = { verdicts: verdictsAt(entries).map(commitVerdict) };
  return { kind: 'json', body };
}

async function revisions(store: Pick<Store, 'ledger'>, atMs: number): Promise<ApiReply> {
  const entries = await store.ledger({ kind: rolloutKinds, untilMs: atMs, limit: ledgerPageMax });
  const body: RevisionsReply = { revisions: rolloutsAt(entries) };
  return { kind: 'json', body };
}

function commitVerdict(one: VerdictAt): CommitVerdict {
  const { commit, subject, atMs, liveMs } = one;
  return { commit, subject, seenMs: atMs, verdict: verdictOf(one), gates: [], liveMs, sources: {} };
}

function verdictOf({ kind, atMs, findings, approvedBy, by }: VerdictAt): Verdict {
  switch (kind) {
    case 'accepted':
      return { kind, atMs, warnings: [], approvedBy };
    case 'refused':
    case 'waiting':
      return { kind, atMs, findings };
    case 'superseded':
      return { kind, atMs, by };
  }
}
