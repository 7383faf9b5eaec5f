import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
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

/** A list where a flag may be given more than once. */
export type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

interface Arguments {
  readonly values: Values;
  readonly positionals: readonly string[];
  /** What to print and stop with, when --help was given. */
  readonly help: Help | undefined;
}

/** Flags and positionals of one verb; an unknown flag is a coded error that names the usage. */
export function parseArguments(
  args: readonly string[],
  options: ParseArgsOptionsConfig,
  help: Help,
): Arguments {
  try {
    const parsed = parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
    const values = parsed.values as Values;
    return {
      values,
      positionals: parsed.positionals,
      help: values['help'] === true ? help : undefined,
    };
  } catch (cause) {
    const problem = flagProblem(messageOf(cause), Object.keys(options));
    throw new ChanceryError(
      { code: 'CH5003', ...problem, help: `usage: chancery ${help.usage}` },
      { cause },
    );
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

export function usageError(message: string, help: Help): ChanceryError {
  return new ChanceryError({ code: 'CH5003', message, help: `usage: chancery ${help.usage}` });
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
export function durationMsOf(given: DurationFlag, text: string, help: Help): number {
  const match = /^(\d+)([a-z]+)$/.exec(text);
  const unit = given.units.find((one) => one === match?.[2]);
  if (unit === undefined) {
    throw usageError(`${given.flag} is such as ${given.suchAs}, not "${text}"`, help);
  }
  const durationMs = Number(match?.[1]) * unitsMs[unit];
  if (durationMs <= (given.max ?? Number.MAX_SAFE_INTEGER)) return durationMs;
  const most = given.max === undefined ? '' : `; at most ${given.max / unitsMs.h}h`;
  throw usageError(`${given.flag} is such as ${given.suchAs}, not "${text}"${most}`, help);
}

/** A command that is told everything by flags. */
export function noMore(positionals: readonly string[], help: Help): void {
  const [first] = positionals;
  if (first !== undefined) throw usageError(`"${first}" belongs to no flag`, help);
}

/** A command that is followed by one of some verbs. */
interface VerbCommand<Verb extends string> {
  readonly command: string;
  /** What each is about, such as `the name of a host`; undefined: nothing but the mesh. */
  readonly verbs: Readonly<Record<Verb, string | undefined>>;
  /** Verbs that are read elsewhere. */
  readonly also?: readonly string[];
}

/** The verb; what it is about, empty where that is nothing; and a folder. */
export function subjectOf<Verb extends string>(
  [first = '', ...rest]: readonly string[],
  { command, verbs, also = [] }: VerbCommand<Verb>,
  help: Help,
): { readonly verb: Verb; readonly name: string; readonly dir: string | undefined } {
  const known = Object.keys(verbs) as Verb[];
  const verb = known.find((one) => one === first);
  if (verb === undefined) {
    const words = [...known, ...also];
    const last = words.pop();
    throw usageError(`${command} is followed by ${words.join(', ')} or ${last}`, help);
  }
  const needs = verbs[verb];
  const [name, dir, ...more] = needs === undefined ? ['', ...rest] : rest;
  if (name === undefined) throw usageError(`${command} ${verb} needs ${needs}`, help);
  if (more.length > 0) throw usageError(`${command} takes one folder`, help);
  return { verb, name, dir };
}

/** A duration in whole seconds. */
export function secondsOf(flag: string, text: string, help: Help): number {
  const given: DurationFlag = { flag, units: ['s', 'm', 'h', 'd'], suchAs: '30m or 1h' };
  return durationMsOf(given, text, help) / 1_000;
}
