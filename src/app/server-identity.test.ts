import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { memoryKek } from '../../test/support/memory-kek.ts';
import { memoryStore } from '../../test/support/memory-store.ts';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { systemRandom as random } from '../base/random.ts';
import { openAuthority } from '../identity/authority.ts';
import type { TrustDomain } from '../model/types.ts';
import type { TlsMaterial } from '../serve/grpc/server.ts';
import { ServerIdentity } from './server-identity.ts';

const hour = 3_600_000;
const log = { info: () => {}, warn: () => {}, error: assert.fail };

describe('what the control plane presents', () => {
  for (const jumpMs of [hour, -hour, 30 * hour]) {
    it(`is good by both times when its clock jumps by ${jumpMs / hour} h, and is not renewed all the time`, async () => {
      const clock = new FakeClock();
      clock.jump(Date.UTC(2026, 0, 1));
      const trustDomain = 'shop.test' as TrustDomain;
      const authority = await openAuthority({
        ...{ store: memoryStore(), kek: memoryKek(), trustDomain, clock, random },
      });
      clock.advance(2 * hour);
      const presented: TlsMaterial[] = [];
      const servers = [{ setTls: (tls: TlsMaterial) => void presented.push(tls) }];
      const identity = new ServerIdentity({ authority, clock, random, log, servers });
      await identity.start(async (tls) => void presented.push(tls));
      const beforeMs = clock.nowMs();
      clock.jump(jumpMs);
      identity.replan(jumpMs);
      const last = new X509Certificate(presented.at(-1)?.cert ?? '');
      const isGood = (atMs: number): boolean =>
        Date.parse(last.validFrom) <= atMs && atMs < Date.parse(last.validTo);
      const isNear = Math.abs(jumpMs) <= 24 * hour;
      assert.deepEqual([isGood(clock.nowMs()), isGood(beforeMs)], [true, isNear]);
      const { length } = presented;
      clock.advance(0.25 * hour);
      assert.equal(presented.length, length);
      clock.advance(2 * hour);
      assert.ok(presented.length > length);
      identity.stop();
    });
  }
});
