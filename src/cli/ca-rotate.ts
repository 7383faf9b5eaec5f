import { userInfo } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import type { ApiClient } from '../client/client.ts';
import type { CaReply } from '../client/gen/api.ts';
import { usageError } from './arguments.ts';
import type { CaCall, CaValues } from './ca.ts';
import { caText, waitingText } from './ca-text.ts';
import type { ExitCode } from './command.ts';
import { paint, type Terminal } from './terminal.ts';

/** The whole rotation, followed to its end, or one step of it. */
export async function rotate(call: CaCall): Promise<ExitCode> {
  const { api, dir, flags, terminal } = call;
  const request = stepRequest(flags);
  const reply = await api.post('/v1/ca/steps', { body: request });
  const json = flags.json === true;
  if (request.driven === 'auto') return followRotation(api, json, terminal);
  const text = caText(reply, dir, systemClock.nowMs(), terminal);
  terminal.out(json ? JSON.stringify(reply) : text);
  return 0;
}

const steps = ['prepare', 'activate', 'taint', 'revoke', 'abandon'] as const;

function stepRequest(flags: CaValues) {
  const what = wanted(flags);
  const by = userInfo().username;
  const force = flags.force === true;
  const named = flags.step;
  if (named === undefined) {
    if (force) throw usageError('--force goes with --step');
    return { step: 'prepare', what, driven: 'auto', by } as const;
  }
  const known = steps.find((one) => one === named);
  if (known === undefined) throw usageError(`--step is one of ${steps.join(', ')}`);
  return { step: known, what, driven: 'hand', force, by } as const;
}

function wanted(flags: CaValues): 'root' | 'intermediate' | 'own-root' {
  const intermediate = flags.intermediate === true;
  if (flags['own-root'] !== true) return intermediate ? 'intermediate' : 'root';
  if (intermediate) throw usageError('--own-root brings an intermediate with it');
  return 'own-root';
}

const followEveryMs = 100;
/** Once nothing moves for this long, what it waits for is said again. */
const remindMs = 10_000;

/** Says each step and each new thing that is waited for; ends when the rotation does. Ctrl-C only ends the watching. */
export async function followRotation(
  api: ApiClient,
  json: boolean,
  terminal: Terminal,
): Promise<ExitCode> {
  let last = '';
  let saidMs = 0;
  for (;;) {
    const reply = await api.get('/v1/ca').catch((error: unknown) => {
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
      const said = `rotated: ${reply.active.id} signs, bundle ${reply.sequence}`;
      terminal.out(json ? JSON.stringify(reply) : said);
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
