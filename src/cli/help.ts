import { readFileSync } from 'node:fs';
import { ChanceryError } from '../base/error.ts';
import type { ExitCode } from './main.ts';
import type { Terminal } from './terminal.ts';

const pages = new URL('../../docs/codes/', import.meta.url);

export async function help(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const code = (args[0] ?? '').toUpperCase();
  if (!/^CH\d{4}$/.test(code)) {
    throw new ChanceryError({
      code: 'CH5003',
      message: `"${args[0]}" is no command and no code`,
      expected: 'a command, or CH and four digits',
      help: 'usage: chancery help why, or chancery help CH2101',
    });
  }
  try {
    terminal.out(readFileSync(new URL(`${code}.md`, pages), 'utf8').trimEnd());
    return 0;
  } catch (cause) {
    throw new ChanceryError({ code: 'CH5003', message: `there is no page for ${code}` }, { cause });
  }
}
