import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ChanceryError } from '../base/error.ts';
import { durationMsOf, parseArguments, subjectOf, type Values, watchFlag } from './arguments.ts';

const flags = { check: { type: 'boolean' } } as const;

describe('arguments', () => {
  it('flags and positionals may stand in any order', () => {
    for (const args of [
      ['shop', '--check'],
      ['--check', 'shop'],
    ]) {
      const { values, positionals } = parseArguments(args, flags);
      assert.deepEqual([values.check, positionals], [true, ['shop']]);
    }
  });

  it('an unknown flag is an error that names the nearest', () => {
    assert.throws(
      () => parseArguments(['--chek'], flags),
      (error) =>
        error instanceof ChanceryError &&
        error.finding.code === 'CH5003' &&
        /--chek/.test(error.finding.message) &&
        error.finding.nearest === '--check',
    );
  });

  it('what the parser of the runtime says to programmers is one sentence here', () => {
    const own = { ...flags, limit: { type: 'string' } } as const;
    const said = (...args: string[]): string => {
      try {
        parseArguments(args, own);
      } catch (error) {
        return error instanceof ChanceryError ? error.finding.message : '';
      }
      return '';
    };
    assert.equal(said('--check=1'), '--check takes no value');
    assert.equal(said('--limit'), '--limit needs a value');
    assert.match(said('--limit', '-1'), /^--limit needs a value; .* --limit=VALUE$/);
    assert.equal(said('-x'), 'there is no flag "-x" here');
  });

  it('a duration beyond its most is refused, with the most', () => {
    assert.equal(durationMsOf(watchFlag, '24h'), 86_400_000);
    assert.throws(() => durationMsOf(watchFlag, '99999999999h'), /at most 24h/);
  });

  it('behind a verb comes what it is about, where it is about something, and one folder', () => {
    const verbs = {
      command: 'token',
      verbs: { create: 'a name', list: undefined },
      also: ['rekey'],
    } as const;
    const read = (...positionals: string[]) => subjectOf({ positionals, values: {} }, verbs);
    assert.deepEqual(read('create', 'a', 'shop'), { verb: 'create', name: 'a', dir: 'shop' });
    assert.deepEqual(read('create', 'a'), { verb: 'create', name: 'a', dir: undefined });
    assert.deepEqual(read('list', 'shop'), { verb: 'list', name: '', dir: 'shop' });
    for (const [words, said] of [
      [[], /: token is followed by create, list or rekey$/],
      [['constructor', 'a'], /: token is followed by create, list or rekey$/],
      [['create'], /: token create needs a name$/],
      [['create', 'a', 'shop', 'more'], /: token takes one folder$/],
      [['list', 'shop', 'more'], /: token takes one folder$/],
    ] as const) {
      assert.throws(() => read(...words), { message: said });
    }
  });

  it('a flag that a verb does not take is said, and not left out', () => {
    const verbs = {
      command: 'revision',
      verbs: { list: undefined, show: 'a commit', rollback: undefined },
      flags: { at: ['list', 'show'] },
    } as const;
    const read = (verb: string, values: Values) =>
      subjectOf({ positionals: [verb, 'shop'], values }, verbs).verb;
    assert.equal(read('list', { at: '14:02', json: true }), 'list');
    assert.equal(read('rollback', { json: true }), 'rollback');
    const message = /: --at is of revision list and show, not of rollback$/;
    assert.throws(() => read('rollback', { at: '14:02' }), { message });
  });
});
