import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import type { Code, Finding } from '../../base/finding.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { CommitId } from '../../git/commit.ts';
import type { TakenBack } from '../../git/take-back.ts';
import type { BranchState, Rollout } from '../../rollout/rollout.ts';
import type { TakeBackRequest } from '../intent-source.ts';
import { BranchReturn } from './branch-return.ts';

const open: BranchState = { kind: 'open', problem: undefined };

function takenBack(commit = 'bad', branch: BranchState = open): Rollout {
  return {
    ...{ commit, subject: '', base: 'good', startedMs: 0, waves: [] },
    state: { kind: 'taken-back', sinceMs: 0, reason: 'it hurts', branch },
  };
}

function problem(code: Code): Finding {
  return { code, severity: 'error', message: code };
}

const written = ok<TakenBack>({
  kind: 'taken back',
  commit: 'mended' as CommitId,
  workTree: 'left',
});

/** A branch that answers one after the other, the last answer for good. */
function fixture(...answers: readonly Result<TakenBack, Finding>[]) {
  const clock = new FakeClock();
  const asked: TakeBackRequest[] = [];
  const said: string[] = [];
  const branch = new BranchReturn({
    clock,
    takeBack: async (request) => {
      asked.push(request);
      return answers[Math.min(asked.length, answers.length) - 1] ?? written;
    },
    onState: (commit, state) =>
      said.push(
        `${commit} ${state.kind} ${'problem' in state ? state.problem?.code : state.commit}`,
      ),
  });
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      await new Promise((done) => setImmediate(done));
      clock.advance(1_000);
    }
    await new Promise((done) => setImmediate(done));
  };
  return { branch, asked, said, pass };
}

describe('the branch after a revision was taken back', () => {
  it('is brought back once, with the reason', async () => {
    const { branch, asked, said, pass } = fixture(written);
    branch.begin(takenBack());
    await pass(4_000);
    assert.deepEqual(asked, [{ from: 'bad', to: 'good', reason: 'it hurts' }]);
    assert.deepEqual(said, ['bad written mended']);
  });

  it('what passes is tried again and told once; then it is written', async () => {
    const away = err(problem('CH5320'));
    const { branch, said, pass } = fixture(away, away, away, written);
    branch.begin(takenBack());
    await pass(1);
    assert.deepEqual(said, ['bad open CH5320']);
    await pass(20);
    assert.deepEqual(said, ['bad open CH5320', 'bad written mended']);
  });

  it('what does not pass is not tried again', async () => {
    for (const code of ['CH5330', 'CH5334', 'CH5336'] as const) {
      const { branch, asked, said, pass } = fixture(err(problem(code)));
      branch.begin(takenBack());
      await pass(4_000);
      assert.equal(asked.length, 1);
      assert.deepEqual(said, [`bad left ${code}`]);
    }
  });

  it('a push that is refused is tried again, and at once when the branch is found elsewhere', async () => {
    const refused = err(problem('CH5331'));
    const { branch, asked, said, pass } = fixture(refused, refused, refused, refused, written);
    branch.begin(takenBack());
    await pass(8);
    assert.deepEqual([asked.length, said], [4, ['bad open CH5331']]);
    branch.hurry();
    branch.hurry();
    await pass(0);
    assert.deepEqual([asked.length, said], [5, ['bad open CH5331', 'bad written mended']]);
    branch.hurry();
    await pass(4_000);
    assert.equal(asked.length, 5);
  });

  it('after an hour of tries it is left to a person', async () => {
    const { branch, asked, said, pass } = fixture(err(problem('CH5320')));
    branch.begin(takenBack());
    await pass(5_000);
    assert.equal(asked.length, 20);
    assert.deepEqual(said, ['bad open CH5320', 'bad left CH5320']);
  });

  it('a newer revision ends the tries', async () => {
    const { branch, asked, said, pass } = fixture(err(problem('CH5320')));
    branch.begin(takenBack());
    await pass(2);
    const before = asked.length;
    branch.overtake();
    await pass(4_000);
    assert.equal(asked.length, before);
    assert.deepEqual(said, ['bad open CH5320', 'bad left CH5320']);
  });

  it('a stop says nothing more, so that a restart tries again what was open; what was settled is not', async () => {
    const { branch, asked, said, pass } = fixture(err(problem('CH5320')));
    branch.begin(takenBack());
    branch.stop();
    await pass(4_000);
    assert.deepEqual(said, []);
    const again = fixture(written);
    again.branch.begin(takenBack('bad', { kind: 'left', problem: problem('CH5331') }));
    again.branch.begin(takenBack('bad', { kind: 'written', commit: 'x', filesLeft: false }));
    await again.pass(2);
    assert.deepEqual(again.asked, []);
    again.branch.begin(takenBack());
    await again.pass(2);
    assert.equal(asked.length + again.asked.length, 2);
  });
});
