import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CommitId } from '../../src/git/commit.ts';
import { checkSignatures } from '../../src/git/signatures.ts';
import { mirrorOf, origin, value } from '../support/mirrored.ts';

function sshKey(dir: string, name: string): { key: string; public: string } {
  const key = join(dir, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', key]);
  return { key, public: readFileSync(`${key}.pub`, 'utf8').trim() };
}

/** A mirror with its first commit accepted, two ssh keys, and a file that allows the first of them. */
async function signedOrigin(t: TestContext) {
  const from = origin(t);
  const mirror = await mirrorOf(from);
  const accepted = value(await mirror.fetch());
  const [ada, eve] = [sshKey(from.home.dir, 'ada'), sshKey(from.home.dir, 'eve')];
  const sshFile = join(from.home.dir, 'allowed');
  writeFileSync(sshFile, `ada@shop.test ${ada.public}\n`);
  const commit = (subject: string, key: string | undefined): CommitId => {
    const sign = key === undefined ? [] : ['-S'];
    const settings = ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${key}`];
    from.work.git([...settings, 'commit', '-q', '--allow-empty', ...sign, '-m', subject]);
    from.work.git(['push', '-q', from.hub, 'HEAD:refs/heads/main']);
    return from.work.git(['rev-parse', 'HEAD']) as CommitId;
  };
  const check = async (sshSigners: string | undefined = sshFile, gpgFolder?: string) => {
    const head = value(await mirror.fetch());
    return checkSignatures(mirror, { sshFile: sshSigners, gpgFolder }, { head, accepted });
  };
  return { from, mirror, accepted, ada, eve, sshFile, commit, check };
}

test('commits by an allowed signer pass, and one below a signed head does not hide', async (t) => {
  const { ada, commit, check } = await signedOrigin(t);
  commit('one', ada.key);
  commit('two', ada.key);
  assert.deepEqual(await check(), []);
  const bare = commit('three', undefined);
  commit('four', ada.key);
  const findings = await check();
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['CH5325'],
  );
  assert.ok(findings[0]?.message.includes(bare.slice(0, 12)));
  assert.ok(findings[0]?.message.includes('ada@shop.test'));
});

test('a commit that comes in by a merge is checked as well', async (t) => {
  const { from, ada, commit, check } = await signedOrigin(t);
  from.work.git(['checkout', '-q', '-b', 'side']);
  from.work.git(['commit', '-q', '--allow-empty', '-m', 'side']);
  from.work.git(['checkout', '-q', '-']);
  commit('main', ada.key);
  const settings = ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${ada.key}`];
  from.work.git([...settings, 'merge', '-q', '-S', '--no-ff', '-m', 'merge', 'side']);
  from.work.git(['push', '-q', from.hub, 'HEAD:refs/heads/main']);
  assert.deepEqual(
    (await check()).map(({ code }) => code),
    ['CH5325'],
  );
});

test('another signer, a changed commit and a signer out of time are refused, with the key named', async (t) => {
  const { from, ada, eve, sshFile, commit, check } = await signedOrigin(t);
  commit('by eve', eve.key);
  const [finding] = await check();
  assert.equal(finding?.code, 'CH5326');
  assert.match(finding?.found ?? '', /SHA256:/);
  writeFileSync(sshFile, `eve@shop.test valid-before="20200101" ${eve.public}\n`);
  assert.deepEqual(
    (await check()).map(({ code }) => code),
    ['CH5326'],
  );
  writeFileSync(sshFile, `* ${eve.public}\n* ${ada.public}\n`);
  assert.deepEqual(await check(), []);
  const raw = from.work.git(['cat-file', 'commit', 'HEAD']).replace('by eve', 'by ada');
  from.work.write('forged', `${raw}\n`);
  const forged = from.work.git(['hash-object', '-t', 'commit', '-w', 'forged']);
  from.work.git(['push', '-q', '--force', from.hub, `${forged}:refs/heads/main`]);
  assert.deepEqual(
    (await check()).map(({ code }) => code),
    ['CH5326'],
  );
});

