import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../../base/clock.ts';
import { AbsentOperators } from './absent-operators.ts';

const at = { file: 'mesh.yaml', line: 3, column: 20, length: 12 };
function clockAt(nowMs: number): Clock {
  return { nowMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => undefined };
}

const token = (name: string, role: string, endsMs: number) => ({
  version: 1,
  value: Buffer.from(JSON.stringify({ name, role, madeMs: 0, endsMs, by: 'us', hash: '' })),
});

describe('tokens of breakglass.who that nobody has', () => {
  it('are told with what comes near, once the store has said which there are', async () => {
    let asked = 0;
    const store = {
      list: async () => {
        asked += 1;
        return [
          token('oncall', 'operator', 1_000_000),
          token('gone', 'admin', 5),
          token('dashboard', 'viewer', 1_000_000),
        ] as never;
      },
    };
    const clock = clockAt(10);
    const names = ['token oncall', 'token oncal', 'token gone', 'token dashboard', 'uid 0'];
    const who = names.map((name) => ({ name, at }));
    const operators = new AbsentOperators({ store, clock, who: () => who });
    assert.deepEqual(operators.look(), []);
    await new Promise(setImmediate);
    assert.deepEqual(
      operators.look().map(({ code, at: place, message, nearest }) => {
        return [code, place?.line, /"([^"]+)".*: (.+)$/.exec(message)?.slice(1), nearest];
      }),
      [
        ['CH1123', 3, ['token oncal', 'there is no such token'], 'token oncall'],
        ['CH1123', 3, ['token gone', 'the token has ended'], undefined],
        ['CH1123', 3, ['token dashboard', 'who only looks grants nothing'], undefined],
      ],
    );
    assert.equal(asked, 1, 'it asks once a minute');
  });

  it('a mesh that names none asks for none', () => {
    const store = { list: () => assert.fail('nobody is named') };
    const clock = clockAt(10);
    const operators = new AbsentOperators({ store, clock, who: () => undefined });
    assert.deepEqual(operators.look(), []);
  });
});
