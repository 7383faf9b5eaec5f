import { existsSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import type { ServiceFlows } from '../policy/flow.ts';
import { usageError } from './arguments.ts';
import { controlClient, type TargetValues } from './control-target.ts';
import { type IntentAt, type IntentAtValues, intentOfFiles, meshRunsIn } from './intent-at.ts';
import { momentOf } from './moment-flag.ts';
import type { Terminal } from './terminal.ts';

export const dayMs = 86_400_000;
const sinceUnlessSaidMs = 7 * dayMs;

/** Who came in lately; `flows` undefined: nobody could be asked, and `why` says it. */
export interface Recorded {
  readonly flows: readonly ServiceFlows[] | undefined;
  readonly why: string;
  readonly sinceMs: number;
}

type RecordedValues = TargetValues & { readonly since: string | undefined };

export async function recordedFlows(
  { dir, values }: { readonly dir: string | undefined; readonly values: RecordedValues },
  service?: string,
): Promise<Recorded> {
  const sinceMs = momentOf(values.since, '--since') ?? systemClock.nowMs() - sinceUnlessSaidMs;
  if (values.api === undefined && !process.env['CHANCERY_API'] && !meshRunsIn(dir ?? '.')) {
    return { flows: undefined, why: 'no mesh runs here', sinceMs };
  }
  const query = { since: Math.floor(sinceMs), ...(service === undefined ? {} : { service }) };
  try {
    const reply = await controlClient(values, dir).get('/v1/flows', { query });
    return { flows: reply.services, why: '', sinceMs };
  } catch (error) {
    // One of before has no such call.
    if (!(error instanceof ChanceryError) || error.code !== 'CH5405') throw error;
    return { flows: undefined, why: 'this control plane records no flows', sinceMs };
  }
}

export interface PolicySides {
  readonly before: IntentAt;
  readonly after: IntentAt;
  readonly dir: string | undefined;
}

/** `A..B [DIR]`, `A B [DIR]`, or `B [DIR]` against what runs. Undefined: one of them does not hold, and why was said. */
export async function policySides(
  words: readonly string[],
  values: IntentAtValues,
  terminal: Terminal,
): Promise<PolicySides | undefined> {
  const { a, b, dir } = namesIn(words);
  const side = (at: string | undefined): Promise<IntentAt | undefined> => {
    const given = { dir, name: 'policy diff' };
    return intentOfFiles(
      { ...given, values: at === undefined ? values : { ...values, at } },
      terminal,
    );
  };
  const before = await side(a);
  const after = await side(b);
  return before && after && { before, after, dir };
}

function namesIn(words: readonly string[]) {
  const [first, second, third, ...more] = words;
  if (first === undefined) throw usageError('policy diff takes two commits, or one');
  if (first.includes('...')) {
    throw usageError('policy diff takes A..B: what changes from A to B, whatever they come from');
  }
  const range = /^(.*?)\.\.(.*)$/.exec(first);
  if (range !== null) {
    if (third !== undefined) throw usageError('A..B is followed by one folder');
    return { a: range[1] || 'HEAD', b: range[2] || 'HEAD', dir: second };
  }
  if (more.length > 0) throw usageError('policy diff takes two commits and a folder');
  const isDir = second !== undefined && third === undefined && existsSync(second);
  return second === undefined || isDir
    ? { a: undefined, b: first, dir: second }
    : { a: first, b: second, dir: third };
}
