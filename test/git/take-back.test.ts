import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CommitId } from '../../src/git/commit.ts';
import { mirrorBranch } from '../../src/git/mirror-branch.ts';
import { openRepository } from '../../src/git/repository.ts';
import { checkSignatures } from '../../src/git/signatures.ts';
import { takeBack } from '../../src/git/take-back.ts';
import {
  type TemporaryFolder,
  temporaryRepository,
} from '../../src/git/temporary-repository.fixture.ts';
import { startGitServer } from '../support/git-server.ts';
import { mirrorOf, origin, refusal, value } from '../support/mirrored.ts';

const reason = 'rollout 12: 5xx of payments rose from 0.1 % to 7 %';

/** A good commit, then a bad one that also changes a file that is no intent. */
function goodAndBad(folder: TemporaryFolder): { good: CommitId; bad: CommitId } {
  const good = folder.git(['rev-parse', 'HEAD']) as CommitId;
  folder.write('services/payments.yaml', 'service: broken\n');
  folder.write('services/new.yaml', 'service: new\n');
  folder.write('README', 'kept\n');
  folder.write('services/notes.txt', 'kept too\n');
  return { good, bad: folder.commitAll('Bad') as CommitId };
}

test('local: the intent comes back as a commit that says why; other files stay; the work tree follows', async (t) => {
  const folder = temporaryRepository(t);
  const { good, bad } = goodAndBad(folder);
  folder.write('unrelated.txt', 'somebody works here\n');
  folder.write('README', 'edited\n');
  const repository = value(await openRepository(folder.dir));
  const done = value(await repository.takeBack({ from: bad, to: good, reason }));
  assert.equal(done.kind === 'taken back' && done.workTree, 'followed');
  assert.equal(folder.git(['rev-parse', 'HEAD']), done.commit);
  assert.equal(folder.git(['rev-parse', 'HEAD~1']), bad);
  assert.deepEqual(
    value(await repository.readTree(done.commit)),
    value(await repository.readTree(good)),
  );
  assert.equal(folder.git(['show', 'HEAD:README']), 'kept');
  assert.equal(folder.git(['show', 'HEAD:services/notes.txt']), 'kept too');
  const message = folder.git(['log', '-1', '--format=%an|%cn|%B']);
  assert.ok(
    message.startsWith('chancery|chancery|') && message.includes(reason) && message.includes(bad),
  );
  assert.equal(
    readFileSync(join(folder.dir, 'services/payments.yaml'), 'utf8'),
    'service: payments\n',
  );
  assert.equal(existsSync(join(folder.dir, 'services/new.yaml')), false);
  assert.equal(folder.git(['status', '--porcelain']), 'M README\n?? unrelated.txt');
  const again = value(await repository.takeBack({ from: bad, to: good, reason }));
  assert.deepEqual(again, { kind: 'nothing', commit: done.commit });
});

test('local: files that somebody has changed stay as they are, and so does the work tree', async (t) => {
  const folder = temporaryRepository(t);
  const { good, bad } = goodAndBad(folder);
  folder.write('services/payments.yaml', 'service: half-mended\n');
  const repository = value(await openRepository(folder.dir));
  const done = value(await repository.takeBack({ from: bad, to: good, reason }));
  assert.equal(done.kind === 'taken back' && done.workTree, 'left');
  assert.equal(
    readFileSync(join(folder.dir, 'services/payments.yaml'), 'utf8'),
    'service: half-mended\n',
  );
  assert.equal(
    folder.git(['diff', '--cached', '--name-only']),
    '',
    'the next commit does not undo it',
  );
});

test('local: commits on top that leave the intent alone stay; a changed intent is CH5330', async (t) => {
  const folder = temporaryRepository(t);
  const { good, bad } = goodAndBad(folder);
  folder.write('README', 'more\n');
  const later = folder.commitAll('Later');
  const repository = value(await openRepository(folder.dir));
  value(await repository.takeBack({ from: bad, to: good, reason }));
  assert.equal(folder.git(['rev-parse', 'HEAD~1']), later);
  folder.write('mesh.yaml', 'mesh: mended\n');
  const mended = folder.commitAll('Mended');
  assert.equal(refusal(await repository.takeBack({ from: bad, to: good, reason })).code, 'CH5330');
  assert.equal(folder.git(['rev-parse', 'HEAD']), mended);
});

test('local: a bare repository, and a rebase that is waited out', async (t) => {
  const from = origin(t);
  const { good, bad } = goodAndBad(from.work);
  from.work.git(['push', '-q', from.hub, 'HEAD:refs/heads/main']);
  from.home.git(['symbolic-ref', 'HEAD', 'refs/heads/main'], from.hub);
  const bare = value(await openRepository(from.hub));
  const done = value(await bare.takeBack({ from: bad, to: good, reason }));
  assert.equal(done.kind === 'taken back' && done.workTree, 'none');
  const repository = value(await openRepository(from.work.dir));
  from.work.write('.git/rebase-merge/x', '');
  assert.equal(refusal(await repository.takeBack({ from: bad, to: good, reason })).code, 'CH5332');
});

