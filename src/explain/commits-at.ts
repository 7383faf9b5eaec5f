import type { LedgerEntry } from '../base/ledger.ts';

/** The kinds of entries that say which commit ran. */
export const commitKinds = [
  'commit-accepted',
  'commit-refused',
  'rollout-taken-back',
  'verdict',
] as const;

interface CommitsAt {
  /** Undefined: none that the ledger holds. */
  readonly running: { readonly commit: string; readonly subject: string } | undefined;
  /** Refused after the running one came. */
  readonly refused: { readonly commit: string; readonly codes: readonly string[] } | undefined;
  readonly waiting:
    | { readonly commit: string; readonly subject: string; readonly codes: readonly string[] }
    | undefined;
}

/** What ran and what waited after all of these entries, newest first. */
export function commitsAt(entries: readonly LedgerEntry[]): CommitsAt {
  const takenBack = new Set<string>();
  let refused: CommitsAt['refused'];
  for (const { kind, subject: commit, facts } of entries) {
    if (kind === 'rollout-taken-back') takenBack.add(commit);
    if (kind === 'commit-refused') refused ??= { commit, codes: codesOf(facts['why']) };
    if (kind !== 'commit-accepted' || takenBack.has(commit)) continue;
    const running = { commit, subject: String(facts['subject'] ?? '') };
    return { running, refused, waiting: waitingAt(entries) };
  }
  return { running: undefined, refused, waiting: waitingAt(entries) };
}

/** The newest commit of all, as long as nothing else was decided about it. */
function waitingAt(entries: readonly LedgerEntry[]): CommitsAt['waiting'] {
  const last = entries.find(({ kind }) => kind === 'verdict');
  if (last?.facts['verdict'] !== 'waiting') return undefined;
  const { subject: commit, facts } = last;
  return { commit, subject: String(facts['subject'] ?? ''), codes: codesOf(facts['codes']) };
}

function codesOf(text: string | number | undefined): string[] {
  return [...new Set(String(text ?? '').match(/\bCH\d{4}\b/g) ?? [])];
}
