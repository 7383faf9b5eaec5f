import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CommitId } from '../../src/git/commit.ts';
import { sshStandIn, startGitServer } from '../support/git-server.ts';
import { mirrorOf, origin, refusal, value } from '../support/mirrored.ts';
import { eventually } from '../support/running-mesh.ts';

test('a branch is fetched, read, and remembered; later commits come with all that is between', async (t) => {
  const from = origin(t);
  const mirror = await mirrorOf(from);
  assert.equal(value(await mirror.head()), undefined);
  const first = value(await mirror.fetch());
  assert.deepEqual(
    [...value(await mirror.readTree(first)).keys()],
    ['mesh.yaml', 'services/payments.yaml'],
  );
  assert.equal(await mirror.accept(first), undefined);
  from.work.write('mesh.yaml', 'mesh: second\n');
  const second = from.push('Second');
  from.work.write('mesh.yaml', 'mesh: third\n');
  const third = from.push('Third');
  assert.equal(value(await mirror.fetch()), third);
  assert.equal(value(await mirror.contains(third as CommitId, first)), true);
  assert.equal(value(await mirror.contains(first, third as CommitId)), false);
  assert.equal(value(await mirror.commit(second as CommitId)).subject, 'Second');
  assert.equal(value(await mirror.readTree(third as CommitId)).get('mesh.yaml'), 'mesh: third\n');
  const again = await mirrorOf(from);
  assert.equal(value(await again.accepted()), first);
  assert.equal(value(await again.head()), third);
});

test('the first fetch brings the newest commit alone', async (t) => {
  const from = origin(t);
  from.push('Second');
  const mirror = await mirrorOf(from);
  value(await mirror.fetch());
  assert.equal(readFileSync(join(mirror.dir, 'shallow'), 'utf8').trim().length, 40);
});

test('a sub-folder is read with paths below it; without a branch it is the one of HEAD', async (t) => {
  const from = origin(t);
  from.work.write('meshes/shop/mesh.yaml', 'mesh: inner\n');
  const commit = from.push('Inner');
  from.home.git(['symbolic-ref', 'HEAD', 'refs/heads/main'], from.hub);
  const mirror = await mirrorOf(from, { prefix: 'meshes/shop/', branch: undefined });
  assert.equal(value(await mirror.fetch()), commit);
  assert.deepEqual(
    [...value(await mirror.readTree(commit as CommitId))],
    [['mesh.yaml', 'mesh: inner\n']],
  );
});

test('a branch or repository that vanishes is said, and what was fetched stays', async (t) => {
  const from = origin(t);
  const mirror = await mirrorOf(from);
  const first = value(await mirror.fetch());
  from.home.git(['update-ref', '-d', 'refs/heads/main'], from.hub);
  assert.equal(refusal(await mirror.fetch()).code, 'CH5321');
  renameSync(from.hub, `${from.hub}.away`);
  assert.equal(refusal(await mirror.fetch()).code, 'CH5320');
  assert.equal(value(await mirror.head()), first);
  assert.ok((await mirror.readTree(first)).ok);
});

test('a file larger than intent may be is CH5309, whether or not the server can leave it out', async (t) => {
  for (const filter of ['true', 'false']) {
    const from = origin(t);
    from.home.git(['config', 'uploadpack.allowFilter', filter], from.hub);
    from.work.write('services/huge.yaml', 'x'.repeat(3_000_000));
    const commit = from.push('Huge') as CommitId;
    const mirror = await mirrorOf(from);
    value(await mirror.fetch());
    const read = await mirror.readTree(commit);
    assert.ok(!read.ok);
    assert.deepEqual(
      read.error.map(({ code }) => code),
      ['CH5309'],
    );
    const blob = from.work.git(['rev-parse', 'HEAD:services/huge.yaml']);
    const isHere = mirrorHas(mirror.dir, blob);
    assert.equal(isHere, filter === 'false');
  }
  function mirrorHas(dir: string, id: string): boolean {
    const { git } = origin(t).home;
    return git(['cat-file', '--batch-all-objects', '--batch-check'], dir).includes(id);
  }
});

test('a repository larger than the limit is CH5322, keeps nothing of it, and says so again', async (t) => {
  const from = origin(t);
  from.home.git(['config', 'uploadpack.allowFilter', 'false'], from.hub);
  const mirror = await mirrorOf(from, { bytesMax: 200_000 });
  const first = value(await mirror.fetch());
  from.work.write('movie.bin', randomBytes(2_000_000));
  from.push('Movie');
  for (let round = 0; round < 2; round += 1) {
    assert.equal(refusal(await mirror.fetch()).code, 'CH5322');
    assert.equal(value(await mirror.head()), first);
  }
  from.work.git(['reset', '-q', '--hard', 'HEAD~1']);
  from.push('Without', '--force');
  value(await mirror.fetch());
});

