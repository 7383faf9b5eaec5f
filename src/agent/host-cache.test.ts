import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { systemRandom as random } from '../base/random.ts';
import { seal } from '../identity/seal.ts';
import { HostCache, type Kept } from './host-cache.ts';
import type { HostKeyOptions, TpmSealer } from './host-key.ts';
import { openKeyring } from './keyring.ts';

const kept: Kept = {
  trust: undefined,
  entries: { kind: 'entries', entries: [] },
  policy: undefined,
  host: undefined,
  firstKeyPem: undefined,
  svids: {
    'web-v1': {
      spiffeId: 'spiffe://shop.test/web',
      chainPem: 'chain',
      serial: '0a',
      issuerKeyId: '0b',
      notBeforeMs: 1,
      notAfterMs: 2,
      privateKeyPem: 'the secret key',
    },
  },
};

const keyring = openKeyring();
const noKeyring: string | false = keyring.ok ? false : `no keyring here: ${keyring.error}`;
/** Never the one that agents of this machine use. */
const keyName = `chancery test ${process.pid}`;

describe('HostCache', () => {
  let dir = '';
  const said: { readonly text: string; readonly fields: object }[] = [];
  const say = (text: string, fields: object = {}): void => void said.push({ text, fields });
  const log = { info: () => {}, warn: say, error: say };
  const cache = (more: Partial<HostKeyOptions> = {}, folder = dir): Promise<HostCache> =>
    HostCache.open(folder, { random, log, keyName, machineId: 'this machine', ...more });
  const written = async (more: Partial<HostKeyOptions> = {}): Promise<void> =>
    (await cache(more)).write(kept);
  const holds = async (more: Partial<HostKeyOptions> = {}, folder = dir): Promise<boolean> =>
    (await cache(more, folder)).kept.svids['web-v1'] !== undefined;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cache-'));
    said.length = 0;
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  after(() => keyring.ok && keyring.value.remove(keyName));

  it('gives back what was kept, after a restart', async () => {
    await written();
    assert.deepEqual((await cache()).kept, kept);
    assert.deepEqual(said, []);
  });

  it('no key lies on the disk in the clear, and only its user may read the files', async () => {
    await written();
    const path = join(dir, 'agent.sealed');
    assert.ok(!readFileSync(path, 'latin1').includes('secret'));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(dir, 'agent.key')).mode & 0o777, 0o600);
  });

  it('many writes at once leave the last one', async () => {
    const one = await cache();
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        one.write({ ...kept, svids: index === 9 ? kept.svids : {} }),
      ),
    );
    assert.ok(await holds());
  });

  it('a file of another host or a damaged one is said, and nothing of it is used', async () => {
    await written();
    const path = join(dir, 'agent.sealed');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
    assert.ok(!(await holds()));
    rmSync(join(dir, 'agent.key'));
    assert.ok(!(await holds()));
    assert.equal(said.length, 2);
  });

  it('a key file that others may read is refused', async () => {
    writeFileSync(join(dir, 'agent.key'), `${Buffer.alloc(32).toString('base64')}\n`, {
      mode: 0o644,
    });
    await assert.rejects(cache(), /can be read by others/);
  });

  for (const only of ['file', 'keyring'] as const) {
    it(`a copy of the folder does not open on another machine (${only})`, async (t) => {
      if (only === 'keyring' && noKeyring !== false) return t.skip(noKeyring);
      await written({ only });
      const copy = `${dir}-copy`;
      cpSync(dir, copy, { recursive: true });
      t.after(() => rmSync(copy, { recursive: true }));
      assert.ok(!(await holds({ machineId: 'another machine' }, copy)));
      assert.match(JSON.stringify(said), /does not open; it begins anew.*another machine/);
      assert.ok(await holds());
    });
  }

  it('what the keyring sealed does not outlive it, as after a reboot', {
    skip: noKeyring,
  }, async () => {
    await written();
    assert.equal((await cache()).sealedBy, 'keyring');
    assert.ok(keyring.ok);
    const before = keyring.value.get(keyName);
    keyring.value.remove(keyName);
    assert.ok(!(await holds()));
    assert.match(JSON.stringify(said), /does not outlive/);
    assert.notDeepEqual(keyring.value.get(keyName), before);
    await written();
    assert.ok(await holds(), 'it goes on with a new key');
  });

  it('a key that the keyring loses while the agent runs is made anew at the next write', {
    skip: noKeyring,
  }, async () => {
    const running = await cache();
    await running.write(kept);
    assert.ok(keyring.ok);
    keyring.value.remove(keyName);
    await running.write(kept);
    assert.ok(await holds());
  });

  it('opens what a weaker key sealed, as the last version did, and seals it with the stronger', async () => {
    await written({ only: 'file' });
    assert.ok(await holds());
    await (await cache()).write(kept);
    assert.equal(await holds({ only: 'file' }), noKeyring !== false);
  });

  it('keeps nothing where the key that was asked for cannot be had, and says so', async () => {
    const asked = await cache({ only: 'tpm' });
    assert.equal(asked.sealedBy, 'nothing');
    await asked.write(kept);
    assert.match(JSON.stringify(said), /the key asked for.*no TPM is configured/);
    assert.ok(!(await holds()));
  });

  it('a TPM that fails is said, and its sealed key is left for when it is back', async () => {
    await written({ tpm: xorTpm(1) });
    const before = readFileSync(join(dir, 'agent.tpm'));
    const broken: TpmSealer = { seal: fails, open: fails };
    const running = await cache({ tpm: broken });
    assert.equal(running.sealedBy, 'nothing');
    await running.write({ ...kept, svids: {} });
    assert.match(JSON.stringify(said), /TPM cannot be used.*out of order/);
    assert.deepEqual(readFileSync(join(dir, 'agent.tpm')), before);
    assert.ok(await holds({ tpm: xorTpm(1) }));
  });

  it('a TPM that never worked is passed over', async () => {
    const broken: TpmSealer = { seal: fails, open: fails };
    await written({ tpm: broken });
    assert.ok(await holds({ tpm: broken }));
  });

  it('a host that cannot join again by itself is not bound to what a reboot loses', async () => {
    assert.equal((await cache({ outlivesReboot: true })).sealedBy, 'file');
    await written({ outlivesReboot: true });
    if (keyring.ok) keyring.value.remove(keyName);
    assert.ok(await holds({ outlivesReboot: true }));
  });

  it('another TPM opens nothing, and the agent begins anew with it', async () => {
    await written({ tpm: xorTpm(1) });
    assert.equal((await cache({ tpm: xorTpm(1) })).sealedBy, 'tpm');
    assert.ok(!(await holds({ tpm: xorTpm(2) })));
    await written({ tpm: xorTpm(2) });
    assert.ok(await holds({ tpm: xorTpm(2) }));
  });
});

async function fails(): Promise<never> {
  throw new Error('out of order');
}

/** For the rules around a TPM only; the real one has its own test. */
function xorTpm(secret: number): TpmSealer {
  const key = Buffer.alloc(32, secret);
  return {
    seal: async (bytes) => seal(key, bytes, 'tpm', random),
    open: async (sealed) => {
      const { open } = await import('../identity/seal.ts');
      const opened = open(key, sealed, 'tpm');
      return opened.ok ? opened.value : undefined;
    },
  };
}