test('remote: pushed on top of what others have pushed meanwhile, in a sub-folder of the repository', async (t) => {
  const from = origin(t);
  from.work.write('shop/mesh.yaml', 'mesh: good\n');
  const good = from.push('Good') as CommitId;
  const mirror = await mirrorOf(from, { prefix: 'shop/' });
  value(await mirror.fetch());
  from.work.write('shop/mesh.yaml', 'mesh: bad\n');
  const bad = from.push('Bad') as CommitId;
  const branch = mirrorBranch(mirror, undefined);
  let others = '';
  const moving = {
    ...branch,
    advance: (...args: Parameters<typeof branch.advance>) => {
      if (others === '') {
        from.work.write('elsewhere', 'x');
        others = from.push('Meanwhile');
      }
      return branch.advance(...args);
    },
  };
  const done = value(await takeBack(moving, { from: bad, to: good, reason }));
  const { git } = from.home;
  assert.equal(git(['rev-parse', 'main'], from.hub), done.commit);
  assert.equal(git(['rev-parse', 'main~1'], from.hub), others);
  assert.equal(git(['show', 'main:shop/mesh.yaml'], from.hub), 'mesh: good');
  assert.equal(git(['show', 'main:elsewhere'], from.hub), 'x');
});

test('remote: a copy that begins at the newest commit goes back as far as it takes', async (t) => {
  const from = origin(t);
  const good = from.work.git(['rev-parse', 'HEAD']) as CommitId;
  from.work.write('mesh.yaml', 'mesh: bad\n');
  const bad = from.push('Bad') as CommitId;
  from.work.write('elsewhere', 'x');
  from.push('Not about intent');
  const url = `file://${from.hub}`;
  const mirror = await mirrorOf(from, { url });
  const done = value(
    await takeBack(mirrorBranch(mirror, undefined), { from: bad, to: good, reason }),
  );
  assert.equal(from.home.git(['rev-parse', 'main'], from.hub), done.commit);
  assert.equal(done.kind, 'taken back');
});

test('remote: over https with a token, signed with our key', async (t) => {
  const from = origin(t);
  const good = from.work.git(['rev-parse', 'HEAD']) as CommitId;
  const options = { root: from.home.dir, scratch: from.work.dir, pair: 'x-access-token:s3cret' };
  const server = await startGitServer(t, options);
  const tokenFile = join(from.home.dir, 'token');
  writeFileSync(tokenFile, 's3cret\n', { mode: 0o600 });
  const credentials = { tokenFile, caFile: server.caFile };
  const mirror = await mirrorOf(from, {
    url: `${server.url}/hub.git`,
    branch: undefined,
    credentials,
  });
  from.home.git(['symbolic-ref', 'HEAD', 'refs/heads/main'], from.hub);
  const before = value(await mirror.fetch());
  assert.equal(before, good);
  from.work.git(['rm', '-q', 'services/payments.yaml']);
  const bad = from.push('Bad') as CommitId;
  const key = join(from.home.dir, 'id');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const branch = mirrorBranch(mirror, key);
  const done = value(await takeBack(branch, { from: bad, to: good, reason }));
  assert.equal(from.home.git(['rev-parse', 'main'], from.hub), done.commit);
  const sshFile = join(from.home.dir, 'allowed');
  writeFileSync(sshFile, `chancery ${readFileSync(`${key}.pub`, 'utf8')}`);
  const head = value(await mirror.fetch());
  assert.equal(head, done.commit);
  const signers = { sshFile, gpgFolder: undefined };
  assert.deepEqual(await checkSignatures(mirror, signers, { head, accepted: bad }), []);
});

test('remote: a server that does not let us push is CH5331, and one that never holds still CH5332', async (t) => {
  const from = origin(t);
  const mirror = await mirrorOf(from);
  const good = value(await mirror.fetch());
  from.work.write('mesh.yaml', 'mesh: bad\n');
  const bad = from.push('Bad') as CommitId;
  const branch = mirrorBranch(mirror, undefined);
  const busy = { ...branch, advance: async () => ({ ok: true, value: 'moved' }) as const };
  assert.equal(refusal(await takeBack(busy, { from: bad, to: good, reason })).code, 'CH5332');
  writeFileSync(join(from.hub, 'hooks', 'pre-receive'), '#!/bin/sh\necho no pushes >&2\nexit 1\n', {
    mode: 0o755,
  });
  const finding = refusal(await takeBack(branch, { from: bad, to: good, reason }));
  assert.equal(finding.code, 'CH5331');
  assert.match(finding.found ?? '', /no pushes/);
  assert.equal(from.home.git(['rev-parse', 'main'], from.hub), bad);
});
