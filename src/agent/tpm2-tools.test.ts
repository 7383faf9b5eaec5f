import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { noTpm, SoftwareTpm } from '../../test/support/swtpm.ts';
import { ChanceryError } from '../base/error.ts';
import { systemRandom as random } from '../base/random.ts';
import { HostCache } from './host-cache.ts';
import { sealToTpm, tpmSealer, unsealFromTpm } from './tpm-seal.ts';
import { type TpmAccess, withTpm } from './tpm2-tools.ts';

function hasCode(code: string, found: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ChanceryError, String(error));
    assert.equal(error.code, code);
    assert.match(error.finding.found ?? error.finding.message, found);
    return true;
  };
}

describe('tpm2-tools', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'tools-'));
    // A program that behaves as the tools do at their worst.
    const script = [
      '#!/bin/sh',
      'case "$1" in',
      '  slow) exec /bin/sleep 30 ;;',
      '  loud) while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done ;;',
      '  env) exec /usr/bin/env ;;',
      '  fail) echo "WARNING: a" >&2; echo "ERROR: the reason" >&2; exit 1 ;;',
      'esac',
    ].join('\n');
    for (const name of ['tpm2_fake', 'tpm2_flushcontext']) {
      writeFileSync(join(dir, name), script);
      chmodSync(join(dir, name), 0o755);
    }
  });
  after(() => rmSync(dir, { recursive: true }));

  const access = (more: object = {}) => ({
    tcti: 'fake:',
    env: { PATH: dir, SECRET: 'x' },
    ...more,
  });
  const run = (word: string, more: object = {}) =>
    withTpm(access(more), (tpm) => tpm.run('tpm2_fake', [word]));

  it('that are not installed are named', async () => {
    const nowhere = access({ env: { PATH: '/nonexistent' } });
    await assert.rejects(
      withTpm(nowhere, (tpm) => tpm.run('tpm2_x', [])),
      hasCode('CH3030', /tpm2_flushcontext is not installed/),
    );
  });

  it('that take too long or say too much are ended', async () => {
    await assert.rejects(run('slow', { toolTimeoutMs: 200 }), hasCode('CH3032', /0.2 s/));
    await assert.rejects(run('loud'), hasCode('CH3032', /more than 65536 bytes/));
  });

  it('that fail are told by what they said', async () => {
    await assert.rejects(run('fail'), hasCode('CH3032', /^the reason$/));
  });

  it('are given nothing of the environment but where they and the TPM are', async () => {
    const text = Buffer.from(await run('env')).toString('utf8');
    const names = text.split('\n').map((line) => line.split('=')[0]);
    assert.deepEqual(names.filter((name) => name !== '' && name !== 'PWD' && name !== '_').sort(), [
      'LC_ALL',
      'PATH',
      'TPM2TOOLS_TCTI',
    ]);
  });

  it('work one job after another, also behind one that fails, in a folder of its own that goes away', async () => {
    const running: string[] = [];
    let folder = '';
    const job = (name: string) =>
      withTpm(access(), async (tpm) => {
        assert.equal(running.length, 0);
        running.push(name);
        folder = tpm.path('.');
        assert.equal(statSync(folder).mode & 0o777, 0o700);
        await tpm.write('file', Uint8Array.of(1));
        assert.equal(statSync(tpm.path('file')).mode & 0o777, 0o600);
        await new Promise((wake) => setTimeout(wake, 20));
        running.pop();
        if (name === 'bad') throw new Error('bad');
      });
    const outcomes = await Promise.allSettled([job('a'), job('bad'), job('c')]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.ok(!existsSync(folder));
  });
});

describe('a TPM', { skip: noTpm }, () => {
  let tpm: SoftwareTpm;
  let other: SoftwareTpm;
  before(async () => {
    [tpm, other] = await Promise.all([SoftwareTpm.start(), SoftwareTpm.start()]);
  });
  after(() => Promise.all([tpm.stop(), other.stop()]));

  const secret = Buffer.from('a key of 32 bytes, or nearly so.');

  it('gives back what it has sealed, and nothing of it stands in what is kept', async () => {
    const sealed = await sealToTpm(tpm.access, secret);
    assert.ok(!Buffer.from(sealed).includes(secret));
    assert.deepEqual(Buffer.from(await unsealFromTpm(tpm.access, sealed)), secret);
    for (const kind of ['transient', 'loaded-session', 'saved-session'])
      assert.equal(tpm.tool('tpm2_getcap', [`handles-${kind}`]), '', kind);
  });

  it('seals as much as a TPM takes and says so of more', async () => {
    const most = Buffer.alloc(128, 1);
    const sealed = await sealToTpm(tpm.access, most);
    assert.deepEqual(Buffer.from(await unsealFromTpm(tpm.access, sealed)), most);
    await assert.rejects(sealToTpm(tpm.access, Buffer.alloc(129)), RangeError);
    await assert.rejects(sealToTpm(tpm.access, Buffer.alloc(0)), RangeError);
  });

  it('opens nothing of another, nothing that was changed and nothing that is cut off', async () => {
    const sealed = await sealToTpm(tpm.access, secret);
    await assert.rejects(unsealFromTpm(other.access, sealed), { code: 'CH3033' });
    for (const at of [0, 1, 5, 30, 60, sealed.length - 1]) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await assert.rejects(unsealFromTpm(tpm.access, changed), { code: 'CH3033' }, `byte ${at}`);
      await assert.rejects(unsealFromTpm(tpm.access, sealed.subarray(0, at)), { code: 'CH3033' });
    }
    assert.deepEqual(Buffer.from(await unsealFromTpm(tpm.access, sealed)), secret);
  });

  it('keeps what the agent holds: another one begins anew, and one that is away loses nothing', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sealed-'));
    const said: string[] = [];
    const say = (text: string): void => void said.push(text);
    const log = { info: () => {}, warn: say, error: say };
    const open = (access: TpmAccess) =>
      HostCache.open(dir, { random, log, only: 'tpm', tpm: tpmSealer(access) });
    const entries = { kind: 'entries' as const, entries: [] };
    try {
      const first = await open(tpm.access);
      assert.equal(first.sealedBy, 'tpm');
      await first.write({ ...first.kept, entries });
      assert.deepEqual((await open(tpm.access)).kept.entries, entries);
      const away = await open({ ...tpm.access, tcti: 'swtpm:path=/nonexistent/tpm' });
      assert.equal(away.sealedBy, 'nothing');
      await away.write(away.kept);
      assert.deepEqual((await open(tpm.access)).kept.entries, entries);
      assert.equal((await open(other.access)).kept.entries, undefined);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('that does not answer is told from one that refuses', async () => {
    const gone = { ...tpm.access, tcti: 'swtpm:path=/nonexistent/tpm' };
    await assert.rejects(sealToTpm(gone, secret), { code: 'CH3031' });
  });
});
