import type { Finding } from '../base/finding.ts';
import { timeText } from '../base/time-text.ts';
import { isUsable } from './ca-generation.ts';
import { hasEnded } from './ca-schedule.ts';
import type { Expiring } from './expiry.ts';
import { type CaState, nextStep } from './rotation.ts';

/** Who makes the next generation: we do, the company's CA that is plugged in, or a person by way of files. */
export type CaSource = 'own' | 'online' | 'offline';

export function caSource(state: CaState, isPluggedIn: boolean): CaSource {
  if (isPluggedIn) return 'online';
  return state.active.rootKey === undefined ? 'offline' : 'own';
}

/** What ends of the CA, with the command that mends it. `dir`: the intent folder, as commands name it. */
export function caExpiries(state: CaState, source: CaSource, dir: string): readonly Expiring[] {
  const { active, rotation } = state;
  const { createdMs, rootNotBeforeMs, rootNotAfterMs, intermediate } = active;
  const moving = moveCommand(state, dir);
  const signs: Expiring = {
    what: 'the intermediate of the CA',
    notBeforeMs: createdMs,
    notAfterMs: intermediate.notAfterMs,
    command: moving ?? newIntermediateCommand(state, source, dir),
  };
  const root: Expiring = {
    what: source === 'own' ? 'the root of the CA' : "the company's root",
    notBeforeMs: source === 'own' ? rootNotBeforeMs : createdMs,
    notAfterMs: rootNotAfterMs,
    command: moving ?? newRootCommand(source, dir),
  };
  if (rotation.kind !== 'prepared') return [signs, root];
  const next: Expiring = {
    what: 'the intermediate that is prepared',
    notBeforeMs: rotation.next.createdMs,
    notAfterMs: rotation.next.intermediate.notAfterMs,
    command: `chancery ca rotate ${dir} --step activate`,
  };
  return [signs, root, next];
}

/** While a rotation is under way the cure is that it goes on. */
function moveCommand({ rotation, driven }: CaState, dir: string): string | undefined {
  const step = nextStep(rotation);
  if (step === undefined) return undefined;
  return driven === 'hand'
    ? `chancery ca rotate ${dir} --step ${step}`
    : `chancery ca status ${dir} says whom ${step} waits for`;
}

function newIntermediateCommand({ request }: CaState, source: CaSource, dir: string): string {
  switch (source) {
    case 'own':
    case 'online':
      return `chancery ca rotate ${dir}`;
    case 'offline':
      return request === undefined ? offlineCommand(dir) : importCommand(dir);
  }
}

function newRootCommand(source: CaSource, dir: string): string {
  switch (source) {
    case 'own':
      return `chancery ca rotate ${dir}`;
    case 'online':
      return 'renew the files that chancery server --upstream-ca-cert names; the rotation follows by itself';
    case 'offline':
      return `${offlineCommand(dir)} --root FILE`;
  }
}

function offlineCommand(dir: string): string {
  return `chancery ca request ${dir} --out FILE, let the company's CA sign it, then ${importCommand(dir)}`;
}

function importCommand(dir: string): string {
  return `chancery ca import ${dir} --chain FILE`;
}

/** Why nothing can be signed now, and the way on; undefined: the CA signs. */
export function signingProblem(
  state: CaState,
  source: CaSource,
  dir: string,
  nowMs: number,
): Finding | undefined {
  const { active } = state;
  if (isUsable(active, nowMs)) return undefined;
  const { notBeforeMs, notAfterMs } = active.intermediate;
  const problem = { code: 'CH3014', severity: 'error' } as const;
  if (!hasEnded(active, nowMs)) {
    return {
      ...problem,
      message:
        'the CA begins later than now: this clock is behind, or it was ahead when the CA was made',
      expected: `a time from ${timeText(notBeforeMs)} on`,
      help: `set the clock right and wait; if it is right: chancery ca rotate ${dir}`,
    };
  }
  const command = newIntermediateCommand(state, source, dir);
  return {
    ...problem,
    message: `no certificate can be signed: the CA has ended at ${timeText(notAfterMs)}`,
    help: source === 'own' ? `it renews itself at once; if it does not: ${command}` : command,
  };
}
