import assert from 'node:assert/strict';
import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Finding } from '../base/finding.ts';
import type { Result } from '../base/result.ts';
import { intentFileBytesMax } from './limits.ts';
import { openRepository } from './repository.ts';
import { type TemporaryFolder, temporaryRepository } from './temporary-repository.fixture.ts';
import type { IntentFiles } from './tree.ts';
import { readWorkingTree } from './working-tree.ts';

type Outcome = Result<IntentFiles, readonly Finding[]>;

async function readHead(folder: TemporaryFolder, below = ''): Promise<Outcome> {
  const opened = await openRepository(join(folder.dir, below));
  assert.ok(opened.ok);
  const head = await opened.value.head();
  assert.ok(head.ok);
  return opened.value.readTree(head.value.id);
}

function paths(outcome: Outcome): readonly string[] {
  assert.ok(outcome.ok, outcome.ok ? '' : JSON.stringify(outcome.error));
  return [...outcome.value.keys()];
}

function refusals(outcome: Outcome): readonly string[] {
  assert.ok(!outcome.ok, 'expected findings');
  return outcome.error.map((one) => `${one.code} ${one.at?.file ?? ''}`.trim());
}

/** The same folder must be judged alike as a commit and as files on disk. */
async function bothWays(folder: TemporaryFolder): Promise<readonly [Outcome, Outcome]> {
  folder.commitAll('Change');
  return [await readHead(folder), await readWorkingTree(folder.dir)];
}

test('only mesh.yaml and services/*.yaml or .yml are intent, sorted by path', async (t) => {
  const folder = temporaryRepository(t);
  for (const path of ['z.yaml', 'a.yml', 'deep/b.yaml', '.swap.yaml', 'c.yaml~', 'ünï "x".yaml']) {
    folder.write(`services/${path}`, 'service: x\n');
  }
  folder.write('README.md', 'x');
  folder.write('mesh.yml', 'x');
  for (const outcome of await bothWays(folder)) {
    assert.deepEqual(paths(outcome), [
      'mesh.yaml',
      'services/a.yml',
      'services/payments.yaml',
      'services/z.yaml',
      'services/ünï "x".yaml',
    ]);
  }
});

test('the work tree plays no part in what a commit says', async (t) => {
  const folder = temporaryRepository(t);
  folder.write('mesh.yaml', 'mesh: edited\n');
  folder.git(['add', '-A']);
  const outcome = await readHead(folder);
  assert.ok(outcome.ok);
  assert.equal(outcome.value.get('mesh.yaml'), 'mesh: shop\n');
});

test('symbolic links are refused by name, also where editors leave none', async (t) => {
  const folder = temporaryRepository(t);
  symlinkSync('/etc/hostname', join(folder.dir, 'services/host.yaml'));
  symlinkSync('nowhere', join(folder.dir, 'services/.#payments.yaml'));
  for (const outcome of await bothWays(folder)) {
    assert.deepEqual(refusals(outcome), ['CH5307 services/host.yaml']);
  }
});

test('a link in place of the services folder is refused', async (t) => {
  const folder = temporaryRepository(t);
  folder.git(['mv', 'services', 'elsewhere']);
  symlinkSync('elsewhere', join(folder.dir, 'services'));
  for (const outcome of await bothWays(folder)) {
    assert.deepEqual(refusals(outcome), ['CH5307 services']);
  }
});

test('a submodule in place of the services folder or of a file is refused', async (t) => {
  const folder = temporaryRepository(t);
  const other = temporaryRepository(t);
  folder.git(['submodule', '--quiet', 'add', other.dir, 'services/team.yaml']);
  folder.commitAll('Submodule');
  assert.deepEqual(refusals(await readHead(folder)), ['CH5308 services/team.yaml']);
  assert.deepEqual(refusals(await readWorkingTree(folder.dir)), ['CH5314 services/team.yaml']);
});

