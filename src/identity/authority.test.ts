import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { memoryKek } from '../../test/support/memory-kek.ts';
import { memoryStore } from '../../test/support/memory-store.ts';
import { systemClock as clock } from '../base/clock.ts';
import { systemRandom as random } from '../base/random.ts';
import type { ServiceName, TrustDomain } from '../model/types.ts';
import { openAuthority } from './authority.ts';
import { createCsr } from './csr.ts';
import { renewalDelayMs } from './renewal.ts';
import { workloadId } from './spiffe-id.ts';

const kek = memoryKek();
const trustDomain = 'shop.test' as TrustDomain;

describe('authority', () => {
  it('comes back with the same root, and never stores it in the clear', async () => {
    const store = memoryStore();
    const first = await openAuthority({ store, kek, trustDomain, clock, random });
    const again = await openAuthority({ store, kek, trustDomain, clock, random });
    assert.equal(again.bundlePem, first.bundlePem);
    const sealed = Buffer.from(store.values.get('ca/state')?.value ?? []).toString('latin1');
    assert.ok(!sealed.includes('certificate') && !sealed.includes('shop.test'));
  });

  it('records what it signs, without the key', async () => {
    const store = memoryStore();
    const authority = await openAuthority({ store, kek, trustDomain, clock, random });
    const csrDer = createCsr({
      ...generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      commonName: 'x',
    });
    const spiffeId = workloadId(trustDomain, 'payments' as ServiceName);
    const issued = authority.issue({
      spiffeId,
      csrDer,
      ttlSeconds: 60,
      host: 'h',
      reason: 'first',
    });
    assert.ok(issued.ok);
    const [entry] = store.entries;
    assert.ok(entry !== undefined);
    assert.equal(entry.kind, 'svid-issued');
    assert.equal(entry.subject, spiffeId);
    assert.equal((entry.facts as { serial: string }).serial, issued.value.serialHex);
  });

  it('another key does not open it (CH3001), nor another trust domain (CH3002)', async () => {
    const store = memoryStore();
    await openAuthority({ store, kek, trustDomain, clock, random });
    const withKey = openAuthority({ store, kek: memoryKek(), trustDomain, clock, random });
    await assert.rejects(withKey, /CH3001/);
    const other = 'other.test' as TrustDomain;
    await assert.rejects(
      openAuthority({ store, kek, trustDomain: other, clock, random }),
      /CH3002/,
    );
  });
});

describe('renewal', () => {
  it('comes at half of the life since it was signed, 10 % around it, and never in the past', () => {
    const life = { notBeforeMs: -10_000, notAfterMs: 100_000, nowMs: 10_000 };
    const at = (fraction: number): number =>
      renewalDelayMs({ ...life, random: { bytes: random.bytes, fraction: () => fraction } });
    assert.equal(at(0.5), 40_000);
    assert.equal(at(0), 35_000);
    assert.ok(at(0.999) < 45_000);
    assert.equal(renewalDelayMs({ ...life, nowMs: 90_000, random }), 0);
  });
});
