import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { type Grant, newGrant } from '../../breakglass/grant.ts';
import { Grants, type GrantsParts } from './grants.ts';

const minute = 60_000;
const hour = 60 * minute;

describe('the end of a break-glass grant when the clock is set', () => {
  let clock = new FakeClock();
  let active: readonly Grant[] = [];
  let warned: string[] = [];
  let grants: Grants;
  let isSlow = false;
  let answer = (): void => {};
  beforeEach(async () => {
    clock = new FakeClock();
    clock.jump(100 * hour);
    active = [];
    warned = [];
    grants = await Grants.open({
      store: { list: async () => [], record: () => {}, flush: async () => {} },
      plane: {
        get grants() {
          return active;
        },
        grant: (now: readonly Grant[]) => {
          active = now;
        },
      },
      replica: {
        isLeading: true,
        fenced: {
          put: async () => {
            if (!isSlow) return 1;
            return new Promise((resolve) => {
              answer = () => resolve(1);
            });
          },
          remove: async () => true,
        },
        feed: { follow: () => {} },
        role: { add: async () => {} },
      },
      clock,
      log: { info: () => {}, warn: (text: string) => warned.push(text), error: assert.fail },
      metrics: { set: () => {} },
      onChange: () => {},
    } as unknown as GrantsParts);
  });

  const settled = (): Promise<void> => new Promise((wake) => setImmediate(wake));
  async function grant(approvals: 1 | 2, id = 'g'): Promise<void> {
    const asked = { who: 'a', callee: 'b', operations: [], reason: 'r', by: 'ann' };
    const times = { forMs: 30 * minute, askedMs: clock.nowMs() };
    await grants.add(newGrant({ ...asked, ...times, id }, { approvals }));
  }
  async function pass(ms: number): Promise<void> {
    clock.advance(ms);
    await settled();
  }
  const state = (): string | undefined => grants.get('g')?.state.kind;

  it('comes after its time by the time that goes by, also when the clock is set back', async () => {
    await grant(1);
    await pass(10 * minute);
    clock.jump(-hour);
    grants.clockJumped();
    await pass(19 * minute);
    assert.deepEqual([active.length, state()], [1, 'active']);
    await pass(2 * minute);
    assert.deepEqual([active.length, state()], [0, 'ended']);
    assert.ok(!warned.some((text) => text.includes('early')));
  });

  it('comes at once when the clock is set past it, and it is said that this is early', async () => {
    await grant(1);
    clock.jump(hour);
    grants.clockJumped();
    await settled();
    assert.deepEqual([active.length, state()], [0, 'ended']);
    assert.ok(warned.some((text) => text === 'a break-glass grant ends early: the clock jumped'));
    clock.jump(-hour);
    grants.clockJumped();
    await settled();
    assert.deepEqual([active.length, state()], [0, 'ended']);
  });

  it('is written also where the store was slow with the end of another one meanwhile', async () => {
    await grant(1, 'f');
    clock.advance(50);
    await grant(1);
    isSlow = true;
    await pass(30 * minute - 40);
    assert.deepEqual([grants.get('f')?.state.kind, state()], ['active', 'active']);
    clock.advance(40);
    isSlow = false;
    answer();
    await settled();
    await pass(2_000);
    assert.deepEqual([grants.get('f')?.state.kind, state()], ['ended', 'ended']);
  });

  it('is that of its wait, too: nobody approves what has waited for its hour', async () => {
    await grant(2);
    await pass(50 * minute);
    clock.jump(-hour);
    grants.clockJumped();
    await pass(11 * minute);
    const step = { kind: 'approve', by: 'bob', atMs: clock.nowMs() } as const;
    assert.equal((await grants.step('g', step)).ok, false);
    assert.equal(state(), 'ended');
  });
});