test('a key that has run out signs nothing, whatever time its commit gives', async (t) => {
  const { from, ada, eve, sshFile, check } = await signedOrigin(t);
  const allowed = [`eve@shop.test valid-before="20250101" ${eve.public}`, `* ${ada.public}`];
  writeFileSync(sshFile, `${allowed.join('\n')}\n`);
  const checkOld = async (key: string) => {
    const settings = `-c gpg.format=ssh -c user.signingKey=${key}`;
    const old = `!GIT_COMMITTER_DATE=2024-06-01T00:00:00Z git ${settings} commit -q --allow-empty -S`;
    from.work.git(['-c', `alias.old=${old}`, 'old', '-m', 'of long ago']);
    from.work.git(['push', '-q', from.hub, 'HEAD:refs/heads/main']);
    return check();
  };
  assert.deepEqual(await checkOld(ada.key), []);
  const [finding] = await checkOld(eve.key);
  assert.equal(finding?.code, 'CH5326');
  assert.match(finding?.message ?? '', /its key is out of its time now/);
});

test('without a file of signers, or with one that is gone, nothing passes', async (t) => {
  const { from, ada, commit, check, mirror, accepted } = await signedOrigin(t);
  const head = commit('one', ada.key);
  const gone = await check(join(from.home.dir, 'nowhere'));
  assert.match(gone.map(({ message }) => message).join(), /--allowed-signers cannot be read$/);
  const none = { sshFile: undefined, gpgFolder: undefined };
  assert.equal((await checkSignatures(mirror, none, { head, accepted })).length, 1);
});

test('a head without an accepted commit, and one before it, are checked themselves', async (t) => {
  const { ada, commit, mirror, accepted, sshFile } = await signedOrigin(t);
  const head = commit('one', ada.key);
  value(await mirror.fetch());
  const signers = { sshFile, gpgFolder: undefined };
  assert.deepEqual(await checkSignatures(mirror, signers, { head, accepted: undefined }), []);
  const back = await checkSignatures(mirror, signers, { head: accepted, accepted: head });
  assert.deepEqual(
    back.map(({ code }) => code),
    ['CH5325'],
  );
});

test('OpenPGP: every key of the folder may sign, and no other', async (t) => {
  const { from, check, sshFile } = await signedOrigin(t);
  const folders = ['signer', 'allowed-ring'].map((name) => join(from.home.dir, name));
  for (const dir of folders) mkdirSync(dir, { mode: 0o700 });
  const [signer = '', allowed = ''] = folders;
  const gpg = (home: string, args: readonly string[], input?: Buffer): Buffer =>
    execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', ...args], {
      input,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  t.after(() => {
    for (const home of folders) execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  });
  gpg(signer, [
    '--passphrase',
    '',
    '--quick-generate-key',
    'Ada <ada@shop.test>',
    'ed25519',
    'sign',
  ]);
  const program = join(from.home.dir, 'gpg-signer');
  writeFileSync(program, `#!/bin/sh\nexec gpg --homedir '${signer}' --batch "$@"\n`, {
    mode: 0o755,
  });
  const settings = ['-c', `gpg.program=${program}`, '-c', 'user.signingKey=ada@shop.test'];
  from.work.git([...settings, 'commit', '-q', '--allow-empty', '-S', '-m', 'gpg']);
  from.work.git(['push', '-q', from.hub, 'HEAD:refs/heads/main']);
  assert.deepEqual(
    (await check(sshFile, allowed)).map(({ code }) => code),
    ['CH5326'],
    'empty ring',
  );
  gpg(allowed, ['--import'], gpg(signer, ['--export']));
  assert.deepEqual(await check(sshFile, allowed), []);
  assert.deepEqual(
    (await check(sshFile)).map(({ code }) => code),
    ['CH5325'],
    'no ring',
  );
});
