import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';

const entry = resolve('bin/chancery.js');
const helps = new Map<string, string | undefined>();

/** Undefined: there is no such command. */
function helpOf(verb: string): string | undefined {
  if (!helps.has(verb)) {
    const { status, stdout } = spawnSync(process.execPath, [entry, verb, '--help'], {
      encoding: 'utf8',
    });
    helps.set(verb, status === 0 ? stdout : undefined);
  }
  return helps.get(verb);
}

/** In backquotes, or at the beginning of a line of a block; a line that ends in `\` goes on. */
function commandsIn(text: string): readonly string[] {
  const whole = text.replaceAll(/\\\n\s*/g, ' ');
  const quoted = [...whole.matchAll(/`(chancery [^`]+)`/g)].map(([, one]) => one ?? '');
  const typed = [...whole.matchAll(/^(?:.*&& )?(chancery [a-z][^\n#]*)$/gm)].map(
    ([, one]) => one ?? '',
  );
  return [...quoted, ...typed];
}

/** The words after a command that is followed by one of some. */
function verbsOf(help: string): readonly string[] {
  const [, group = ''] = /^usage: chancery [a-z-]+ ([a-z]+(?:\|[a-z]+)+)/.exec(help) ?? [];
  return group === '' ? [] : group.split('|');
}

function problemOf(command: string): string | undefined {
  const [, verb = '', ...words] = command.split(/[\s\\]+/);
  const help = helpOf(verb);
  if (help === undefined) return 'no such command';
  const verbs = verbsOf(help);
  const [first = ''] = words;
  const isOne = /^[a-z]+$/.test(first) && verbs.length > 0;
  if (isOne && !verbs.includes(first)) return `${verb} has no ${first}`;
  const flags = command.match(/(?<=\s|\[)--[a-z][a-z-]*/g) ?? [];
  const strange = flags.find((flag) => !new RegExp(`${flag}(?![a-z-])`).test(help));
  return strange === undefined ? undefined : `${strange} is not in its help`;
}

describe('commands in the documentation', () => {
  for (const file of ['README.md', ...globSync('docs/*.md'), ...globSync('docs/codes/*.md')]) {
    const commands = commandsIn(readFileSync(file, 'utf8'));
    if (commands.length === 0) continue;
    it(`${file} names commands and flags that there are`, () => {
      const wrong = commands.flatMap((one) => {
        const problem = problemOf(one);
        return problem === undefined ? [] : [`${one}: ${problem}`];
      });
      assert.deepEqual(wrong, []);
    });
  }
});
