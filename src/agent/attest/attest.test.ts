import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { HoldingSocket, python } from '../../../test/support/connector.ts';
import { eventually } from '../../../test/support/running-mesh.ts';
import type { Peer } from '../../serve/grpc/peer.ts';
import { AccountNames } from './account-names.ts';
import { type Attested, attest } from './attest.ts';
import { FileHashes } from './file-hash.ts';

const parts = {
  users: new AccountNames('passwd'),
  groups: new AccountNames('group'),
  hashes: new FileHashes(),
};
const isRoot = process.getuid?.() === 0;

async function attested(peer: Peer, hash = false): Promise<Attested> {
  const result = await attest(peer, parts, { hash });
  assert.ok(result.ok, result.ok ? '' : result.error);
  return result.value;
}

async function refusal(peer: Peer): Promise<string> {
  const result = await attest(peer, parts, { hash: true });
  assert.ok(!result.ok, 'the caller was attested');
  return result.error;
}

function valuesOf({ selectors }: Attested, kind: string): string[] {
  return selectors.filter((one) => one.kind === kind).map((one) => one.value);
}

describe('attestation of a caller', () => {
  let socket: HoldingSocket;
  beforeEach(async () => {
    socket = await HoldingSocket.open();
  });
  afterEach(() => socket.close());

  it('finds user, group, program and parent of who connected', async () => {
    const { peer } = await socket.caller('wait()');
    const found = await attested(peer);
    assert.deepEqual(valuesOf(found, 'unix:uid'), [String(process.getuid?.())]);
    assert.deepEqual(valuesOf(found, 'unix:gid'), [String(process.getgid?.())]);
    assert.deepEqual(valuesOf(found, 'unix:path'), [python]);
    assert.deepEqual(valuesOf(found, 'parent:path'), [realpathSync(process.execPath)]);
    assert.deepEqual(valuesOf(found, 'unix:sha256'), [], 'nobody asked for it');
  });

  it('the hash is that of the program', async () => {
    const { peer } = await socket.caller('wait()');
    const expected = createHash('sha256').update(readFileSync(python)).digest('hex');
    assert.deepEqual(valuesOf(await attested(peer, true), 'unix:sha256'), [expected]);
  });

  it('another user with supplementary groups is seen as that user', { skip: !isRoot }, async () => {
    const { peer } = await socket.caller('wait()', [
      ...['setpriv', '--reuid', '1234', '--regid', '4321', '--groups', '777,4321', python],
    ]);
    const found = await attested(peer);
    assert.deepEqual(valuesOf(found, 'unix:uid'), ['1234']);
    assert.deepEqual(valuesOf(found, 'unix:gid'), ['4321']);
    assert.deepEqual(valuesOf(found, 'unix:supplementary_gid'), ['777', '4321']);
    assert.deepEqual(valuesOf(found, 'unix:user'), [], 'the number has no name');
  });

  it('a program that is replaced by another one after connecting is refused', async () => {
    const { peer, socket: connection } = await socket.caller(
      'wait(); os.execv("/bin/sleep", ["sleep", "30"])',
    );
    await attested(peer);
    connection.write('x');
    await eventually(
      async () => !(await attest(peer, parts, { hash: false })).ok,
      5_000,
      () => 'the exec was not noticed',
    );
    assert.match(await refusal(peer), /runs another program than when it connected/);
  });

  it('a caller that has exited is refused, also when the connection lives on in a child', async () => {
    const { peer, child } = await socket.caller(
      'if os.fork() == 0:\n  time.sleep(30)\nos._exit(0)',
    );
    await once(child, 'exit');
    assert.match(await refusal(peer), /is gone/);
    execFileSync('pkill', ['-f', `${socket.path}`]);
  });

  it('a caller that changes its user after connecting is refused', { skip: !isRoot }, async () => {
    const { peer, socket: connection } = await socket.caller('wait(); os.setuid(1234); wait()');
    await attested(peer);
    connection.write('x');
    await eventually(
      async () => !(await attest(peer, parts, { hash: false })).ok,
      5_000,
      () => 'the change was not noticed',
    );
    assert.match(await refusal(peer), /changed its user/);
  });

  it('a caller whose file was replaced has no path, and says why', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'program-'));
    const copy = join(dir, 'python3');
    copyFileSync(python, copy);
    chmodSync(copy, 0o755);
    const { peer } = await socket.caller('wait()', [copy]);
    rmSync(copy);
    const found = await attested(peer, true);
    assert.deepEqual(valuesOf(found, 'unix:path'), []);
    assert.deepEqual(
      found.missing.map(({ kind }) => kind),
      ['unix:path'],
    );
    assert.equal(valuesOf(found, 'unix:sha256').length, 1, 'the running file is still known');
    rmSync(dir, { recursive: true });
  });

  it('connections that have ended leave no descriptor', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    for (let round = 0; round < 30; round += 1) {
      const { peer, socket: connection, child } = await socket.caller('pass');
      await attest(peer, parts, { hash: false });
      connection.destroy();
      if (child.exitCode === null) await once(child, 'exit');
    }
    await eventually(
      () => open() <= before + 2,
      5_000,
      () => `${open()} descriptors, ${before} before`,
    );
  });
});

describe('FileHashes', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'hash-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  it('a changed file has another hash, also with the same size', async () => {
    const { writeFileSync } = await import('node:fs');
    const file = join(dir, 'program');
    const hashes = new FileHashes();
    const digests = [];
    for (const text of ['one', 'two']) {
      writeFileSync(file, text);
      digests.push(await hashes.of(file));
    }
    assert.deepEqual(
      digests.map((digest) => (digest.ok ? digest.value : digest.error)),
      ['one', 'two'].map((text) => createHash('sha256').update(text).digest('hex')),
    );
  });

  it('a file that cannot be read is said', async () => {
    const result = await new FileHashes().of(join(dir, 'none'));
    assert.deepEqual(result, { ok: false, error: 'the executable cannot be read: ENOENT' });
  });
});
