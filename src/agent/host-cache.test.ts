import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemRandom as random } from '../base/random.ts';
import { HostCache, type Kept } from './host-cache.ts';

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

describe('HostCache', () => {
  let dir = '';
  const said: string[] = [];
  const log = { info: () => {}, warn: (text: string) => void said.push(text), error: () => {} };
  const cache = (): HostCache => new HostCache(dir, { random, log });
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cache-'));
    said.length = 0;
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('gives back what was kept, after a restart', () => {
    cache().write(kept);
    assert.deepEqual(cache().read(), kept);
  });

  it('no key lies on the disk in the clear, and only its user may read the file', () => {
    cache().write(kept);
    const path = join(dir, 'agent.sealed');
    assert.ok(!readFileSync(path, 'latin1').includes('secret'));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(dir, 'agent.key')).mode & 0o777, 0o600);
  });

  it('a file of another host or a damaged one is said, and nothing of it is used', () => {
    cache().write(kept);
    const path = join(dir, 'agent.sealed');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
    assert.deepEqual(cache().read().svids, {});
    rmSync(join(dir, 'agent.key'));
    assert.deepEqual(cache().read().svids, {});
    assert.equal(said.length, 2);
  });

  it('a key file that others may read is refused', () => {
    cache().write(kept);
    const key = join(dir, 'agent.key');
    writeFileSync(key, readFileSync(key));
    rmSync(key);
    writeFileSync(key, `${Buffer.alloc(32).toString('base64')}\n`, { mode: 0o644 });
    assert.throws(cache, /can be read by others/);
  });
});
