import type { Clock } from '../../base/clock.ts';
import { ChanceryError, messageOf } from '../../base/error.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { resolveEnvoy } from '../../envoy/resolve.ts';
import { noVerdict, validateBootstrap } from '../../envoy/validate.ts';
import { isWorkingTree } from '../intent-source.ts';
import type { Traffic } from '../traffic/traffic-log.ts';
import type { Gate } from './candidate.ts';
import { envoyGate, type Judge } from './envoy-gate.ts';
import { guardFindings } from './guard-rails.ts';
import {
  type HostShows,
  hostFindings,
  processFindings,
  trustDomainFindings,
} from './identities.ts';
import { referenceCheck } from './references.ts';
import { testFindings } from './test-gate.ts';

/** Every gate after parse and compile. What a person may let pass comes last: then nothing else is wrong with it. */
export function gates(parts: {
  readonly envoy: Gate | undefined;
  readonly traffic: Traffic;
  readonly hostShows: HostShows;
  readonly nowMs: () => number;
}): readonly Gate[] {
  const { envoy, traffic, hostShows, nowMs } = parts;
  const referenceFindings = referenceCheck();
  return [
    { name: 'tests', onErrors: 'refuse', check: ({ intent }) => testFindings(intent) },
    {
      name: 'references',
      onErrors: 'refuse',
      check: (candidate) => [...referenceFindings(candidate), ...trustDomainFindings(candidate)],
    },
    ...(envoy === undefined ? [] : [envoy]),
    {
      name: 'guard',
      onErrors: 'hold',
      check: (candidate) => [
        ...guardFindings(candidate, { traffic, nowMs: nowMs() }),
        ...hostFindings(candidate, hostShows),
        ...(isWorkingTree(candidate.tree) ? [] : processFindings(candidate)),
      ],
    },
  ];
}

/** Envoy is looked for at most this often where it was not to be had: what may be fetched then is 100 MB. */
const lookAgainMs = 600_000;

/** The gate of the Envoy that this machine has or can fetch. `accepted`: commits that were accepted before this start. */
export function realEnvoyGate(options: {
  readonly accepted: ReadonlySet<string>;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly onProgress: (text: string) => void;
}): Gate {
  const { accepted, clock } = options;
  const find = envoyFinder(clock, async () => {
    try {
      const envoy = await resolveEnvoy(options);
      return ok(async (bootstrap) => {
        const judged = await validateBootstrap(envoy, bootstrap);
        if (judged.ok) return undefined;
        if (judged.error.startsWith(noVerdict)) throw new Error(judged.error);
        return judged.error;
      });
    } catch (error) {
      const notes = error instanceof ChanceryError ? (error.finding.notes ?? []) : [];
      return err(notes.length === 0 ? messageOf(error) : notes.join('; '));
    }
  });
  return envoyGate({ find, known: (commit) => accepted.has(commit) });
}

/**
 * The first commit waits for a look at where Envoy may be. Later looks go on beside the commits: off the network each takes
 * ten seconds and more, which nobody who approves a commit is to wait for.
 */
export function envoyFinder(
  clock: Clock,
  look: () => Promise<Result<Judge, string>>,
): () => Promise<Result<Judge, string>> {
  let first: Promise<Result<Judge, string>> | undefined;
  let later: Result<Judge, string> | undefined;
  let lookedMs = 0;
  let isLooking = false;
  const again = async (): Promise<void> => {
    isLooking = true;
    later = await look();
    lookedMs = clock.monotonicMs();
    isLooking = false;
  };
  return async () => {
    if (first === undefined) {
      first = look();
      const found = await first;
      lookedMs = clock.monotonicMs();
      return found;
    }
    const known = later?.ok === true ? later : await first;
    if (!known.ok && !isLooking && clock.monotonicMs() - lookedMs >= lookAgainMs) void again();
    return known;
  };
}
