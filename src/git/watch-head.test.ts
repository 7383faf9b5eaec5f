import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { type CommitId, parseCommitId } from './commit.ts';
import { openRepository } from './repository.ts';
import { type TemporaryFolder, temporaryRepository } from './temporary-repository.fixture.ts';
import { type HeadState, watchHead } from './watch-head.ts';

/** A state that takes longer than this was missed: the poll alone needs a second, a confirmation two. */
const patienceMs = 5000;

interface Heard {
  readonly states: HeadState[];
  /** Resolves when the newest state is `wanted` (a commit id, or a kind). */
  until(wanted: string): Promise<void>;
}

function text(state: HeadState): string {
  return state.kind === 'commit' ? state.id : state.kind;
}

function listen(
  t: TestContext,
  begin: (onChange: (state: HeadState) => void) => () => void,
): Heard {
  const states: HeadState[] = [];
  let wake = (): void => {};
  const stop = begin((state) => {
    states.push(state);
    wake();
  });
  t.after(stop);
  const until = (wanted: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const missed = () => reject(new Error(`wanted ${wanted}, heard ${states.map(text)}`));
      const timer = setTimeout(missed, patienceMs);
      wake = () => {
        const last = states.at(-1);
        if (last === undefined || text(last) !== wanted) return;
        clearTimeout(timer);
        resolve();
      };
      wake();
    });
  return { states, until };
}

async function watchRepository(
  t: TestContext,
  folder: TemporaryFolder,
  dir = folder.dir,
): Promise<Heard> {
  const opened = await openRepository(dir);
  assert.ok(opened.ok);
  const head = await opened.value.head();
  assert.ok(head.ok);
  const since = head.value.id;
  return listen(t, (onChange) => opened.value.watchHead(onChange, { clock: systemClock, since }));
}

function idOf(value: string): CommitId {
  const id = parseCommitId(value);
  assert.ok(id !== undefined);
  return id;
}

test('without a commit to begin at, where HEAD rests is told, so that none is missed before the first look', async (t) => {
  const folder = temporaryRepository(t);
  const opened = await openRepository(folder.dir);
  assert.ok(opened.ok);
  // Begun before the commit is made; its first look may come before it or after it.
  const heard = listen(t, (onChange) => opened.value.watchHead(onChange, { clock: systemClock }));
  folder.write('mesh.yaml', 'mesh: next\n');
  await heard.until(folder.commitAll('Made while the watch begins'));
});

test('a commit is noticed, typically within 200 ms', async (t) => {
  const folder = temporaryRepository(t);
  const heard = await watchRepository(t, folder);
  const delaysMs: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    folder.write('mesh.yaml', `mesh: round-${round}\n`);
    const id = folder.commitAll(`Round ${round}`);
    const startMs = performance.now();
    await heard.until(id);
    delaysMs.push(performance.now() - startMs);
  }
  const median = delaysMs.sort((a, b) => a - b)[2] ?? Number.POSITIVE_INFINITY;
  // Under load the poll may come first; the median still shows that events are heard.
  assert.ok(median < 400, `median ${median} ms`);
  assert.equal(heard.states.length, 5);
});

test('a commit made between reading and watching is not lost', async (t) => {
  const folder = temporaryRepository(t);
  const opened = await openRepository(folder.dir);
  assert.ok(opened.ok);
  const since = idOf(folder.git(['rev-parse', 'HEAD']));
  folder.write('mesh.yaml', 'mesh: meanwhile\n');
  const id = folder.commitAll('Meanwhile');
  const { watchHead: watch } = opened.value;
  const heard = listen(t, (onChange) => watch(onChange, { clock: systemClock, since }));
  await heard.until(id);
});

test('switches of branches, new nested branches, detached HEAD and resets are noticed', async (t) => {
  const folder = temporaryRepository(t);
  const first = folder.git(['rev-parse', 'HEAD']);
  const heard = await watchRepository(t, folder);
  folder.git(['checkout', '-q', '-b', 'team/deep/topic']);
  folder.write('mesh.yaml', 'mesh: topic\n');
  const topic = folder.commitAll('Topic');
  await heard.until(topic);
  folder.git(['checkout', '-q', 'main']);
  await heard.until(first);
  folder.git(['checkout', '-q', '--detach', topic]);
  await heard.until(topic);
  folder.git(['reset', '-q', '--hard', first]);
  await heard.until(first);
});

test('packing refs and collecting garbage are not told, and commits after them are', async (t) => {
  const folder = temporaryRepository(t);
  const heard = await watchRepository(t, folder);
  folder.git(['pack-refs', '--all', '--prune']);
  folder.git(['gc', '-q', '--prune=now']);
  folder.write('mesh.yaml', 'mesh: packed\n');
  const id = folder.commitAll('After gc');
  await heard.until(id);
  folder.git(['pack-refs', '--all', '--prune']);
  folder.git(['update-ref', 'refs/heads/main', 'HEAD~1']);
  await heard.until(folder.git(['rev-parse', 'HEAD']));
  assert.equal(heard.states.length, 2);
});

