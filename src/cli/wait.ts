import { sleep, systemClock } from '../base/clock.ts';
import { ChanceryError, messageOf } from '../base/error.ts';
import type { Refusal } from '../base/finding.ts';
import { fitted } from '../base/wrap.ts';
import type { ApiClient } from '../client/client.ts';
import type { CommitPlace, CommitReply, CommitVerdict, Rollout } from '../client/gen/api.ts';
import {
  type DurationFlag,
  durationMsOf,
  type Help,
  parseArguments,
  usageError,
} from './arguments.ts';
import { commitNamed } from './commit-name.ts';
import { shortCommit } from './commit-text.ts';
import { controlClient, targetHelp, targetOptions } from './control-target.ts';
import { helpText } from './help-text.ts';
import type { ExitCode } from './main.ts';
import { repositoryFor } from './repository-for.ts';
import { branchText, progressText } from './revision-text.ts';
import { paint, type Terminal } from './terminal.ts';
import { reportVerdict, traceText } from './verdict-text.ts';

const usage: Help = {
  usage: 'wait COMMIT [DIR] [--timeout 60s] [--json]',
  text: [
    'Waits until a commit is live on every proxy that it concerns, or says why it is not. COMMIT is an id, the beginning of one, HEAD, a branch or a tag: of the repository in DIR, or else of the folder where it is typed. One that was not read yet is waited for, and one that is watched until that is over; one that cannot come is said.',
    '0: live, or superseded by a commit that is; 1: not within --timeout, or cannot come; 2: refused, taken back, or waits for approval. It has no --at: how far a commit was at a time is in chancery revision show.',
    ...targetHelp,
  ],
  examples: ['git push && chancery wait HEAD examples/shop'],
};

const pollMs = 50;
/** A push shows its commits a moment before it moves the branch. */
const settleMs = 2_000;
const timeoutFlag: DurationFlag = {
  flag: '--timeout',
  units: ['ms', 's', 'm'],
  suchAs: '60s or 2m',
};

const options = {
  ...targetOptions,
  json: { type: 'boolean' },
  timeout: { type: 'string' },
} as const;

export async function wait(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, options, usage);
  if (parsed.help !== undefined) {
    terminal.out(helpText(parsed.help, terminal.width));
    return 0;
  }
  const [name, dir, ...more] = parsed.positionals;
  if (name === undefined || more.length > 0) throw usageError('wait takes a commit', usage);
  const timeoutMs = durationMsOf(timeoutFlag, String(parsed.values['timeout'] ?? '60s'), usage);
  const commit = name === 'HEAD' ? await headOf(dir) : await commitNamed(name, dir);
  if (commit === undefined) {
    throw usageError(
      `"${name}" is no commit, branch or tag of the repository in ${dir ?? '.'}`,
      usage,
    );
  }
  const api = controlClient(parsed.values, dir);
  const json = parsed.values['json'] === true;
  const endMs = systemClock.monotonicMs() + timeoutMs;
  let said = '';
  let settledMs = Number.POSITIVE_INFINITY;
  for (;;) {
    const answer = await ask(api, commit);
    const step = typeof answer === 'string' ? { waitsFor: answer } : next(answer, commit);
    if ('end' in step) {
      if (json && typeof answer !== 'string') terminal.out(JSON.stringify(answer));
      return json ? step.code : step.end(dir ?? '', terminal);
    }
    const nowMs = systemClock.monotonicMs();
    settledMs =
      step.never === undefined ? Number.POSITIVE_INFINITY : Math.min(settledMs, nowMs + settleMs);
    if (step.never !== undefined && nowMs >= settledMs) throw new ChanceryError(step.never);
    if (step.waitsFor !== said) terminal.err(paint(terminal, 'dim', step.waitsFor));
    said = step.waitsFor;
    if (nowMs > endMs) throw notInTime(commit, timeoutMs, said);
    await sleepAwake();
  }
}

/** A commit, and how it goes on to proxies where it went to any since the control plane started. */
interface Waited extends CommitReply {
  readonly rollout?: Rollout;
}

/** The control plane may come and go while somebody waits. */
async function ask(api: ApiClient, commit: string): Promise<Waited | string> {
  try {
    const reply = await api.get('/v1/verdicts/{name}', { path: { name: commit } });
    if (reply.verdict?.verdict.kind !== 'accepted') return reply;
    const { revisions } = await api.get('/v1/revisions');
    const rollout = revisions.find((one) => one.commit === reply.verdict?.commit);
    return rollout === undefined ? reply : { ...reply, rollout };
  } catch (error) {
    if (error instanceof ChanceryError && error.code === 'CH5402') return messageOf(error);
    throw error;
  }
}

type Step =
  /** `never`: what it waits for does not come, if that is still so in a moment. */
  | { readonly waitsFor: string; readonly never?: Refusal }
  | { readonly code: ExitCode; readonly end: (dir: string, terminal: Terminal) => ExitCode };

