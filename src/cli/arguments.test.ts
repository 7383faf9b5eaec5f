import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ChanceryError } from '../base/error.ts';
import { parseArguments } from './arguments.ts';

const help = { usage: 'up DIR [--check]', text: 'Runs a mesh.', example: 'chancery up shop' };
const options = { check: { type: 'boolean' } } as const;

describe('arguments', () => {
  it('flags and positionals may stand in any order', () => {
    for (const args of [
      ['shop', '--check'],
      ['--check', 'shop'],
    ]) {
      const { values, positionals } = parseArguments(args, options, help);
      assert.deepEqual([values['check'], positionals], [true, ['shop']]);
    }
  });

  it('an unknown flag is a coded error that names the usage', () => {
    assert.throws(
      () => parseArguments(['--chek'], options, help),
      (error) =>
        error instanceof ChanceryError &&
        error.finding.code === 'CH5003' &&
        /--chek/.test(error.finding.message) &&
        error.finding.help === 'usage: chancery up DIR [--check]',
    );
  });

  it('--help gives usage, text and an example', () => {
    const { help: text } = parseArguments(['--help'], options, help);
    assert.match(text ?? '', /^usage: chancery up DIR/);
    assert.match(text ?? '', /example:\n {2}chancery up shop$/);
  });
});
