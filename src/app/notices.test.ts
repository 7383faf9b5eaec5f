import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import type { Finding } from '../base/finding.ts';
import { type Expiring, expiryFinding, expiryWarnings } from '../identity/expiry.ts';
import { Notices } from './notices.ts';

it('what ends is told once for each item and level, and again when it comes back', () => {
  const clock = new FakeClock();
  const startMs = clock.nowMs();
  const item = (what: string, lifeMs: number): Expiring => ({
    ...{ what, command: 'mend', notBeforeMs: startMs },
    notAfterMs: startMs + lifeMs,
  });
  let items = [item('a', 30_000), item('b', 60_000)];
  const told: Finding[] = [];
  const notices = new Notices({
    sources: [() => expiryWarnings(items, clock.nowMs()).map(expiryFinding)],
    onNew: (finding) => told.push(finding),
    clock,
  });
  notices.start();
  clock.advance(70_000);
  assert.deepEqual(
    told.map(({ code, message }) => `${code} ${message.slice(0, 1)}`),
    ['CH3011 a', 'CH3012 a', 'CH3011 b', 'CH3012 b'],
  );
  assert.equal(notices.current.length, 2);
  items = [];
  clock.advance(1_000);
  items = [item('a', 30_000)];
  clock.advance(1_000);
  assert.equal(told.length, 5);
  notices.stop();
  assert.equal(clock.timerCount, 0);
});
