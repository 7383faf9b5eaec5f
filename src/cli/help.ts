import { readFileSync } from 'node:fs';
import { ChanceryError } from '../base/error.ts';
import { type Help, parseArguments } from './arguments.ts';
import { helpFor } from './help-text.ts';
import type { ExitCode } from './main.ts';
import { pageText } from './page-text.ts';
import type { Terminal } from './terminal.ts';

const pages = new URL('../../docs/codes/', import.meta.url);

const usage: Help = {
  usage: 'help [COMMAND|CODE] [--json]',
  text: [
    'What a command takes, or the page of a code such as CH2101; without a word, all commands.',
  ],
  examples: ['chancery help CH2101'],
};

export async function help(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, { json: { type: 'boolean' } }, usage);
  if (parsed.help !== undefined) {
    terminal.out(helpFor(parsed.help, terminal));
    return 0;
  }
  const [word = '', ...more] = parsed.positionals;
  const code = word.toUpperCase();
  if (!/^CH\d{4}$/.test(code) || more.length > 0) {
    throw new ChanceryError({
      code: 'CH5003',
      message: `"${parsed.positionals.join(' ')}" is no command and no code`,
      expected: 'a command, or CH and four digits',
      help: 'usage: chancery help why, or chancery help CH2101',
    });
  }
  try {
    const page = readFileSync(new URL(`${code}.md`, pages), 'utf8').trimEnd();
    terminal.out(
      parsed.values['json'] === true
        ? JSON.stringify({ code, page })
        : pageText(page, terminal.width),
    );
    return 0;
  } catch (cause) {
    throw new ChanceryError({ code: 'CH5003', message: `there is no page for ${code}` }, { cause });
  }
}