/** Pure: what an answer means to whoever waits for `commit`. */
export function next(reply: Waited, commit: string): Step {
  const { verdict: found, running, place, rollout } = reply;
  if (found === undefined) return place === undefined ? notCome(commit) : placeStep(commit, place);
  const name = shortCommit(found.commit);
  switch (found.verdict.kind) {
    case 'checking': {
      const passed = found.gates.map(({ gate, tookMs }) => `${gate} ${tookMs} ms`).join(', ');
      return { waitsFor: `${name} is being checked${passed === '' ? '' : `: ${passed}`}` };
    }
    case 'refused':
    case 'waiting':
      return {
        code: 2,
        end: (dir, terminal) => {
          reportVerdict(found, dir, terminal);
          return 2;
        },
      };
    case 'accepted':
    case 'superseded': {
      if (rollout?.state.kind === 'taken-back') return takenBackStep(rollout);
      const isRunning = running?.commit === found.commit;
      // All may have it and it may be taken back from all: that is not known before it was looked at.
      const { kind } = rollout?.state ?? {};
      if (isRunning && rollout !== undefined && kind !== 'live') {
        const progress = progressText(rollout, { color: false });
        return { waitsFor: `${name} is accepted; ${inSyncText(reply)}; ${progress}` };
      }
      const by = shortCommit(running?.commit ?? '');
      return isRunning
        ? liveStep(reply, `${name} is `, found)
        : liveStep(reply, `${name} was superseded by ${by}, which is `);
    }
  }
}

/** It was live, or on its way, and is not any more. */
function takenBackStep(rollout: Rollout): Step {
  return {
    code: 2,
    end: (_dir, terminal) => {
      terminal.out(
        fitted(
          `${shortCommit(rollout.commit)} was taken back: ${reasonOf(rollout)}`,
          terminal.width,
        ),
      );
      return 2;
    },
  };
}

function reasonOf({ state }: Rollout): string {
  if (state.kind !== 'taken-back') return '';
  return `${state.reason}; ${branchText(state.branch)}`;
}

function inSyncText({ proxies: { inSync, total, behind } }: CommitReply): string {
  const away = behind.length === 0 ? '' : `, and not ${behind.join(', ')}`;
  return `${inSync} of ${total} proxies are in sync${away}`;
}

function notCome(commit: string): Step {
  return { waitsFor: `${shortCommit(commit)} has not come yet` };
}

function placeStep(commit: string, place: CommitPlace): Step {
  const { standing, follows, head } = place;
  const at = head === undefined ? '' : ` is at ${shortCommit(head)}`;
  switch (standing) {
    case 'unknown':
      return { waitsFor: `${shortCommit(commit)} has not come yet: ${follows}${at}` };
    case 'newest':
      return { waitsFor: `${shortCommit(commit)} is about to be read: ${follows}${at}` };
    case 'beneath':
    case 'elsewhere':
      return {
        waitsFor: `${shortCommit(commit)} is not the newest: ${follows}${at}`,
        never: neverComes(commit, place),
      };
  }
}

function neverComes(commit: string, { standing, follows, head }: CommitPlace): Refusal {
  const id = shortCommit(commit);
  return {
    code: 'CH4213',
    message:
      standing === 'beneath'
        ? `${id} does not come by itself: newer commits were there before it was read`
        : `${id} does not come: it is not in what the control plane follows`,
    expected: `the newest commit of ${follows}`,
    ...(head === undefined ? {} : { found: `the newest is ${shortCommit(head)}` }),
    help:
      standing === 'beneath'
        ? `wait for the newest, which contains it: chancery wait ${head === undefined ? 'HEAD' : shortCommit(head)}`
        : 'put it on the branch that is followed, then wait again',
  };
}

function liveStep(
  { live, proxies, running }: CommitReply,
  head: string,
  waited?: CommitVerdict,
): Step {
  const { inSync, total, behind } = proxies;
  const away = behind.length === 0 ? '' : `; not in sync: ${behind.join(', ')}`;
  if (running === undefined || !live) {
    return { waitsFor: `${head}accepted; ${inSync} of ${total} proxies are in sync${away}` };
  }
  const took =
    waited?.liveMs === undefined
      ? ''
      : ` in ${((waited.liveMs - waited.seenMs) / 1_000).toFixed(1)} s`;
  return {
    code: 0,
    end: (_dir, terminal) => {
      terminal.out(
        fitted(`${head}live on ${inSync} of ${total} proxies${took}${away}`, terminal.width),
      );
      if (waited?.traceId !== undefined) terminal.out(traceText(waited.traceId));
      return 0;
    },
  };
}

async function headOf(dir: string | undefined): Promise<string> {
  const repository = await repositoryFor(dir);
  if (!repository.ok) throw new ChanceryError(repository.error);
  const head = await repository.value.head();
  if (!head.ok) throw new ChanceryError(head.error);
  return head.value.id;
}

function notInTime(commit: string, timeoutMs: number, said: string): ChanceryError {
  return new ChanceryError({
    code: 'CH4211',
    message: `${shortCommit(commit)} is not live after ${timeoutMs / 1_000} s`,
    found: said,
    help: 'chancery status shows what each proxy has; wait again with a longer --timeout',
  });
}

/** The clock of the process lets it end; this holds it. */
function sleepAwake(): Promise<void> {
  const hold = setInterval(() => {}, pollMs);
  return sleep(systemClock, pollMs).finally(() => clearInterval(hold));
}
