import { sleep, systemClock } from '../base/clock.ts';
import { ChanceryError, messageOf } from '../base/error.ts';
import type { ApiClient } from '../client/client.ts';
import type { CommitReply } from '../client/gen/api.ts';
import { type DurationFlag, durationMsOf, usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { commitNamed } from './commit-name.ts';
import { shortCommit } from './commit-text.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { repositoryFor } from './repository-for.ts';
import { paint, type Terminal } from './terminal.ts';
import { type End, next, type Step } from './wait-step.ts';

const flags = {
  ...targetFlags,
  json: { type: 'boolean' },
  timeout: { type: 'string' },
} as const;

export const wait = command({
  usage: 'wait COMMIT [DIR] [--timeout 60s] [--json]',
  text: [
    'Waits until a commit is live on every proxy that it concerns, or says why it is not. COMMIT is an id, the beginning of one, HEAD, a branch or a tag: of the repository in DIR, or else of the folder where it is typed. One that was not read yet is waited for, and one that is watched until that is over; one that cannot come is said.',
    '0: live, or in a commit that is; 1: not within --timeout, or cannot come; 2: refused, reverted, taken back, or waits for approval, and likewise of what took its place. It has no --at: how far a commit was at a time is in chancery revision show.',
    ...targetHelp,
  ],
  examples: ['git push && chancery wait HEAD examples/shop'],
  flags,
  run,
});

/** That many say why it takes so long; chancery status has all. */
const troublesMax = 3;

const pollMs = 50;
/** A push shows its commits a moment before it moves the branch, and proxies take endpoints a moment after a commit. */
const settleMs = 2_000;
const timeoutFlag: DurationFlag = {
  flag: '--timeout',
  units: ['ms', 's', 'm'],
  suchAs: '60s or 2m',
};

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [name, dir, ...more] = positionals;
  if (name === undefined || more.length > 0) throw usageError('wait takes a commit');
  const timeoutMs = durationMsOf(timeoutFlag, values.timeout ?? '60s');
  const commit = name === 'HEAD' ? await headOf(dir) : await commitNamed(name, dir);
  if (commit === undefined) {
    throw usageError(`"${name}" is no commit, branch or tag of the repository in ${dir ?? '.'}`);
  }
  const api = controlClient(values, dir);
  const json = values.json === true;
  const { end, answer } = await waitFor(api, commit, timeoutMs, terminal);
  if (!json) end.end(dir ?? '', terminal);
  else terminal.out(JSON.stringify(answer));
  return end.code;
}

/** Says on the way what it waits for. */
async function waitFor(
  api: ApiClient,
  commit: string,
  timeoutMs: number,
  terminal: Terminal,
): Promise<{ readonly end: End; readonly answer: CommitReply | string }> {
  const endMs = systemClock.monotonicMs() + timeoutMs;
  let said = '';
  let settledMs = Number.POSITIVE_INFINITY;
  for (;;) {
    const answer = await ask(api, commit);
    const step: Step = typeof answer === 'string' ? { waitsFor: answer } : next(answer, commit);
    if ('end' in step) return { end: step, answer };
    const { waitsFor, inAMoment } = step;
    const nowMs = systemClock.monotonicMs();
    settledMs =
      inAMoment === undefined ? Number.POSITIVE_INFINITY : Math.min(settledMs, nowMs + settleMs);
    if (inAMoment !== undefined && nowMs >= settledMs) {
      if (!('end' in inAMoment)) throw new ChanceryError(inAMoment);
      return { end: inAMoment, answer };
    }
    if (waitsFor !== said) terminal.err(paint(terminal, 'dim', waitsFor));
    said = waitsFor;
    if (nowMs > endMs) throw notInTime({ commit, timeoutMs, said }, await troublesOf(api));
    await sleepAwake();
  }
}

/** Nothing answers there; its store is away, so that it cannot say who asks. */
const awayCodes: ReadonlySet<string> = new Set(['CH5402', 'CH5205']);

/** The control plane and its store may come and go while somebody waits. */
async function ask(api: ApiClient, commit: string): Promise<CommitReply | string> {
  try {
    return await api.get('/v1/verdicts/{name}', { path: { name: commit } });
  } catch (error) {
    const isAway = error instanceof ChanceryError && awayCodes.has(error.code);
    if (isAway) return messageOf(error);
    throw error;
  }
}

async function headOf(dir: string | undefined): Promise<string> {
  const repository = await repositoryFor(dir);
  if (!repository.ok) throw new ChanceryError(repository.error);
  const head = await repository.value.head();
  if (!head.ok) throw new ChanceryError(head.error);
  return head.value.id;
}

/** What a person must do something about is most often why a commit does not come. */
async function troublesOf(api: ApiClient): Promise<readonly string[]> {
  const warnings = await api.get('/v1/status').then(
    (status) => status.warnings,
    () => [],
  );
  return warnings.slice(0, troublesMax).map(({ code, message }) => `${code} ${message}`);
}

function notInTime(
  { commit, timeoutMs, said }: Readonly<{ commit: string; timeoutMs: number; said: string }>,
  notes: readonly string[],
): ChanceryError {
  return new ChanceryError({
    code: 'CH4211',
    message: `${shortCommit(commit)} is not live after ${timeoutMs / 1_000} s`,
    found: said,
    ...(notes.length === 0 ? {} : { notes }),
    help: 'chancery status shows what each proxy has; wait again with a longer --timeout',
  });
}

/** The clock of the process lets it end; this holds it. */
function sleepAwake(): Promise<void> {
  const hold = setInterval(() => {}, pollMs);
  return sleep(systemClock, pollMs).finally(() => clearInterval(hold));
}
