import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Finding } from '../base/finding.ts';
import type { Result } from '../base/result.ts';
import { openRepository, type Repository } from './repository.ts';
import { temporaryFolder, temporaryRepository } from './temporary-repository.fixture.ts';

async function open(dir: string): Promise<Repository> {
  return value(await openRepository(dir));
}

function value<T, E>(result: Result<T, E>): T {
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.error));
  return result.value;
}

function refusal<T>(result: Result<T, Finding>): Finding {
  assert.ok(!result.ok, 'expected a finding');
  assert.ok((result.error.help ?? '').length > 0, 'a finding says what to do');
  return result.error;
}

test('head says who committed what and when, by the committer time', async (t) => {
  const folder = temporaryRepository(t);
  folder.write('mesh.yaml', 'mesh: other\n');
  folder.git(['add', '-A']);
  const message = 'Send all to v2\nin two lines\n\nBody text';
  folder.git(['commit', '-q', '-m', message, '--date', '2001-02-03T04:05:06Z']);
  const head = value(await (await open(folder.dir)).head());
  assert.equal(head.id, folder.git(['rev-parse', 'HEAD']));
  assert.equal(head.author, 'Ada Byron');
  assert.equal(head.email, 'ada@shop.test');
  assert.equal(head.subject, 'Send all to v2 in two lines');
  assert.equal(head.atMs, Number(folder.git(['log', '-1', '--format=%ct'])) * 1000);
});

test('a commit in another encoding keeps its letters', async (t) => {
  const folder = temporaryRepository(t);
  folder.write('message', Buffer.from('Gr\xfc\xdfe', 'latin1'));
  const encoding = ['-c', 'i18n.commitEncoding=ISO-8859-1'];
  folder.git([...encoding, 'commit', '-q', '--allow-empty', '-F', 'message']);
  assert.equal(value(await (await open(folder.dir)).head()).subject, 'Grüße');
});

test('a subfolder is read as the intent folder, with paths below it', async (t) => {
  const folder = temporaryRepository(t);
  folder.write('mesh/a b/mesh.yaml', 'mesh: inner\n');
  folder.write('mesh/a b/services/ledger.yaml', 'service: ledger\n');
  folder.write('mesh/a b/services/deep/no.yaml', 'x');
  folder.commitAll('Inner');
  const repository = await open(join(folder.dir, 'mesh/a b'));
  assert.equal(repository.prefix, 'mesh/a b/');
  const files = value(await repository.readTree(value(await repository.head()).id));
  assert.deepEqual(
    [...files],
    [
      ['mesh.yaml', 'mesh: inner\n'],
      ['services/ledger.yaml', 'service: ledger\n'],
    ],
  );
});

test('a folder reached by a link is the folder itself', async (t) => {
  const folder = temporaryRepository(t);
  symlinkSync(folder.dir, join(folder.dir, 'link'));
  assert.equal((await open(join(folder.dir, 'link'))).dir, folder.dir);
});

test('a linked worktree has its own HEAD', async (t) => {
  const folder = temporaryRepository(t);
  const first = folder.git(['rev-parse', 'HEAD']);
  folder.git(['worktree', 'add', '-q', '-b', 'side', 'side']);
  folder.write('side/mesh.yaml', 'mesh: side\n');
  folder.git(['commit', '-q', '-am', 'Side'], join(folder.dir, 'side'));
  const side = await open(join(folder.dir, 'side'));
  const head = value(await side.head());
  assert.equal(head.subject, 'Side');
  assert.equal(value(await side.readTree(head.id)).get('mesh.yaml'), 'mesh: side\n');
  assert.equal(value(await (await open(folder.dir)).head()).id, first);
});

test('a bare repository, and a .git file that points to one, can be read', async (t) => {
  const folder = temporaryRepository(t);
  folder.git(['clone', '-q', '--bare', '.', 'hub/store.git']);
  folder.write('hub/.git', 'gitdir: ./store.git\n');
  for (const dir of ['hub/store.git', 'hub']) {
    const repository = await open(join(folder.dir, dir));
    const files = value(await repository.readTree(value(await repository.head()).id));
    assert.deepEqual([...files.keys()], ['mesh.yaml', 'services/payments.yaml']);
    assert.equal(repository.hasWorkTree, false);
    assert.deepEqual(value(await repository.dirty()), []);
  }
});

test('a folder without a repository is CH5300, a missing one or a file CH5301', async (t) => {
  const folder = temporaryFolder(t);
  folder.write('file', '');
  assert.equal(refusal(await openRepository(folder.dir)).code, 'CH5300');
  assert.equal(refusal(await openRepository(join(folder.dir, 'none'))).code, 'CH5301');
  assert.equal(refusal(await openRepository(join(folder.dir, 'file'))).code, 'CH5301');
});

