import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ofAnotherTime } from './another-time.ts';

const minute = 60_000;
const hour = 60 * minute;
/** Signed at this time for an hour. */
const signed = (atMs: number) => ({ notBeforeMs: atMs - 10_000, notAfterMs: atMs + hour });

describe('a certificate of another time', () => {
  const now = 1_000 * hour;
  /** Asked for at half of the life, by a host whose clock is `own` off, of a control plane whose clock jumped by `jump`. */
  const renewed = (jump: number, own = 0, elapsedMs = 30 * minute) =>
    ofAnotherTime({
      ...{ held: signed(now), next: signed(now + elapsedMs + jump) },
      ...{ nowMs: now + elapsedMs + own, elapsedMs },
    });

  it('is not taken: not valid yet, or ended sooner than what is held', () => {
    assert.match(renewed(hour) ?? '', /signs 3600 s ahead of the time/);
    assert.match(renewed(-hour) ?? '', /signs 3600 s behind the time/);
  });

  it('is taken where it is good all the same, or what is held is over', () => {
    assert.equal(renewed(0), undefined);
    assert.equal(renewed(30_000), undefined);
    assert.equal(renewed(-10 * minute), undefined);
    assert.equal(renewed(hour, 0, 61 * minute), undefined);
    assert.equal(renewed(-hour, 0, 61 * minute), undefined);
  });

  it('is taken in place of one that is not valid yet', () => {
    const held = signed(now + hour);
    const given = { held, next: signed(now + minute), nowMs: now + minute, elapsedMs: minute };
    assert.equal(ofAnotherTime(given), undefined);
  });

  it('is never blamed on the control plane when it is the clock of the host that was set', () => {
    for (const own of [-hour, -10 * minute, 10 * minute]) assert.equal(renewed(0, own), undefined);
  });
});
