import assert from 'node:assert/strict';
import { it } from 'node:test';
import { err, ok } from '../base/result.ts';
import { commitUnreadable } from '../git/findings.ts';
import { carriedAnswers } from './carried-answers.ts';

const newer = 'a'.repeat(40);

it('git is asked once for what it can say of two commits, and again for what it cannot yet', async () => {
  const asked: string[] = [];
  const answers = [ok(undefined), err(commitUnreadable('x', 'y')), ok('contained' as const)];
  const carried = carriedAnswers(async (commit) => {
    asked.push(commit);
    return answers[asked.length - 1] ?? assert.fail();
  });
  assert.equal(await carried('working-12', 'working-34'), undefined);
  assert.deepEqual(asked, []);
  for (const wanted of [undefined, undefined, 'contained', 'contained', 'contained']) {
    assert.equal(await carried('b', newer), wanted);
  }
  assert.deepEqual(asked, ['b', 'b', 'b']);
});
