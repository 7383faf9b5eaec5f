import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { type LeaderPart, Role } from './role.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

function world() {
  const clock = new FakeClock();
  const role = new Role({ clock, log });
  const said: string[] = [];
  const part = (name: string, more: Partial<LeaderPart> = {}): LeaderPart => ({
    lead: () => void said.push(`${name} leads`),
    follow: () => void said.push(`${name} follows`),
    ...more,
  });
  return { clock, role, said, part };
}

describe('the role of a replica', () => {
  it('starts its parts in their order and ends them in the other one; what is added later leads at once', async () => {
    const { role, said, part } = world();
    void role.add(part('a'));
    await role.became(1);
    await role.add(part('b'));
    await role.became(undefined);
    assert.deepEqual(said, ['a leads', 'b leads', 'b follows', 'a follows']);
  });

  it('a lease that was lost and taken again ends everything before it begins anew', async () => {
    const { role, said, part } = world();
    await role.add(part('a'));
    await role.became(1);
    await role.became(3);
    assert.deepEqual(said, ['a leads', 'a follows', 'a leads']);
  });

  it('nothing acts for a new epoch before everything of the old one has ended, and what ends may still write', async () => {
    const { role, part } = world();
    const epochs: (number | undefined)[] = [];
    await role.add(part('a', { follow: () => void epochs.push(role.epoch) }));
    await role.became(1);
    assert.equal(role.epoch, 1);
    await role.became(2);
    assert.equal(role.epoch, 2);
    await role.became(undefined);
    assert.equal(role.epoch, undefined);
    assert.deepEqual(epochs, [1, 2]);
  });

  it('what cannot begin yet begins anew as a whole, until it does', async () => {
    const { clock, role, said, part } = world();
    let isAway = true;
    await role.add(part('a'));
    const lead = (): void => {
      if (isAway) throw new Error('the store is away');
      said.push('b leads');
    };
    await role.add(part('b', { lead }));
    await role.became(1);
    assert.deepEqual(said, ['a leads', 'b follows', 'a follows']);
    isAway = false;
    clock.advance(500);
    await new Promise((wake) => setImmediate(wake));
    assert.deepEqual(said.slice(3), ['a leads', 'b leads']);
  });
});
