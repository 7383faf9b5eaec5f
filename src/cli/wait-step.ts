import type { Refusal } from '../base/finding.ts';
import { fitted } from '../base/wrap.ts';
import type { CommitPlace, CommitReply, CommitVerdict, Rollout } from '../client/gen/api.ts';
import type { ExitCode } from './command.ts';
import { shortCommit } from './commit-text.ts';
import { branchText, progressText } from './revision-text.ts';
import type { Terminal } from './terminal.ts';
import { reportVerdict, traceText } from './verdict-text.ts';

/** What whoever waits is told last. */
export interface End {
  readonly code: ExitCode;
  readonly end: (dir: string, terminal: Terminal) => void;
}

/** `inAMoment`: what holds if it is still so then. */
export type Step = End | { readonly waitsFor: string; readonly inAMoment?: Refusal | End };

/** Pure: what an answer means to whoever waits for `commit`. */
export function next(reply: CommitReply, commit: string): Step {
  const { verdict: found, place, rollout } = reply;
  if (found === undefined) {
    const waitsFor = `${shortCommit(commit)} has not come yet`;
    return place === undefined ? { waitsFor } : placeStep(reply, commit, place);
  }
  const name = shortCommit(found.commit);
  switch (found.verdict.kind) {
    case 'checking':
      return { waitsFor: `${name} is ${checkingText(found)}` };
    case 'refused':
    case 'waiting':
      return verdictEnd(reply, found);
    case 'accepted':
    case 'superseded':
      if (rollout?.state.kind === 'taken-back') return takenBackEnd(reply, rollout);
      if (reply.running?.commit === found.commit) return runningStep(reply, `${name} is `, found);
      return replacedStep(reply, name, found);
  }
}

function checkingText({ gates }: CommitVerdict): string {
  const passed = gates.map(({ gate, tookMs }) => `${gate} ${tookMs} ms`).join(', ');
  return `being checked${passed === '' ? '' : `: ${passed}`}`;
}

/** Something else runs: what counts is whether that has what the commit changed. */
function replacedStep(reply: CommitReply, name: string, found: CommitVerdict | undefined): Step {
  const { carried, running, successor } = reply;
  const by = shortCommit(running?.commit ?? '');
  switch (carried) {
    case 'contained':
      // Whatever becomes of the one on its way, this one is there.
      if (reply.carriedByBase === 'contained' && !isLive(reply)) {
        return says(0, `${name} is live; ${by}, which contains it, is ${onItsWayText(reply)}`);
      }
      return runningStep(reply, `${name} is in ${by}, which is `, undefined);
    case 'reverted':
      return whenLive(reply, name, () => {
        return says(
          2,
          `${name} is taken out again: ${runningText(reply)}, without what it changed`,
        );
      });
    case 'missing':
    case undefined:
      break;
  }
  const place = found === undefined ? 'is in' : 'was superseded by';
  const after = `${name} ${place} ${shortCommit(successor?.commit ?? '')}`;
  if (found?.verdict.kind === 'superseded' && successor === undefined) {
    return { waitsFor: `${name} was superseded by ${shortCommit(found.verdict.by)}` };
  }
  switch (successor?.verdict.kind) {
    case 'checking':
      return { waitsFor: `${after}, which is ${checkingText(successor)}` };
    case 'refused':
    case 'waiting':
      return verdictEnd(reply, successor, after);
    case 'accepted':
    case 'superseded':
    case undefined:
      return whenLive(reply, name, () =>
        carried === undefined
          ? says(1, `${runningText(reply)}; whether it has what ${name} changed is not known here`)
          : says(2, `${name} does not run: ${runningText(reply)}, and does not contain it`),
      );
  }
}

/** It was live, or on its way, and is not any more. */
function takenBackEnd(reply: CommitReply, { commit, state }: Rollout): Step {
  const reason =
    state.kind === 'taken-back' ? `: ${state.reason}; ${branchText(state.branch)}` : '';
  return says(2, `${shortCommit(commit)} was taken back${reason}`, `${runningText(reply)}`);
}

/** `after`: of what took the place of the commit, and how. */
function verdictEnd(reply: CommitReply, verdict: CommitVerdict, after?: string): End {
  return {
    code: 2,
    end: (dir, terminal) => {
      if (after !== undefined) terminal.out(fitted(after, terminal.width));
      reportVerdict(verdict, dir, terminal);
      if (reply.running !== undefined) terminal.out(fitted(runningText(reply), terminal.width));
    },
  };
}

function says(code: ExitCode, ...lines: readonly string[]): End {
  return {
    code,
    end: (_dir, terminal) => {
      for (const line of lines) terminal.out(fitted(line, terminal.width));
    },
  };
}

