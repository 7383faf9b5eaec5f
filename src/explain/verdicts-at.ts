import type { Code, Finding } from '../base/finding.ts';
import type { LedgerEntry } from '../base/ledger.ts';

/** The kinds of entries that say what became of a commit; their subject is the commit. */
export const verdictKinds = ['verdict', 'commit-live'] as const;

/** What was known of a commit: of findings the codes, of gates nothing. */
export interface VerdictAt {
  readonly commit: string;
  readonly subject: string;
  /** When that was decided. */
  readonly atMs: number;
  readonly kind: 'accepted' | 'refused' | 'waiting' | 'superseded';
  readonly findings: readonly Finding[];
  readonly approvedBy: string | undefined;
  /** The commit that took its place. */
  readonly by: string;
  readonly liveMs: number | undefined;
}

/** The last verdict of each commit, newest first. The entries: newest first. */
export function verdictsAt(entries: readonly LedgerEntry[]): readonly VerdictAt[] {
  const found = new Map<string, VerdictAt>();
  const live = new Map<string, number>();
  for (const { kind, subject: commit, facts, atMs } of entries) {
    if (kind === 'commit-live' && !live.has(commit)) live.set(commit, atMs);
    if (kind !== 'verdict' || found.has(commit)) continue;
    const { approvedBy } = facts;
    found.set(commit, {
      ...{ commit, subject: String(facts['subject'] ?? ''), atMs },
      kind: facts['verdict'] as VerdictAt['kind'],
      findings: findingsOf(facts['codes']),
      approvedBy: approvedBy === undefined ? undefined : String(approvedBy),
      by: String(facts['by'] ?? ''),
      liveMs: live.get(commit),
    });
  }
  return [...found.values()];
}

function findingsOf(codes: string | number | undefined): Finding[] {
  const all = String(codes ?? '').match(/\bCH\d{4}\b/g) ?? [];
  const message = 'the ledger keeps the code of what was found, not its words';
  return all.map((code) => ({ code: code as Code, severity: 'error', message }));
}
