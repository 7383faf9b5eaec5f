import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep, systemClock } from './clock.ts';

describe('the real clock', () => {
  it('does not call back at once what is planned for years from now', async (t) => {
    const warned: Error[] = [];
    const warn = (warning: Error): void => void warned.push(warning);
    process.on('warning', warn);
    t.after(() => process.off('warning', warn));
    const cancel = systemClock.after(50 * 365 * 86_400_000, () =>
      assert.fail('it was called back'),
    );
    const alive = setInterval(() => {}, 1_000);
    await sleep(systemClock, 50);
    clearInterval(alive);
    cancel();
    assert.deepEqual(warned, []);
  });
});
