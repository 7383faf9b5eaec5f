import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openIntentSource, type TreeReading } from '../../src/app/intent-source.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import { temporaryFolder } from '../../src/git/temporary-repository.fixture.ts';
import { meshFile, serviceFile } from '../support/gate-world.ts';
import { refusal, value } from '../support/mirrored.ts';
import { repoServer } from '../support/repo-server.ts';

/** A repository of signed commits, and the file that allows its signer. */
function signedRepository(t: TestContext) {
  const [folder, home] = [temporaryFolder(t), temporaryFolder(t)];
  const key = join(home.dir, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const sshFile = join(home.dir, 'allowed');
  const publicKey = readFileSync(`${key}.pub`, 'utf8');
  writeFileSync(sshFile, `ada@shop.test,chancery ${publicKey}`);
  folder.git(['init', '-q']);
  folder.write('mesh.yaml', meshFile);
  const commit = (service: string, sign = true): string => {
    folder.write(`services/${service}.yaml`, serviceFile(service));
    folder.git(['add', '-A']);
    const settings = ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${key}`];
    folder.git([...settings, 'commit', '-q', ...(sign ? ['-S'] : []), '-m', service]);
    return folder.git(['rev-parse', 'HEAD']);
  };
  const signers = { sshFile, gpgFolder: undefined };
  const open = (signingKey?: string) =>
    openIntentSource({ dir: folder.dir, dev: false, clock, signing: { signers, signingKey } });
  return { folder, key, sshFile, commit, open };
}

function codesOf(reading: TreeReading): readonly string[] {
  return reading.kind === 'tree' ? [] : reading.findings.map(({ code }) => code);
}

test('a signed commit is read; an unsigned one is not, nor a signed one on top of it', async (t) => {
  const { commit, open } = signedRepository(t);
  const first = commit('a');
  const source = await open();
  assert.deepEqual(codesOf(await source.read()), []);
  await source.accepted?.(first);
  commit('b', false);
  assert.deepEqual(codesOf(await source.read()), ['CH5325']);
  commit('c');
  assert.deepEqual(codesOf(await source.read()), ['CH5325']);
});

test('a signature that the configuration of the repository would let pass does not', async (t) => {
  const { folder, commit, open } = signedRepository(t);
  commit('a');
  const eve = join(folder.dir, '..', `${folder.dir.split('/').at(-1)}-eve`);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', eve]);
  t.after(() => execFileSync('rm', ['-f', eve, `${eve}.pub`, `${eve}.allowed`]));
  writeFileSync(`${eve}.allowed`, `* ${readFileSync(`${eve}.pub`, 'utf8')}`);
  folder.git(['config', 'gpg.ssh.allowedSignersFile', `${eve}.allowed`]);
  folder.git(['config', 'gpg.ssh.program', 'true']);
  const settings = ['-c', 'gpg.ssh.program=ssh-keygen', '-c', 'gpg.format=ssh'];
  const sign = ['-c', `user.signingKey=${eve}`, 'commit', '-q', '--allow-empty', '-S', '-m', 'eve'];
  folder.git([...settings, ...sign]);
  assert.deepEqual(codesOf(await (await open()).read()), ['CH5326']);
});

test('a taking back is signed with our key; without one it is refused', async (t) => {
  const { key, commit, open } = signedRepository(t);
  const [good, bad] = [commit('a'), commit('b')];
  const order = { from: bad, to: good, reason: 'it hurts' };
  assert.equal(refusal(await (await open()).takeBack(order)).code, 'CH5334');
  const source = await open(key);
  await source.accepted?.(bad);
  const { commit: head } = value(await source.takeBack(order));
  const reading = await source.read();
  assert.equal(reading.kind === 'tree' && reading.tree.commit, head);
});

test('the server knows after a restart since which commit all must be signed', async (t) => {
  const { folder, sshFile, commit } = signedRepository(t);
  const first = commit('a');
  const flags = ['--require-signed', '--allowed-signers', sshFile];
  const plane = await repoServer(t, folder.dir, flags);
  plane.start();
  await plane.until('the first runs', (reply) => reply.commit === first);
  await plane.kill();
  commit('b', false);
  const hidden = commit('c');
  plane.start();
  await plane.until('it is refused for the one below', (reply) =>
    Boolean(
      reply.commit === first &&
        reply.refused?.commit === hidden &&
        reply.refused.codes.includes('CH5325'),
    ),
  );
});
