import { readFileSync } from 'node:fs';
import { ChanceryError } from '../base/error.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { pageText } from './page-text.ts';

const pages = new URL('../../docs/codes/', import.meta.url);

const flags = { json: { type: 'boolean' } } as const;

export const help = command({
  usage: 'help [COMMAND|CODE] [--json]',
  text: [
    'What a command takes, or the page of a code such as CH2101; without a word, all commands.',
  ],
  examples: ['chancery help CH2101'],
  flags,
  run,
});

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [word = '', ...more] = positionals;
  const code = word.toUpperCase();
  if (!/^CH\d{4}$/.test(code) || more.length > 0) {
    throw new ChanceryError({
      code: 'CH5003',
      message: `"${positionals.join(' ')}" is no command and no code`,
      expected: 'a command, or CH and four digits',
      help: 'usage: chancery help why, or chancery help CH2101',
    });
  }
  try {
    const page = readFileSync(new URL(`${code}.md`, pages), 'utf8').trimEnd();
    terminal.out(values.json ? JSON.stringify({ code, page }) : pageText(page, terminal.width));
    return 0;
  } catch (cause) {
    throw new ChanceryError({ code: 'CH5003', message: `there is no page for ${code}` }, { cause });
  }
}