test('a file over the size limit is refused, one at the limit is read', async (t) => {
  const folder = temporaryRepository(t);
  folder.write('services/large.yaml', '#'.repeat(intentFileBytesMax + 1));
  folder.write('services/limit.yaml', '#'.repeat(intentFileBytesMax));
  for (const outcome of await bothWays(folder)) {
    assert.deepEqual(refusals(outcome), ['CH5309 services/large.yaml']);
  }
});

test('all refusals of a tree come at once', async (t) => {
  const folder = temporaryRepository(t);
  folder.write('services/a.yaml', '#'.repeat(intentFileBytesMax + 1));
  symlinkSync('a.yaml', join(folder.dir, 'services/b.yaml'));
  for (const outcome of await bothWays(folder)) {
    assert.deepEqual(refusals(outcome), ['CH5309 services/a.yaml', 'CH5307 services/b.yaml']);
  }
});

test('bytes that are not UTF-8, and NUL characters, are refused', async (t) => {
  const folder = temporaryRepository(t);
  folder.write('services/latin.yaml', Buffer.from([0x61, 0xff]));
  folder.write('services/nul.yaml', 'a\0b');
  for (const outcome of await bothWays(folder)) {
    assert.deepEqual(refusals(outcome), ['CH5311 services/latin.yaml', 'CH5311 services/nul.yaml']);
  }
});

test('empty files and files without a last line end are read as they are', async (t) => {
  const folder = temporaryRepository(t);
  folder.write('services/empty.yaml', '');
  folder.write('services/open.yaml', 'service: open');
  for (const outcome of await bothWays(folder)) {
    assert.ok(outcome.ok);
    assert.equal(outcome.value.get('services/empty.yaml'), '');
    assert.equal(outcome.value.get('services/open.yaml'), 'service: open');
  }
});

test('a folder that the commit does not hold is CH5312', async (t) => {
  const folder = temporaryRepository(t);
  folder.write('fresh/mesh.yaml', 'mesh: fresh\n');
  assert.deepEqual(refusals(await readHead(folder, 'fresh')), ['CH5312']);
});

test('a folder whose name holds pathspec magic is read literally', async (t) => {
  const folder = temporaryRepository(t);
  folder.write(':(top)*/mesh.yaml', 'mesh: odd\n');
  folder.commitAll('Odd');
  const outcome = await readHead(folder, ':(top)*');
  assert.deepEqual(paths(outcome), ['mesh.yaml']);
});

test('a commit with a missing object is CH5313, not a smaller mesh', async (t) => {
  const folder = temporaryRepository(t);
  const blob = folder.git(['rev-parse', 'HEAD:services/payments.yaml']);
  rmSync(join(folder.dir, '.git/objects', blob.slice(0, 2), blob.slice(2)), { force: true });
  assert.deepEqual(refusals(await readHead(folder)), ['CH5313']);
});

test('replace refs do not change what a commit holds', async (t) => {
  const folder = temporaryRepository(t);
  folder.write('other', 'mesh: forged\n');
  const forged = folder.git(['hash-object', '-w', 'other']);
  folder.git(['replace', folder.git(['rev-parse', 'HEAD:mesh.yaml']), forged]);
  const outcome = await readHead(folder);
  assert.ok(outcome.ok);
  assert.equal(outcome.value.get('mesh.yaml'), 'mesh: shop\n');
});

test('five hundred services are read with two processes, in order', async (t) => {
  const folder = temporaryRepository(t);
  for (let index = 0; index < 500; index += 1) {
    folder.write(`services/s${index}.yaml`, `service: s${index}\n`);
  }
  for (const outcome of await bothWays(folder)) {
    assert.equal(paths(outcome).length, 502);
    assert.equal(outcome.ok && outcome.value.get('services/s321.yaml'), 'service: s321\n');
  }
});

test('a working folder that is not there is CH5301', async (t) => {
  const folder = temporaryRepository(t);
  const outcome = await readWorkingTree(join(folder.dir, 'none'));
  assert.deepEqual(refusals(outcome), ['CH5301']);
});