test('fetches that are asked for at once do not disturb each other', async (t) => {
  const from = origin(t);
  const mirror = await mirrorOf(from);
  const second = from.push('Second');
  const all = await Promise.all([1, 2, 3, 4].map(() => mirror.fetch()));
  assert.deepEqual(all.map(value), [second, second, second, second]);
});

test('many packs are put together, and nothing that was fetched is lost', async (t) => {
  const from = origin(t);
  const mirror = await mirrorOf(from, { packsMax: 3 });
  const commits = [value(await mirror.fetch())];
  for (let round = 0; round < 8; round += 1) {
    from.work.write('mesh.yaml', `mesh: m${round}\n`);
    from.push(`Round ${round}`, '--force');
    commits.push(value(await mirror.fetch()));
    if (round === 4) from.work.git(['reset', '-q', '--hard', 'HEAD~3']);
  }
  const packs = readdirSync(join(mirror.dir, 'objects', 'pack'));
  assert.ok(packs.filter((name) => name.endsWith('.pack')).length <= 5, packs.join(' '));
  for (const commit of commits) value(await mirror.readTree(commit));
});

test('a damaged pack is CH5323 and changes nothing', async (t) => {
  const from = origin(t);
  const mirror = await mirrorOf(from);
  const first = value(await mirror.fetch());
  from.work.write('mesh.yaml', 'mesh: other\n');
  from.push('Other');
  const blob = from.work.git(['rev-parse', 'HEAD:mesh.yaml']);
  const path = join(from.hub, 'objects', blob.slice(0, 2), blob.slice(2));
  rmSync(path, { force: true });
  writeFileSync(path, 'no object');
  assert.equal(refusal(await mirror.fetch()).code, 'CH5323');
  assert.equal(value(await mirror.head()), first);
  assert.deepEqual(leftovers(mirror.dir), []);
});

test('a commit that breaks the rules of Git is CH5323', async (t) => {
  const from = origin(t);
  const mirror = await mirrorOf(from);
  const first = value(await mirror.fetch());
  from.home.write(
    'bad',
    `tree ${from.work.git(['rev-parse', 'HEAD^{tree}'])}\nparent ${first}\nauthor no\ncommitter no\n\nx\n`,
  );
  const hash = ['hash-object', '-t', 'commit', '--literally', '-w', join(from.home.dir, 'bad')];
  from.home.git(['update-ref', 'refs/heads/main', from.home.git(hash, from.hub)], from.hub);
  assert.equal(refusal(await mirror.fetch()).code, 'CH5323');
});

test('neither hooks, filters, submodules nor settings of a repository run a program', async (t) => {
  const from = origin(t);
  const mark = join(from.home.dir, 'ran');
  from.work.write('.gitattributes', '* filter=evil\n');
  from.work.write(
    '.gitmodules',
    '[submodule "x"]\n\tpath = x\n\turl = /nowhere\n\tupdate = none\n',
  );
  from.work.write('.lfsconfig', '[lfs]\n\turl = https://127.0.0.1:1/\n');
  const commit = from.push('Evil') as CommitId;
  from.home.write(
    '.gitconfig',
    `[core]\n\tsshCommand = touch ${mark}\n\tfsmonitor = touch ${mark}\n[filter "evil"]\n\tsmudge = touch ${mark}\n[url "ext::touch ${mark} "]\n\tinsteadOf = /\n[credential]\n\thelper = "!touch ${mark}"\n`,
  );
  const env = { ...process.env, HOME: from.home.dir };
  const mirror = await mirrorOf(from, { env });
  assert.equal(value(await mirror.fetch()), commit);
  value(await mirror.readTree(commit));
  assert.equal(existsSync(mark), false);
});

