import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ChanceryError } from '../base/error.ts';
import { usageError } from './arguments.ts';
import { type Called, command } from './command.ts';
import type { Terminal } from './terminal.ts';

const flags = { check: { type: 'boolean' }, name: { type: 'string', multiple: true } } as const;
const said = { usage: 'up DIR [--check]', text: ['Runs a mesh.'], examples: ['chancery up shop'] };

function recorder(json = false): { readonly terminal: Terminal; readonly lines: string[] } {
  const lines: string[] = [];
  const out = (text: string) => void lines.push(text);
  const terminal: Terminal = { color: false, width: 80, json, out, err: out, findings: () => {} };
  return { terminal, lines };
}

describe('a command', () => {
  it('runs with its flags and the other words, in any order', async () => {
    const calls: Called<typeof flags>[] = [];
    const up = command({ ...said, flags, run: (called) => (calls.push(called) > 0 ? 2 : 0) });
    const { terminal } = recorder();
    assert.equal(await up(['--name', 'a', 'shop', '--check', '--name=b'], terminal), 2);
    assert.deepEqual(
      calls.map(({ values, positionals }) => [{ ...values }, positionals]),
      [[{ check: true, name: ['a', 'b'] }, ['shop']]],
    );
  });

  it('is not run for --help, which shows what it says of itself', async () => {
    const up = command({ ...said, flags, run: () => assert.fail('it ran') });
    const { terminal, lines } = recorder(true);
    assert.equal(await up(['shop', '-h'], terminal), 0);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [said],
    );
  });

  it('adds its usage to a slip, wherever that is found, and to nothing else', async () => {
    const helpOf = async (error: ChanceryError, ...args: string[]): Promise<unknown> => {
      const run = () => Promise.reject(error);
      const up = command({ ...said, flags, run });
      return up(args, recorder().terminal).catch((thrown: unknown) =>
        thrown instanceof ChanceryError ? thrown.finding.help : thrown,
      );
    };
    const other = new ChanceryError({ code: 'CH5003', message: 'there is no page' });
    assert.equal(await helpOf(usageError('too much')), 'usage: chancery up DIR [--check]');
    assert.equal(await helpOf(other, '--nope'), 'usage: chancery up DIR [--check]');
    assert.equal(await helpOf(other), undefined);
  });

  it('leaves a word with flags of its own, and its help, to what is below', async () => {
    const run = () => assert.fail('it ran');
    const below = command({ ...said, usage: 'ca rekey', flags: {}, run: () => 3 });
    const ca = command({ ...said, flags, below: { rekey: async () => below }, run });
    const { terminal, lines } = recorder();
    assert.equal(await ca(['rekey', 'shop'], terminal), 3);
    assert.equal(await ca(['rekey', '--help'], terminal), 0);
    assert.match(lines.join('\n'), /^usage: chancery ca rekey\n/);
  });

  it('does not take its filler for a flag', async () => {
    const why = command({
      ...{ ...said, flags, filler: '->' },
      run: ({ positionals }) => (positionals.join() === 'a,b' ? 0 : 1),
    });
    assert.equal(await why(['a', '->', 'b'], recorder().terminal), 0);
  });
});