test('a rebase is told once, when it is done', async (t) => {
  const folder = temporaryRepository(t);
  folder.git(['checkout', '-q', '-b', 'topic']);
  for (const name of ['a', 'b', 'c']) {
    folder.write(`services/${name}.yaml`, `service: ${name}\n`);
    folder.commitAll(name);
  }
  folder.git(['checkout', '-q', 'main']);
  folder.write('mesh.yaml', 'mesh: main\n');
  folder.commitAll('Main');
  folder.git(['checkout', '-q', 'topic']);
  const heard = await watchRepository(t, folder);
  folder.git(['rebase', '-q', '--exec', 'sleep 0.3', 'main']);
  const done = folder.git(['rev-parse', 'HEAD']);
  await heard.until(done);
  assert.deepEqual(heard.states.map(text), [done]);
});

test('a linked worktree is watched by its own HEAD', async (t) => {
  const folder = temporaryRepository(t);
  folder.git(['worktree', 'add', '-q', '-b', 'side', 'side']);
  const side = join(folder.dir, 'side');
  const heard = await watchRepository(t, folder, side);
  folder.write('mesh.yaml', 'mesh: main-only\n');
  folder.git(['commit', '-q', '-am', 'Main only']);
  folder.write('side/mesh.yaml', 'mesh: side\n');
  folder.git(['commit', '-q', '-am', 'Side'], side);
  await heard.until(folder.git(['rev-parse', 'HEAD'], side));
  assert.equal(heard.states.length, 1);
});

test('a branch without commits is told as unborn, and its first commit too', async (t) => {
  const folder = temporaryRepository(t);
  const heard = await watchRepository(t, folder);
  folder.git(['checkout', '-q', '--orphan', 'fresh']);
  await heard.until('unborn');
  const id = folder.commitAll('Fresh');
  await heard.until(id);
});

test('a vanished repository is told as gone and taken up again when it is back', async (t) => {
  const folder = temporaryRepository(t);
  folder.write('inner/mesh.yaml', 'mesh: inner\n');
  folder.git(['init', '-q'], join(folder.dir, 'inner'));
  const inner = join(folder.dir, 'inner');
  folder.git(['add', '-A'], inner);
  folder.git(['commit', '-q', '-m', 'Inner'], inner);
  const heard = await watchRepository(t, folder, inner);
  renameSync(inner, join(folder.dir, 'away'));
  await heard.until('gone');
  mkdirSync(inner);
  rmSync(inner, { recursive: true });
  renameSync(join(folder.dir, 'away'), inner);
  await heard.until(folder.git(['rev-parse', 'HEAD'], inner));
  folder.git(['commit', '-q', '--allow-empty', '-m', 'Next'], inner);
  await heard.until(folder.git(['rev-parse', 'HEAD'], inner));
});

test('the poll alone notices a commit where the disk tells no events', async (t) => {
  const folder = temporaryRepository(t);
  const since = idOf(folder.git(['rev-parse', 'HEAD']));
  const gitDir = join(folder.dir, '.git');
  const heard = listen(t, (onChange) =>
    watchHead({ gitDir, commonDir: gitDir }, onChange, {
      clock: systemClock,
      since,
      events: false,
      resolve: async () => ({ kind: 'gone' }),
    }),
  );
  folder.write('mesh.yaml', 'mesh: polled\n');
  await heard.until(folder.commitAll('Polled'));
});

test('refs that only git can read are resolved by git when their list changes', async (t) => {
  const folder = temporaryRepository(t);
  const since = idOf(folder.git(['rev-parse', 'HEAD']));
  const next = idOf('b'.repeat(40));
  const gitDir = join(folder.dir, '.git');
  folder.write('.git/HEAD', 'ref: refs/heads/.invalid\n');
  folder.write('.git/reftable/tables.list', 'one\n');
  let current: HeadState = { kind: 'commit', id: since };
  let runs = 0;
  const resolve = async (): Promise<HeadState> => {
    runs += 1;
    return current;
  };
  const heard = listen(t, (onChange) =>
    watchHead({ gitDir, commonDir: gitDir }, onChange, { clock: systemClock, since, resolve }),
  );
  current = { kind: 'commit', id: next };
  folder.write('.git/reftable/tables.list', 'two\n');
  await heard.until(next);
  assert.ok(runs <= 2, `${runs} runs of git`);
});

test('a closed watch tells nothing more', async (t) => {
  const folder = temporaryRepository(t);
  const other = await watchRepository(t, folder);
  const opened = await openRepository(folder.dir);
  assert.ok(opened.ok);
  const states: HeadState[] = [];
  const since = idOf(folder.git(['rev-parse', 'HEAD']));
  const stop = opened.value.watchHead((state) => states.push(state), { clock: systemClock, since });
  stop();
  folder.write('mesh.yaml', 'mesh: after\n');
  await other.until(folder.commitAll('After'));
  assert.deepEqual(states, []);
});