test('a folder inside .git is no intent folder', async (t) => {
  const folder = temporaryRepository(t);
  assert.equal(refusal(await openRepository(join(folder.dir, '.git/refs'))).code, 'CH5300');
});

test('a repository without a commit is CH5302', async (t) => {
  const folder = temporaryFolder(t);
  folder.git(['init', '-q']);
  assert.equal(refusal(await openRepository(folder.dir)).code, 'CH5302');
});

test('a missing git program is CH5303', async (t) => {
  const folder = temporaryRepository(t);
  mkdirSync(join(folder.dir, 'empty'));
  const env = { PATH: join(folder.dir, 'empty') };
  assert.equal(refusal(await openRepository(folder.dir, { env })).code, 'CH5303');
});

test("a repository of another user is CH5304, with git's own way out in the help", async (t) => {
  const folder = temporaryRepository(t);
  // The real git, told by its own testing variable that the owner differs.
  fakeGit(
    folder.dir,
    `GIT_TEST_ASSUME_DIFFERENT_OWNER=1 PATH='${process.env['PATH']}' exec git "$@"`,
  );
  const env = { PATH: join(folder.dir, 'bin'), HOME: folder.dir };
  const finding = refusal(await openRepository(join(folder.dir, 'services'), { env }));
  assert.equal(finding.code, 'CH5304');
  assert.match(finding.help ?? '', new RegExp(`safe\\.directory "${folder.dir}"`));
});

test('a git that hangs is ended and is CH5306', async (t) => {
  const folder = temporaryRepository(t);
  fakeGit(folder.dir, `exec /bin/sleep 60`);
  const env = { PATH: join(folder.dir, 'bin') };
  const finding = refusal(await openRepository(folder.dir, { env, timeoutMs: 200 }));
  assert.equal(finding.code, 'CH5306');
});

test('GIT_DIR of a surrounding hook does not lead elsewhere', async (t) => {
  const folder = temporaryRepository(t);
  const other = temporaryRepository(t);
  const env = { ...process.env, GIT_DIR: join(other.dir, '.git'), GIT_WORK_TREE: other.dir };
  const repository = value(await openRepository(folder.dir, { env }));
  assert.equal(value(await repository.head()).id, folder.git(['rev-parse', 'HEAD']));
});

test('a HEAD that becomes unborn later is CH5302, a commit that is not there CH5313', async (t) => {
  const folder = temporaryRepository(t);
  const repository = await open(folder.dir);
  const { id } = value(await repository.head());
  folder.git(['checkout', '-q', '--orphan', 'fresh']);
  assert.equal(refusal(await repository.head()).code, 'CH5302');
  rmSync(join(folder.dir, '.git/objects', id.slice(0, 2), id.slice(2)), { force: true });
  assert.equal(refusal(await repository.commit(id)).code, 'CH5313');
});

test('dirty names changed, added and removed intent files and nothing else', async (t) => {
  const folder = temporaryRepository(t);
  const repository = await open(folder.dir);
  assert.deepEqual(value(await repository.dirty()), []);
  folder.write('notes.txt', 'no intent');
  folder.write('mesh.yaml', 'mesh: shop\r\n');
  assert.deepEqual(value(await repository.dirty()), [], 'line ends do not count');
  folder.write('mesh.yaml', 'mesh: changed\n');
  folder.write('services/added.yaml', 'service: added\n');
  rmSync(join(folder.dir, 'services/payments.yaml'));
  assert.deepEqual(value(await repository.dirty()), [
    'mesh.yaml',
    'services/added.yaml',
    'services/payments.yaml',
  ]);
});

test('no program named by the repository runs', async (t) => {
  const folder = temporaryRepository(t);
  const trap = join(folder.dir, 'trap.sh');
  folder.write('trap.sh', `#!/bin/sh\ntouch '${folder.dir}/sprung'\ncat\n`);
  chmodSync(trap, 0o755);
  for (const name of ['core.fsmonitor', 'core.pager', 'filter.x.clean', 'filter.x.smudge']) {
    folder.git(['config', name, trap]);
  }
  folder.write('.gitattributes', '*.yaml filter=x\n');
  folder.write('mesh.yaml', 'mesh: changed\n');
  const repository = await open(folder.dir);
  value(await repository.readTree(value(await repository.head()).id));
  assert.deepEqual(value(await repository.dirty()), ['mesh.yaml']);
  assert.throws(() => chmodSync(join(folder.dir, 'sprung'), 0o600), { code: 'ENOENT' });
});

function fakeGit(dir: string, script: string): void {
  mkdirSync(join(dir, 'bin'));
  writeFileSync(join(dir, 'bin/git'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}