test('https: a token from a file, in no argument and not in the mirror; wrong ones and strange CAs are said', async (t) => {
  const from = origin(t);
  const server = await startGitServer(t, {
    root: from.home.dir,
    scratch: from.work.dir,
    pair: 'ci:s3cret',
  });
  const url = `${server.url}/hub.git`;
  from.home.write('token', 'ci:s3cret\n');
  const tokenFile = join(from.home.dir, 'token');
  const credentials = { tokenFile, caFile: server.caFile };
  const open = await mirrorOf(from, { url, credentials });
  assert.equal(refusal(await open.fetch()).code, 'CH5328', 'a token that others may read');
  chmodSync(tokenFile, 0o600);
  const first = value(await open.fetch());
  assert.ok((await open.readTree(first)).ok);
  assert.equal(readFileSync(join(open.dir, 'config'), 'utf8').includes('s3cret'), false);
  const second = from.push('Second');
  assert.equal(value(await open.fetch()), second);
  const strange = await mirrorOf(from, { url, credentials: { tokenFile } });
  assert.equal(refusal(await strange.fetch()).code, 'CH5319');
  writeFileSync(tokenFile, 'wrong\n');
  assert.equal(refusal(await open.fetch()).code, 'CH5317');
  assert.equal(server.seen.includes('x-access-token:wrong'), true);
  server.fail(404);
  assert.equal(refusal(await open.fetch()).code, 'CH5320');
  server.fail(503);
  assert.equal(refusal(await open.fetch()).code, 'CH5316');
  server.stop();
  assert.equal(refusal(await open.fetch()).code, 'CH5316');
  assert.equal(value(await open.head()), second);
});

test('https: a redirect to another place is not followed with the token', async (t) => {
  const from = origin(t);
  const server = await startGitServer(t, {
    root: from.home.dir,
    scratch: from.work.dir,
    pair: 'x',
  });
  server.fail(302);
  const mirror = await mirrorOf(from, {
    url: `${server.url}/hub.git`,
    credentials: { caFile: server.caFile },
  });
  assert.equal((await mirror.fetch()).ok, false);
  assert.equal(server.seen.length, 1);
});

test('ssh: strict host keys, our key, no configuration of the user', async (t) => {
  const from = origin(t);
  const { program, log } = sshStandIn(from.home.dir);
  const keyFile = join(from.home.dir, "the key's %file");
  const credentials = { sshProgram: program, keyFile, knownHostsFile: '/etc/known hosts' };
  const mirror = await mirrorOf(from, { url: `git@git.test:${from.hub}`, credentials });
  value(await mirror.fetch());
  const words = readFileSync(log, 'utf8').split('\n');
  for (const word of [
    'none',
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'UserKnownHostsFile="/etc/known hosts"',
    'IdentitiesOnly=yes',
    `IdentityFile="${keyFile.replace('%', '%%')}"`,
  ]) {
    assert.ok(words.includes(word), word);
  }
});

test('ssh: the real client takes our options, and says that nobody listens', async (t) => {
  const from = origin(t);
  const keyFile = join(from.home.dir, 'no key');
  const url = 'ssh://git@127.0.0.1:1/x.git';
  const mirror = await mirrorOf(from, { url, credentials: { keyFile, knownHostsFile: keyFile } });
  const finding = refusal(await mirror.fetch());
  assert.equal(finding.code, 'CH5316');
  assert.match(finding.found ?? '', /Connection refused/);
});

test('ssh: what OpenSSH says becomes its own finding', async (t) => {
  const cases = {
    'Host key verification failed.': 'CH5318',
    'git@git.test: Permission denied (publickey).': 'CH5317',
    'ssh: connect to host git.test port 22: Connection refused': 'CH5316',
    'ssh: Could not resolve hostname git.test: Name or service not known': 'CH5316',
    'ERROR: Repository not found.': 'CH5320',
  };
  for (const [says, code] of Object.entries(cases)) {
    const from = origin(t);
    const { program } = sshStandIn(from.home.dir, says);
    const mirror = await mirrorOf(from, {
      url: 'ssh://git@git.test/x.git',
      credentials: { sshProgram: program },
    });
    assert.equal(refusal(await mirror.fetch()).code, code, says);
  }
});

test('a remote that gives no answer is ended with all that git has started, and is CH5316', async (t) => {
  const from = origin(t);
  const { program } = sshStandIn(from.home.dir);
  writeFileSync(program, `#!/bin/sh\necho $$ > '${from.home.dir}/pid'\nexec sleep 600\n`);
  const mirror = await mirrorOf(from, {
    url: 'ssh://git@git.test/x.git',
    credentials: { sshProgram: program },
    fetchTimeoutMs: 500,
  });
  assert.equal(refusal(await mirror.fetch()).code, 'CH5316');
  const pid = readFileSync(join(from.home.dir, 'pid'), 'utf8').trim();
  const state = (): string =>
    existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : 'Z';
  await eventually(() => /Z/.test(state()), 10_000, state);
});

function leftovers(dir: string): readonly string[] {
  return readdirSync(join(dir, 'objects', 'pack')).filter((name) => name.startsWith('tmp_'));
}
