import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { type TemporaryFolder, temporaryRepository } from './temporary-repository.fixture.ts';
import { watchWorkingTree } from './watch-working-tree.ts';
import { readWorkingTree } from './working-tree.ts';

const patienceMs = 5000;

interface Calls {
  count(): number;
  /** Resolves when more calls than `before` were made. */
  after(before: number): Promise<void>;
}

function watch(t: TestContext, folder: TemporaryFolder, events = true): Calls {
  let count = 0;
  let wake = (): void => {};
  const onChange = (): void => {
    count += 1;
    wake();
  };
  t.after(watchWorkingTree(folder.dir, onChange, { clock: systemClock, events }));
  const after = (before: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the change was not noticed')), patienceMs);
      wake = () => {
        if (count <= before) return;
        clearTimeout(timer);
        resolve();
      };
      wake();
    });
  return { count: () => count, after };
}

async function meshText(folder: TemporaryFolder): Promise<string | undefined> {
  const files = await readWorkingTree(folder.dir);
  assert.ok(files.ok);
  return files.value.get('mesh.yaml');
}

test('a save in several steps is one call, after which the whole file is read', async (t) => {
  const folder = temporaryRepository(t);
  const calls = watch(t, folder);
  // As vim saves: the old file becomes the backup, a new one is written in two steps.
  renameSync(join(folder.dir, 'mesh.yaml'), join(folder.dir, 'mesh.yaml~'));
  folder.write('mesh.yaml', '');
  folder.write('mesh.yaml', 'mesh: saved\n');
  await calls.after(0);
  assert.equal(calls.count(), 1);
  assert.equal(await meshText(folder), 'mesh: saved\n');
});

test('an atomic replacement by rename is noticed', async (t) => {
  const folder = temporaryRepository(t);
  const calls = watch(t, folder);
  folder.write('.mesh.yaml.swp', 'mesh: renamed\n');
  renameSync(join(folder.dir, '.mesh.yaml.swp'), join(folder.dir, 'mesh.yaml'));
  await calls.after(0);
  assert.equal(await meshText(folder), 'mesh: renamed\n');
});

test('service files added and removed are noticed, other files are not', async (t) => {
  const folder = temporaryRepository(t);
  const calls = watch(t, folder);
  folder.write('services/notes.txt', 'no intent');
  folder.write('services/.swap.yaml', 'no intent');
  folder.write('services/added.yaml', 'service: added\n');
  await calls.after(0);
  rmSync(join(folder.dir, 'services/added.yaml'));
  await calls.after(1);
  assert.equal(calls.count(), 2);
});

test('a services folder that is replaced goes on being watched', async (t) => {
  const folder = temporaryRepository(t);
  const calls = watch(t, folder);
  rmSync(join(folder.dir, 'services'), { recursive: true });
  await calls.after(0);
  mkdirSync(join(folder.dir, 'services'));
  writeFileSync(join(folder.dir, 'services/back.yaml'), 'service: back\n');
  await calls.after(1);
  writeFileSync(join(folder.dir, 'services/back.yaml'), 'service: back\nport: 1\n');
  await calls.after(2);
});

test('the poll alone notices a save where the disk tells no events', async (t) => {
  const folder = temporaryRepository(t);
  const calls = watch(t, folder, false);
  folder.write('mesh.yaml', 'mesh: polled\n');
  await calls.after(0);
});
