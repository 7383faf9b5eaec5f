import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Expiring, expiryFinding, expiryWarnings } from './expiry.ts';

const item = (what: string, notAfterMs: number): Expiring => ({
  ...{ what, notAfterMs, notBeforeMs: 0 },
  command: `mend ${what}`,
});

describe('a warning of what ends', () => {
  it('comes at a third of the life, and again at its end', () => {
    const levels = (nowMs: number) =>
      expiryWarnings([item('x', 90_000)], nowMs).map((w) => w.level);
    assert.deepEqual(levels(60_000), []);
    assert.deepEqual(levels(60_001), ['soon']);
    assert.deepEqual(levels(89_999), ['soon']);
    assert.deepEqual(levels(90_000), ['ended']);
  });

  it('names what ends first first', () => {
    const warnings = expiryWarnings([item('late', 100), item('early', 90), item('fine', 900)], 80);
    assert.deepEqual(
      warnings.map(({ what }) => what),
      ['early', 'late'],
    );
  });

  it('says the same while the level is the same, and the command to run', () => {
    const said = [70_000, 80_000].map((nowMs) =>
      expiryWarnings([item('x', 90_000)], nowMs).map(expiryFinding),
    );
    assert.deepEqual(said[0], said[1]);
    assert.deepEqual(said[0], [
      {
        code: 'CH3011',
        severity: 'warning',
        message: 'x ends soon, at 1970-01-01T00:01:30Z',
        help: 'mend x',
      },
    ]);
    const [ended] = expiryWarnings([item('x', 90_000)], 90_000).map(expiryFinding);
    assert.equal(ended?.code, 'CH3012');
    assert.equal(ended?.severity, 'error');
  });
});