/** All have taken what runs, and it is not going to be taken back for what it does. */
function isLive({ live, runningRollout }: CommitReply): boolean {
  return live && !isUnderWay(runningRollout);
}

function isUnderWay(rollout: Rollout | undefined): boolean {
  return rollout !== undefined && rollout.state.kind !== 'live';
}

function whenLive(reply: CommitReply, name: string, end: () => End): Step {
  return isLive(reply) ? end() : { waitsFor: `${name} is not what runs: ${runningText(reply)}` };
}

/** In a whole sentence. */
function runningText(reply: CommitReply): string {
  const by = shortCommit(reply.running?.commit ?? '');
  return isLive(reply) ? `${by} is ${liveText(reply)}` : `${by} is ${onItsWayText(reply)}`;
}

/** The running commit is the one that is waited for, or has it. */
function runningStep(reply: CommitReply, head: string, waited: CommitVerdict | undefined): Step {
  if (!isLive(reply)) return { waitsFor: `${head}${onItsWayText(reply)}` };
  const took =
    waited?.liveMs === undefined
      ? ''
      : ` in ${((waited.liveMs - waited.seenMs) / 1_000).toFixed(1)} s`;
  const trace = waited?.traceId === undefined ? [] : [traceText(waited.traceId)];
  const end = says(0, `${head}${liveText(reply, took)}`, ...trace);
  const { converging, total } = reply.proxies;
  if (converging === 0) return end;
  // It is there, and endpoints that it brought or took away are on their way.
  return {
    waitsFor: `${head}live; ${converging} of ${total} proxies are taking what changed since`,
    inAMoment: end,
  };
}

function liveText({ proxies: { inSync, total, behind } }: CommitReply, took = ''): string {
  const away = behind.length === 0 ? '' : `; not in sync: ${behind.join(', ')}`;
  return `live on ${inSync} of ${total} proxies${took}${away}`;
}

/** Proxies whose wave has not come are in sync with what ran before, and are not counted for this. */
function onItsWayText({ runningRollout, proxies }: CommitReply): string {
  const { inSync, total, behind } = proxies;
  if (runningRollout === undefined || !isUnderWay(runningRollout)) {
    const away = behind.length === 0 ? '' : `, and not ${behind.join(', ')}`;
    return `accepted; ${inSync} of ${total} proxies are in sync${away}`;
  }
  const { waves, state } = runningRollout;
  const wave = 'wave' in state ? state.wave : 0;
  const had = waves.slice(0, state.kind === 'watching' ? wave + 1 : wave).flat();
  const late = (waves[wave] ?? []).filter((one) => behind.includes(one));
  const waitsFor = state.kind === 'pushing' && late.length > 0 ? `: ${late.join(', ')}` : '';
  const concerned = waves.flat().length;
  const have = `${had.length} of the ${concerned} proxies that it changes have it`;
  const progress = progressText(runningRollout, { color: false });
  return `accepted; ${concerned === 0 ? 'it changes no proxy' : have}; ${progress}${waitsFor}`;
}

function placeStep(reply: CommitReply, commit: string, place: CommitPlace): Step {
  const { standing, follows, head } = place;
  const name = shortCommit(commit);
  const at = head === undefined ? '' : ` is at ${shortCommit(head)}`;
  switch (standing) {
    case 'unknown':
      return { waitsFor: `${name} has not come yet: ${follows}${at}` };
    case 'newest':
      return { waitsFor: `${name} is about to be read: ${follows}${at}` };
    case 'beneath':
    case 'elsewhere': {
      const isThere = reply.carried === 'contained' || reply.carried === 'reverted';
      if (isThere || (standing === 'beneath' && reply.successor !== undefined)) {
        return replacedStep(reply, name, undefined);
      }
      // The newest, which contains it, is in line to be read; one that follows may hear of it later than of the branch.
      if (standing === 'beneath') {
        return { waitsFor: `${name} is beneath what is about to be read: ${follows}${at}` };
      }
      return {
        waitsFor: `${name} is not the newest: ${follows}${at}`,
        inAMoment: neverComes(name, place),
      };
    }
  }
}

function neverComes(name: string, { follows, head }: CommitPlace): Refusal {
  return {
    code: 'CH4213',
    message: `${name} does not come: it is not in what the control plane follows`,
    expected: `the newest commit of ${follows}`,
    ...(head === undefined ? {} : { found: `the newest is ${shortCommit(head)}` }),
    help: 'put it on the branch that is followed, then wait again',
  };
}
