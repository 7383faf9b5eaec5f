import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryKek } from '../../test/support/memory-kek.ts';
import { systemRandom as random } from '../base/random.ts';
import { newDataKey, openEnvelope, sealEnvelope, sealedUnder, sealWith } from './envelope.ts';
import type { KeyEncryption } from './key-encryption.ts';
import { open, seal } from './seal.ts';

const secret = Buffer.from('secret');

describe('a value sealed with a key', () => {
  const key = random.bytes(32);
  const sealed = seal(key, secret, 'place', random);

  it('opens with its key at its place only', () => {
    const opened = open(key, sealed, 'place');
    assert.ok(opened.ok && secret.equals(opened.value));
    assert.ok(!open(key, sealed, 'elsewhere').ok);
    assert.ok(!open(random.bytes(32), sealed, 'place').ok);
  });

  it('does not open when any byte changed', () => {
    for (let at = 0; at < sealed.length; at += 1) {
      assert.ok(!open(key, withChange(sealed, at), 'place').ok, `byte ${at}`);
    }
  });
});

describe('an envelope', () => {
  const kek = memoryKek();

  it('opens with its KEK at its place only', async () => {
    const sealed = await sealEnvelope(kek, secret, 'place', random);
    const opened = await openEnvelope(kek, sealed, 'place');
    assert.ok(opened.ok && secret.equals(opened.value));
    assert.deepEqual(await openEnvelope(kek, sealed, 'elsewhere'), {
      ok: false,
      error: 'tampered with, or sealed for another place',
    });
    assert.deepEqual(await openEnvelope(memoryKek(), sealed, 'place'), {
      ok: false,
      error: 'sealed with another key',
    });
  });

  it('does not open when any byte changed, or any is missing', async () => {
    const sealed = await sealEnvelope(kek, secret, 'place', random);
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = await openEnvelope(kek, withChange(sealed, at), 'place');
      assert.ok(!changed.ok, `byte ${at}`);
      assert.ok(!(await openEnvelope(kek, sealed.subarray(0, at), 'place')).ok, `${at} bytes`);
    }
  });

  it('gives each value a key of its own, or many values one key and asks the KEK once', async () => {
    const first = await sealEnvelope(kek, secret, 'place', random);
    const second = await sealEnvelope(kek, secret, 'place', random);
    assert.notDeepEqual(first.subarray(0, 60), second.subarray(0, 60));
    const dataKey = await newDataKey(kek, random);
    for (const context of ['one', 'two']) {
      const opened = await openEnvelope(kek, sealWith(dataKey, secret, context, random), context);
      assert.ok(opened.ok && secret.equals(opened.value));
    }
  });

  it('says what it was sealed under', async () => {
    assert.equal(sealedUnder(await sealEnvelope(kek, secret, 'place', random)), 'memory');
    assert.equal(sealedUnder(seal(random.bytes(32), secret, 'place', random)), 'a key file');
    assert.equal(sealedUnder(Buffer.from('nonsense')), undefined);
  });

  it('opens what the first format sealed with the key file itself, and only with that', async () => {
    const key = random.bytes(32);
    const first = seal(key, secret, 'place', random);
    const opened = await openEnvelope(memoryKek(key), first, 'place');
    assert.ok(opened.ok && secret.equals(opened.value));
    assert.ok(!(await openEnvelope(memoryKek(), first, 'place')).ok);
    // Written by the first version itself.
    const written = Buffer.from(
      'AX+Shv6e6/Tj/1LByK2czT/ssfR2Kfb7HcVHa0GFlpe9p+eAvv8BmxM5pSWWyO37fQ==',
      'base64',
    );
    const golden = await openEnvelope(memoryKek(Buffer.alloc(32, 7)), written, 'ca/state');
    assert.equal(golden.ok && Buffer.from(golden.value).toString(), 'of version 1');
    const { openFirstFormat: _, ...elsewhere } = memoryKek(key);
    assert.ok(!(await openEnvelope(elsewhere, first, 'place')).ok);
  });

  it('is not made under a KEK that cannot open it again or that seals nothing (CH5218)', async () => {
    const unwrap: KeyEncryption['unwrap'] = async (wrapped) => ({
      ok: true,
      value: Uint8Array.from(wrapped).reverse().subarray(0, 32),
    });
    const broken: readonly Partial<KeyEncryption>[] = [
      { wrap: async (key) => key, unwrap: async (value) => ({ ok: true, value }) },
      { unwrap: async () => ({ ok: true, value: random.bytes(32) }) },
      { unwrap: async () => ({ ok: false, error: 'sealed with another key' }) },
      { wrap: async (key) => Buffer.concat([key, random.bytes(70_000)]).reverse(), unwrap },
    ];
    for (const part of broken) {
      await assert.rejects(sealEnvelope({ ...kek, ...part }, secret, 'place', random), /CH5218/);
    }
  });
});

function withChange(bytes: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 0x80;
  return changed;
}
