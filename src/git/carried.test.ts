import assert from 'node:assert/strict';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import type { CommitId } from './commit.ts';
import { openRepository } from './repository.ts';
import { type TemporaryFolder, temporaryRepository } from './temporary-repository.fixture.ts';

const top = 'a\n\n\n\n\n\nb\n';

describe('what of a commit there is in a newer one', () => {
  let folder: TemporaryFolder;
  let first = '';
  beforeEach((t) => {
    folder = temporaryRepository(t as TestContext);
    folder.write('services/web.yaml', top);
    first = folder.commitAll('First');
  });

  async function carried(text: string, newer = 'HEAD'): Promise<string | undefined> {
    const repository = await openRepository(folder.dir);
    assert.ok(repository.ok);
    const id = folder.git(['rev-parse', newer]) as CommitId;
    const found = await repository.value.carried(text, id);
    assert.ok(found.ok, JSON.stringify(found));
    return found.value;
  }
  function change(from: string, to: string, message: string): string {
    const text = folder.git(['show', 'HEAD:services/web.yaml']);
    folder.write('services/web.yaml', `${text.replace(from, to)}\n`);
    return folder.commitAll(message);
  }
  const git = (...args: string[]): string => folder.git(args);

  it('all of it, where it stands beneath, whatever else came', async () => {
    const older = change('a', 'A', 'Older');
    folder.write('services/api.yaml', 'x');
    folder.commitAll('Newer');
    for (const text of [older, older.slice(0, 8), first])
      assert.equal(await carried(text), 'contained');
    change('b', 'B', 'The same file');
    change('A', 'AA', 'The same line');
    assert.equal(await carried(older), 'contained');
    assert.equal(await carried(git('rev-parse', 'HEAD')), 'contained');
  });

  it('nothing, where it stands elsewhere, and no answer where there is no such commit', async () => {
    git('checkout', '-q', '-b', 'side');
    const side = change('a', 'A', 'Side');
    git('checkout', '-q', '-');
    assert.equal(await carried(side), 'missing');
    for (const text of ['f'.repeat(40), 'side', '--all', 'working-123456']) {
      assert.equal(await carried(text), undefined);
    }
  });

  it('nothing any more, where it was reverted, whoever else changed the file then', async () => {
    const older = change('a', 'A', 'Older');
    git('revert', '--no-edit', 'HEAD');
    assert.equal(await carried(older), 'reverted');
    change('b', 'B', 'The same file');
    assert.equal(await carried(older), 'reverted');
    assert.equal(await carried(first), 'contained');
  });

  it('all of it again, where the revert was reverted', async () => {
    const older = change('a', 'A', 'Older');
    git('revert', '--no-edit', 'HEAD');
    git('revert', '--no-edit', 'HEAD');
    change('b', 'B', 'The same file');
    assert.equal(await carried(older), 'contained');
  });

  it('nothing, where the merge that brought it was reverted', async () => {
    git('checkout', '-q', '-b', 'side');
    const older = change('a', 'A', 'Older');
    git('checkout', '-q', '-');
    git('merge', '-q', '--no-ff', '-m', 'Merge', 'side');
    git('revert', '--no-edit', '-m', '1', 'HEAD');
    change('b', 'B', 'The same file');
    assert.equal(await carried(older), 'reverted');
    assert.equal(await carried(first), 'contained');
  });

  it('nothing, where a taking back went behind it; what the intent was put back to is there', async () => {
    const older = change('a', 'A', 'Older');
    const bad = change('b', 'B', 'Bad');
    folder.write('services/web.yaml', top);
    const message = `Take back\n\nwhy\n\nTaken-Back: ${bad}\nIntent-Of: ${first}\n`;
    git('commit', '-q', '-am', message);
    change('b', 'BB', 'Later');
    for (const one of [older, bad]) assert.equal(await carried(one), 'reverted');
    assert.equal(await carried(first), 'contained');
  });

  it('nothing is asked of what a message makes up', async () => {
    const older = change('a', 'A', 'Older');
    change('A', 'AA', 'Later\n\nIntent-Of: --all');
    change('AA', 'AAA', `This reverts commit ${'f'.repeat(40)}.`);
    assert.equal(await carried(older), 'contained');
  });
});
