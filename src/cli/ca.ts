import { realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { layoutOf } from '../app/layout.ts';
import { systemClock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import { callApi } from '../serve/api/client.ts';
import { type CaReply, type CaStepRequest, paths } from '../serve/api/wire.ts';
import { parseArguments, usageError, type Values } from './arguments.ts';
import { caText, waitingText } from './ca-text.ts';
import type { ExitCode } from './main.ts';
import { paint, type Terminal } from './terminal.ts';

const usage = {
  usage: 'ca status|rotate|rekey [DIR]',
  text: [
    'The CA of a running mesh.',
    '',
    '  ca status [DIR] [--json]    what signs now, what is trusted, and where a rotation stands and waits; 2: something ends soon',
    '  ca rotate [DIR]             replace root, intermediate and token key: prepare, activate, taint, revoke, each behind its gate;',
    '                              the control plane drives it, also through restarts, and this command follows it',
    '    --intermediate            only what is below the root',
    '    --step STEP               one step by hand: prepare, activate, taint, revoke, or abandon for what is prepared',
    '    --force                   with --step: go on although somebody is cut off',
    '  ca rekey [DIR] --to NAME    seal the CA under another key-encryption key; chancery ca rekey --help has more',
  ].join('\n'),
  example: 'chancery ca rotate examples/shop',
};

export async function ca(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  if (args[0] === 'rekey') return (await import('./ca-rekey.ts')).caRekey(args.slice(1), terminal);
  const parsed = parseArguments(
    args,
    {
      json: { type: 'boolean' },
      intermediate: { type: 'boolean' },
      step: { type: 'string' },
      force: { type: 'boolean' },
    },
    usage,
  );
  if (parsed.help !== undefined) {
    terminal.out(parsed.help);
    return 0;
  }
  const [verb, dir = '.', ...more] = parsed.positionals;
  if (more.length > 0) throw usageError('ca takes one folder', usage);
  const { controlSocket } = layoutOf(realpathSync(dir), process.env);
  const json = parsed.values['json'] === true;
  switch (verb) {
    case 'status':
      return status(controlSocket, json, dir, terminal);
    case 'rotate': {
      const request = stepRequest(parsed.values);
      const reply = await step(controlSocket, request);
      if (request.driven !== 'auto') {
        terminal.out(
          json ? JSON.stringify(reply) : caText(reply, dir, systemClock.nowMs(), terminal),
        );
        return 0;
      }
      return followRotation(controlSocket, terminal);
    }
    default:
      throw usageError('ca is followed by status, rotate or rekey', usage);
  }
}

async function status(
  controlSocket: string,
  json: boolean,
  dir: string,
  terminal: Terminal,
): Promise<ExitCode> {
  const reply = await read(controlSocket);
  const nowMs = systemClock.nowMs();
  terminal.out(json ? JSON.stringify(reply) : caText(reply, dir, nowMs, terminal));
  return endsSoon(reply, nowMs) ? 2 : 0;
}

/** The last third of a life is when a person must know (unless a rotation is on its way). */
export function endsSoon({ active, rotation }: CaReply, nowMs: number): boolean {
  if (rotation.kind !== 'none') return false;
  const third = (endMs: number): boolean => endMs - nowMs < (endMs - active.createdMs) / 3;
  return third(active.intermediateNotAfterMs) || third(active.rootNotAfterMs);
}

const steps = ['prepare', 'activate', 'taint', 'revoke', 'abandon'] as const;

function stepRequest(values: Values): CaStepRequest {
  const what = values['intermediate'] === true ? 'intermediate' : 'root';
  const by = userInfo().username;
  const force = values['force'] === true;
  const named = values['step'];
  if (named === undefined) {
    if (force) throw usageError('--force goes with --step', usage);
    return { step: 'prepare', what, driven: 'auto', by };
  }
  const known = steps.find((one) => one === named);
  if (known === undefined) throw usageError(`--step is one of ${steps.join(', ')}`, usage);
  return { step: known, what, driven: 'hand', force, by };
}

const followEveryMs = 100;
/** Once nothing moves for this long, what it waits for is said again. */
const remindMs = 10_000;

/** Says each step and each new thing that is waited for; ends when the rotation does. Ctrl-C only ends the watching. */
async function followRotation(controlSocket: string, terminal: Terminal): Promise<ExitCode> {
  let last = '';
  let saidMs = 0;
  for (;;) {
    const reply = await read(controlSocket).catch((error: unknown) => {
      if (error instanceof ChanceryError) return undefined;
      throw error;
    });
    const text = reply === undefined ? 'the control plane is away' : progressOf(reply);
    const nowMs = systemClock.monotonicMs();
    if (text !== last || nowMs - saidMs > remindMs) {
      terminal.err(paint(terminal, 'dim', text));
      last = text;
      saidMs = nowMs;
    }
    if (reply?.rotation.kind === 'none') {
      terminal.out(`rotated: ${reply.active.id} signs, bundle ${reply.sequence}`);
      return 0;
    }
    // A timer of its own: the one of the clock does not keep a command alive.
    await new Promise((wake) => setTimeout(wake, followEveryMs));
  }
}

function progressOf(reply: CaReply): string {
  const waiting = waitingText(reply);
  return `${reply.rotation.kind}${waiting === '' ? '' : `; waits for ${waiting}`}`;
}

async function read(controlSocket: string): Promise<CaReply> {
  return (await callApi(controlSocket, { method: 'GET', path: paths.ca })) as CaReply;
}

async function step(controlSocket: string, body: CaStepRequest): Promise<CaReply> {
  const call = { method: 'POST' as const, path: paths.caSteps, body };
  return (await callApi(controlSocket, call)) as CaReply;
}
