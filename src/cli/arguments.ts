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

const unitsSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** A duration that was typed, such as 30m. */
export function secondsOf(flag: string, text: string, help: Help): number {
  const match = /^(\d+)(s|m|h|d)$/.exec(text);
  if (match === null) throw usageError(`${flag} is such as 30m or 1h, not "${text}"`, help);
  return Number(match[1]) * (unitsSeconds[match[2] ?? ''] ?? 0);
}

function helpText(help: Help): string {
  return `usage: chancery ${help.usage}\n\n${help.text}\n\nexample:\n  ${help.example}`;
}
