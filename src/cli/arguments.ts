import { parseArgs } from 'node:util';
import { ChanceryError, messageOf } from '../base/error.ts';
import { nearestName } from '../base/nearest.ts';

/** A paragraph, indented as it begins; or a term and what it means. `helpText` breaks lines, nobody else. */
export type HelpLine = string | readonly [term: string, meaning: string];

export interface Help {
  readonly usage: string;
  readonly text: readonly HelpLine[];
  /** Commands that work when they are pasted. */
  readonly examples: readonly string[];
}

export type Flags = Readonly<
  Record<string, { readonly type: 'string' | 'boolean'; readonly multiple?: boolean }>
>;

/** Of flags that are not known one by one it can be any of the three. */
type ValueOf<Flag extends Flags[string]> = Flag['type'] extends 'boolean'
  ? boolean
  : Flag['type'] extends 'string'
    ? Flag extends { readonly multiple: true }
      ? readonly string[]
      : string
    : string | boolean | readonly string[];

/** What flags were given as; undefined: not given. */
export type Values<Of extends Flags = Flags> = {
  readonly [Name in keyof Of]: ValueOf<Of[Name]> | undefined;
};

interface Arguments<Of extends Flags> {
  readonly values: Values<Of>;
  readonly positionals: readonly string[];
  readonly wantsHelp: boolean;
}

/** Flags and positionals of one command; an unknown flag is a usage error. */
export function parseArguments<const Of extends Flags>(
  args: readonly string[],
  flags: Of,
): Arguments<Of> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...flags, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
    const { help, ...own } = values as Values;
    return { values: own as Values<Of>, positionals, wantsHelp: help === true };
  } catch (cause) {
    const problem = flagProblem(messageOf(cause), Object.keys(flags));
    throw new UsageError({ code: 'CH5003', ...problem }, { cause });
  }
}

/** The parser of the runtime speaks to programmers, in several lines. */
function flagProblem(text: string, known: readonly string[]) {
  const [, unknown] = /^Unknown option '-*([^']+)'/.exec(text) ?? [];
  if (unknown !== undefined) {
    const nearest = nearestName(unknown, [...known, 'help']);
    return {
      message: `there is no flag "${unknown.length === 1 ? '-' : '--'}${unknown}" here`,
      ...(nearest === undefined ? {} : { nearest: `--${nearest}` }),
    };
  }
  const [, flag] = /^Option '(?:-., )?(--[^ ']+)/.exec(text) ?? [];
  if (flag === undefined) return { message: text };
  if (text.includes('does not take')) return { message: `${flag} takes no value` };
  return text.includes('ambiguous')
    ? { message: `${flag} needs a value; one that begins with "-" is given as ${flag}=VALUE` }
    : { message: `${flag} needs a value` };
}

/** A slip of whoever typed. Its code alone does not tell it from others that the usage would not help. */
class UsageError extends ChanceryError {}

export function usageError(message: string): ChanceryError {
  return new UsageError({ code: 'CH5003', message });
}

/** What is thrown deep inside a command does not know which command it was. */
export function withUsage(error: unknown, usage: string): unknown {
  if (!(error instanceof UsageError)) return error;
  const { finding, cause } = error;
  return new ChanceryError({ ...finding, help: `usage: chancery ${usage}` }, { cause });
}

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A flag that takes a duration in some of the units. */
export interface DurationFlag {
  readonly flag: string;
  readonly units: readonly (keyof typeof unitsMs)[];
  /** For whoever typed another one. */
  readonly suchAs: string;
  /** In milliseconds; what is longer is a slip of the hand. */
  readonly max?: number;
}

/** `server` takes it, and `up` hands it on. */
export const watchFlag: DurationFlag = {
  flag: '--watch',
  units: ['ms', 's', 'm', 'h'],
  suchAs: '5s or 10m',
  max: unitsMs.d,
};

/** A duration that was typed, such as 30m. */
export function durationMsOf(given: DurationFlag, text: string): number {
  const match = /^(\d+)([a-z]+)$/.exec(text);
  const unit = given.units.find((one) => one === match?.[2]);
  if (unit === undefined) {
    throw usageError(`${given.flag} is such as ${given.suchAs}, not "${text}"`);
  }
  const durationMs = Number(match?.[1]) * unitsMs[unit];
  if (durationMs <= (given.max ?? Number.MAX_SAFE_INTEGER)) return durationMs;
  const most = given.max === undefined ? '' : `; at most ${given.max / unitsMs.h}h`;
  throw usageError(`${given.flag} is such as ${given.suchAs}, not "${text}"${most}`);
}

/** A command that is told everything by flags. */
export function noMore(positionals: readonly string[]): void {
  const [first] = positionals;
  if (first !== undefined) throw usageError(`"${first}" belongs to no flag`);
}

/** A command that is followed by one of some verbs. */
interface VerbCommand<Verb extends string> {
  readonly command: string;
  /** What each is about, such as `the name of a host`; undefined: nothing but the mesh. */
  readonly verbs: Readonly<Record<Verb, string | undefined>>;
  /** Verbs that are read elsewhere. */
  readonly also?: readonly string[];
  /** Flags that mean something to some verbs only: what would be left out silently is said. */
  readonly flags?: Readonly<Record<string, readonly NoInfer<Verb>[]>>;
}

/** The verb; what it is about, empty where that is nothing; and a folder. */
export function subjectOf<Verb extends string>(
  {
    positionals: [first = '', ...rest],
    values,
  }: { readonly positionals: readonly string[]; readonly values: Values },
  { command, verbs, also = [], flags = {} }: VerbCommand<Verb>,
): { readonly verb: Verb; readonly name: string; readonly dir: string | undefined } {
  const known = Object.keys(verbs) as Verb[];
  const verb = known.find((one) => one === first);
  if (verb === undefined) {
    const words = [...known, ...also];
    const last = words.pop();
    throw usageError(`${command} is followed by ${words.join(', ')} or ${last}`);
  }
  const needs = verbs[verb];
  const [name, dir, ...more] = needs === undefined ? ['', ...rest] : rest;
  if (name === undefined) throw usageError(`${command} ${verb} needs ${needs}`);
  if (more.length > 0) throw usageError(`${command} takes one folder`);
  for (const [flag, of] of Object.entries<readonly Verb[]>(flags)) {
    if (values[flag] === undefined || of.includes(verb)) continue;
    throw usageError(`--${flag} is of ${command} ${of.join(' and ')}, not of ${verb}`);
  }
  return { verb, name, dir };
}

/** A duration in whole seconds. */
export function secondsOf(flag: string, text: string): number {
  const given: DurationFlag = { flag, units: ['s', 'm', 'h', 'd'], suchAs: '30m or 1h' };
  return durationMsOf(given, text) / 1_000;
}

export function portOf(flag: string, text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  throw usageError(`${flag} is a port from 1 to 65535, not "${text}"`);
}
