import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CommitId } from '../../src/git/commit.ts';
import { commitStanding } from '../../src/git/commit-standing.ts';
import { openRepository } from '../../src/git/repository.ts';
import { temporaryRepository } from '../../src/git/temporary-repository.fixture.ts';
import { meshFile, serviceFile } from '../support/gate-world.ts';
import { mirrorOf, origin, value } from '../support/mirrored.ts';
import { entry, repoServer } from '../support/repo-server.ts';

test('a commit is newest, beneath, elsewhere or unknown, by its id or the beginning of it', async (t) => {
  const folder = temporaryRepository(t);
  const first = folder.git(['rev-parse', 'HEAD']);
  folder.git(['checkout', '-q', '-b', 'side']);
  folder.write('a', '1');
  const side = folder.commitAll('side');
  folder.git(['checkout', '-q', '-']);
  folder.write('b', '1');
  const head = folder.commitAll('head');
  const repository = value(await openRepository(folder.dir));
  const of = async (text: string): Promise<string> => {
    const found = value(await repository.standing(text));
    assert.equal(found.head, head);
    return found.standing;
  };
  assert.deepEqual(await Promise.all([head, head.slice(0, 8)].map(of)), ['newest', 'newest']);
  assert.deepEqual(await Promise.all([first, first.slice(0, 8)].map(of)), ['beneath', 'beneath']);
  assert.equal(await of(side), 'elsewhere');
  const tree = folder.git(['rev-parse', 'HEAD^{tree}']);
  const others = ['f'.repeat(40), 'HEAD', 'side', '--all', head.slice(0, 4), tree];
  assert.deepEqual(new Set(await Promise.all(others.map(of))), new Set(['unknown']));
});

test('what was not fetched is unknown to the mirror', async (t) => {
  const from = origin(t);
  const mirror = await mirrorOf(from);
  const head = value(await mirror.fetch());
  const pushed = from.push('Second');
  assert.equal(value(await commitStanding(mirror, pushed, head)), 'unknown');
  const next = value(await mirror.fetch());
  assert.equal(value(await commitStanding(mirror, head as CommitId, next)), 'beneath');
});

test('wait: what was pushed just now is waited for until the source reads it; what was overtaken is said', async (t) => {
  const from = origin(t);
  from.work.write('mesh.yaml', meshFile);
  from.work.write('services/payments.yaml', serviceFile('payments'));
  const first = from.push('First');
  from.home.write('state/.keep', '');
  const dir = join(from.home.dir, 'state');
  const repo = ['--repo', from.hub, '--branch', 'main', '--poll', '4s', '--watch', '0s'];
  const plane = await repoServer(t, dir, repo);
  plane.start();
  await plane.until('the first runs', ({ commit }) => commit === first);
  const wait = (commit: string, timeout = '30s') =>
    new Promise<{ code: number; out: string; err: string }>((done) => {
      const args = [entry, 'wait', commit, dir, '--timeout', timeout];
      execFile(process.execPath, args, (error, out, err) =>
        done({ code: Number(error?.code ?? 0), out, err }),
      );
    });
  const short = (id: string): string => id.slice(0, 12);
  const unknown = await wait('f'.repeat(40), '1s');
  assert.equal(unknown.code, 1);
  assert.match(
    unknown.err,
    new RegExp(`CH4211.*has not come yet: main of .*asked every 4 s\\) is at ${short(first)}`, 's'),
  );
  const second = from.push('Second');
  const pushed = await wait(second);
  assert.equal(pushed.code, 0, pushed.err);
  assert.match(pushed.out, new RegExp(`^${short(second)} is live on`));
  from.work.git(['commit', '-q', '--allow-empty', '-m', 'Third']);
  const third = from.work.git(['rev-parse', 'HEAD']);
  const fourth = from.push('Fourth');
  const overtaken = await wait(third);
  assert.equal(overtaken.code, 0, overtaken.err);
  assert.match(
    overtaken.out,
    new RegExp(`^${short(third)} is in ${short(fourth)}, which is live on`),
  );
});
