import type { Code } from '../base/finding.ts';
import type { LedgerEntry } from '../base/ledger.ts';
import type { WorkloadId } from '../compile/inventory.ts';
import type { BranchState, Rollout, RolloutState } from '../rollout/rollout.ts';
import type { Wave } from '../rollout/waves.ts';
import { readLines } from './held.ts';

type Facts = LedgerEntry['facts'];
type Kind = RolloutState['kind'];

const prefix = 'rollout-';
const kinds = ['pushing', 'watching', 'halted', 'live', 'taken-back'] as const satisfies Kind[];

/** The kinds of entries that say how far a commit was; their subject is the commit. */
export const rolloutKinds: readonly string[] = kinds.map((kind) => `${prefix}${kind}`);

/** What the first entry of a rollout holds beside where it stands. */
export function planFacts({ subject, base, waves, urgent }: Rollout): Facts {
  return {
    ...{ subject, base, who: waves.map((wave) => wave.join(',')).join('\n') },
    ...(urgent === undefined ? {} : { urgent: 'yes' }),
  };
}

/**
 * Where the rollout of each commit stood after all of these entries, newest first; the entries likewise. One whose beginning
 * is not among them is left out: nobody could say what ran before it.
 */
export function rolloutsAt(entries: readonly LedgerEntry[]): readonly Rollout[] {
  const last = new Map<string, LedgerEntry>();
  const first = new Map<string, LedgerEntry>();
  for (const entry of entries) {
    if (!last.has(entry.subject)) last.set(entry.subject, entry);
    if (entry.facts['base'] !== undefined) first.set(entry.subject, entry);
  }
  return [...last].flatMap(([commit, entry]) => {
    const begun = first.get(commit);
    const kind = kinds.find((one) => `${prefix}${one}` === entry.kind);
    if (begun === undefined || kind === undefined) return [];
    return [{ commit, ...planOf(begun), state: stateOf(kind, entry) }];
  });
}

function planOf({ atMs, facts }: LedgerEntry): Omit<Rollout, 'commit' | 'state'> {
  const waves: readonly Wave[] = readLines(facts['who']).map(
    (line) => line.split(',') as WorkloadId[],
  );
  return {
    ...{ subject: textOf(facts, 'subject'), base: textOf(facts, 'base'), startedMs: atMs, waves },
    ...(facts['urgent'] === undefined ? {} : { urgent: true }),
  };
}

function stateOf(kind: Kind, { atMs: sinceMs, facts }: LedgerEntry): RolloutState {
  const wave = Number(facts['wave'] ?? 1) - 1;
  switch (kind) {
    case 'pushing':
    case 'watching':
      return { kind, wave, sinceMs };
    case 'halted':
      return { kind, wave, sinceMs, by: textOf(facts, 'by') };
    case 'live':
      return { kind, sinceMs };
    case 'taken-back': {
      const evidence = readLines(facts['evidence']);
      return {
        ...{ kind, sinceMs, reason: textOf(facts, 'reason'), branch: branchOf(facts) },
        ...(evidence.length === 0 ? {} : { evidence }),
      };
    }
  }
}

function branchOf(facts: Facts): BranchState {
  const { branch, code } = facts;
  const commit = textOf(facts, 'branchCommit');
  if (branch === 'written') return { kind: branch, commit, filesLeft: false };
  if (branch === 'as before') return { kind: branch, commit };
  const message = 'the ledger keeps the code of what was found, not its words';
  const problem =
    code === undefined
      ? undefined
      : ({ code: String(code) as Code, severity: 'warning', message } as const);
  if (branch === 'left' && problem !== undefined) return { kind: branch, problem };
  return { kind: 'open', problem };
}

function textOf(facts: Facts, name: string): string {
  return String(facts[name] ?? '');
}
