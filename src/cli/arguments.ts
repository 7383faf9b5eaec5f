import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { ChanceryError, messageOf } from '../base/error.ts';

export interface Help {
  readonly usage: string;
  readonly text: string;
  readonly example: string;
}

/** A list where a flag may be given more than once. */
export type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface Arguments {
  readonly values: Values;
  readonly positionals: readonly string[];
  /** The text to print and stop with, when --help was given. */
  readonly help: string | undefined;
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
      help: values['help'] === true ? helpText(help) : undefined,
    };
  } catch (cause) {
    throw new ChanceryError(
      { code: 'CH5003', message: messageOf(cause), help: `usage: chancery ${help.usage}` },
      { cause },
    );
  }
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
}

/** `server` takes it, and `up` hands it on. */
export const watchFlag: DurationFlag = {
  flag: '--watch',
  units: ['ms', 's', 'm', 'h'],
  suchAs: '5s or 10m',
};

/** A duration that was typed, such as 30m. */
export function durationMsOf(given: DurationFlag, text: string, help: Help): number {
  const match = /^(\d+)([a-z]+)$/.exec(text);
  const unit = given.units.find((one) => one === match?.[2]);
  if (unit === undefined) {
    throw usageError(`${given.flag} is such as ${given.suchAs}, not "${text}"`, help);
  }
  return Number(match?.[1]) * unitsMs[unit];
}

/** The same in whole seconds. */
export function secondsOf(flag: string, text: string, help: Help): number {
  const given: DurationFlag = { flag, units: ['s', 'm', 'h', 'd'], suchAs: '30m or 1h' };
  return durationMsOf(given, text, help) / 1_000;
}

function helpText(help: Help): string {
  return `usage: chancery ${help.usage}\n\n${help.text}\n\nexample:\n  ${help.example}`;
}
