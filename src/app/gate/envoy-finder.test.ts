import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Judge } from './envoy-gate.ts';
import { envoyFinder } from './gates.ts';

type Found = Result<Judge, string>;

describe('the Envoy of the gate', () => {
  it('is waited for by the first commit; where there was none, later looks hold no commit up', async () => {
    const clock = new FakeClock();
    const looks: ((found: Found) => void)[] = [];
    const find = envoyFinder(clock, () => new Promise((answer) => void looks.push(answer)));
    const first = find();
    assert.equal(looks.length, 1);
    looks[0]?.(err('off the network'));
    assert.equal((await first).ok, false);
    await find();
    assert.equal(looks.length, 1);
    clock.advance(600_000);
    assert.equal((await find()).ok, false);
    assert.equal((await find()).ok, false);
    assert.equal(looks.length, 2);
    looks[1]?.(ok(async () => undefined));
    await new Promise((wake) => setImmediate(wake));
    assert.equal((await find()).ok, true);
    clock.advance(600_000);
    assert.equal((await find()).ok, true);
    assert.equal(looks.length, 2);
  });

  it('that is found is looked for once', async () => {
    const clock = new FakeClock();
    let looks = 0;
    const find = envoyFinder(clock, async () => {
      looks += 1;
      return ok(async () => undefined);
    });
    for (const found of await Promise.all([find(), find()])) assert.equal(found.ok, true);
    clock.advance(600_000);
    assert.equal((await find()).ok, true);
    assert.equal(looks, 1);
  });
});
