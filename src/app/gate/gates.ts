import type { Clock } from '../../base/clock.ts';
import { ChanceryError, messageOf } from '../../base/error.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { resolveEnvoy } from '../../envoy/resolve.ts';
import { noVerdict, validateBootstrap } from '../../envoy/validate.ts';
import type { Traffic } from '../traffic/traffic-log.ts';
import type { Gate } from './candidate.ts';
import { envoyGate, type Judge } from './envoy-gate.ts';
import { guardFindings } from './guard-rails.ts';
import { type HostShows, hostFindings, trustDomainFindings } from './identities.ts';
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
  let found: Promise<Result<Judge, string>> | undefined;
  let lookedMs = 0;
  const look = async (): Promise<Result<Judge, string>> => {
    lookedMs = clock.monotonicMs();
    try {
      const envoy = await resolveEnvoy(options);
      return ok(async (bootstrap) => {
        const judged = await validateBootstrap(envoy, bootstrap);
        if (judged.ok) return undefined;
        if (judged.error.startsWith(noVerdict)) throw new Error(judged.error);
        return judged.error;
      });
    } catch (error) {
      found = undefined;
      const notes = error instanceof ChanceryError ? (error.finding.notes ?? []) : [];
      return err(notes.length === 0 ? messageOf(error) : notes.join('; '));
    }
  };
  const missing = err('it was looked for a moment ago');
  const find = (): Promise<Result<Judge, string>> => {
    const tooSoon = lookedMs !== 0 && clock.monotonicMs() - lookedMs < lookAgainMs;
    if (found === undefined && tooSoon) return Promise.resolve(missing);
    found ??= look();
    return found;
  };
  return envoyGate({ find, known: (commit) => accepted.has(commit) });
}
