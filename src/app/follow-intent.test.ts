import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { systemClock as clock } from '../base/clock.ts';
import { gitFailed } from '../git/findings.ts';
import type { ControlPlane } from './control-plane.ts';
import { followIntent } from './follow-intent.ts';
import type { IntentSource, TreeReading } from './intent-source.ts';

/** A source of which each reading begins and ends when the test says so. */
function source(first: string) {
  let head = first;
  let tell = (): void => {};
  const open: (() => void)[] = [];
  const read = (): Promise<TreeReading> =>
    new Promise((resolve) => {
      const tree = { commit: head, subject: '', files: new Map(), trailers: new Map() };
      open.push(() => resolve({ kind: 'tree', tree }));
    });
  const watch: IntentSource['watch'] = (onChange) => {
    tell = onChange;
    return () => {};
  };
  return {
    source: { read, watch } as unknown as IntentSource,
    moves: (commit: string) => {
      head = commit;
    },
    tells: () => tell(),
    /** Ends the reading that is under way. */
    ends: async () => {
      open.shift()?.();
      await new Promise(setImmediate);
    },
    get isReading() {
      return open.length > 0;
    },
  };
}

async function follow(given: ReturnType<typeof source>): Promise<string[]> {
  const offered: string[] = [];
  const gatekeeper = {
    offer: (reading: TreeReading) => {
      offered.push(reading.kind === 'tree' ? reading.tree.commit : '');
    },
  };
  const plane = { intent: { kind: 'running' } } as unknown as ControlPlane;
  await followIntent({ source: given.source, gatekeeper, plane, clock });
  return offered;
}

test('a commit that comes while an older one is read is read after it', async () => {
  const given = source('one');
  const offered = await follow(given);
  given.moves('two');
  given.tells();
  await given.ends();
  await given.ends();
  assert.deepEqual(offered, ['one', 'two']);
});

test('what the reading before already saw is not offered again', async () => {
  const given = source('one');
  const offered = await follow(given);
  given.tells();
  await given.ends();
  await given.ends();
  assert.deepEqual([offered, given.isReading], [['one'], false]);
});

test('a branch that goes back to a commit is offered it again', async () => {
  const given = source('one');
  const offered = await follow(given);
  await given.ends();
  for (const commit of ['two', 'one']) {
    given.moves(commit);
    given.tells();
    await given.ends();
  }
  assert.deepEqual(offered, ['one', 'two', 'one']);
});

test('where git itself failed it is read again, and the same failure is offered once', async () => {
  const fake = new FakeClock();
  const readings: TreeReading[] = [gitFailedReading('HEAD'), gitFailedReading('HEAD')];
  const tree = { commit: 'one', subject: '', files: new Map(), trailers: new Map() };
  const offered: string[] = [];
  const source = {
    read: async (): Promise<TreeReading> => readings.shift() ?? { kind: 'tree', tree },
    watch: () => () => {},
  } as unknown as IntentSource;
  const gatekeeper = { offer: ({ kind }: TreeReading) => void offered.push(kind) };
  const plane = { intent: { kind: 'running' } } as unknown as ControlPlane;
  const unfollow = await followIntent({ source, gatekeeper, plane, clock: fake });
  for (let look = 0; look < 4; look += 1) {
    await new Promise(setImmediate);
    fake.advance(2_000);
  }
  assert.deepEqual(offered, ['unreadable', 'tree']);
  unfollow();
  assert.equal(fake.timerCount, 0);
});

function gitFailedReading(commit: string): TreeReading {
  return { kind: 'unreadable', commit, subject: '', findings: [gitFailed('cat-file', 'EMFILE')] };
}
