import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Feed, type Followed } from '../src/app/replicas/feed.ts';
import { openPostgresStore } from '../src/store/postgres.ts';
import type { Store } from '../src/store/store.ts';
import { noPostgres, PostgresServer } from './support/postgres.ts';
import { eventually } from './support/running-mesh.ts';
import { FakeClock } from './xds/fake-clock.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

describe('the feed of what other replicas write', { skip: noPostgres() ?? false }, () => {
  const server = new PostgresServer();
  before(() => server.start());
  after(() => server.remove());

  async function world(change: (store: Store) => Partial<Store> = () => ({})) {
    const url = await server.database();
    const [writer, reader] = [await openPostgresStore(url), await openPostgresStore(url)];
    const clock = new FakeClock();
    const store = {
      isShared: true,
      get: reader.get.bind(reader),
      versions: reader.versions.bind(reader),
      watch: reader.watch.bind(reader),
      ...change(reader),
    };
    const feed = new Feed({ store, clock, log, onLag: () => {}, onLease: () => {} });
    const taken = new Map<string, string | undefined>();
    const follow = (changes: readonly Followed[]): void => {
      for (const { id, document } of changes) {
        taken.set(id, document && Buffer.from(document.value).toString());
      }
    };
    const has = (id: string, value: string | undefined): Promise<void> =>
      eventually(
        () => taken.has(id) && taken.get(id) === value,
        10_000,
        () => `${id} is ${taken.get(id)}, not ${value}`,
      );
    return {
      ...{ writer, clock, feed, taken, follow, has },
      close: async () => {
        feed.stop();
        await Promise.all([writer.close(), reader.close()]);
      },
    };
  }

  it('brings what is written, changed and removed, and only of the kinds that are followed', async () => {
    const { writer, feed, taken, follow, has, close } = await world();
    await writer.put('host', 'before', bytes('1'), 0);
    feed.follow('host', [], follow);
    feed.start();
    await has('before', '1');
    await writer.put('other', 'unheard', bytes('1'), 0);
    await writer.put('host', 'a', bytes('1'), 0);
    await has('a', '1');
    await writer.put('host', 'a', bytes('2'), 1);
    await has('a', '2');
    await writer.remove('host', 'a');
    await has('a', undefined);
    assert.ok(!taken.has('unheard'));
    await close();
  });

  it('makes up for notifications that are lost, removals too, by comparing versions', async () => {
    const { writer, clock, feed, follow, has, close } = await world(() => ({
      watch: () => () => {},
    }));
    feed.follow('host', [], follow);
    feed.start();
    await writer.put('host', 'a', bytes('1'), 0);
    clock.advance(5_000);
    await has('a', '1');
    await writer.remove('host', 'a');
    clock.advance(5_000);
    await has('a', undefined);
    await close();
  });

  it('takes again what the follower or the store did not take, when it can', async () => {
    let isAway = true;
    const { writer, clock, feed, follow, has, taken, close } = await world((store) => ({
      get: async (kind, id) => {
        if (isAway) throw new Error('the store is away');
        return store.get(kind, id);
      },
    }));
    let isBroken = true;
    feed.follow('host', [], (changes) => {
      if (isBroken) throw new Error('not now');
      follow(changes);
    });
    feed.start();
    await writer.put('host', 'a', bytes('1'), 0);
    const tried = async (): Promise<void> => {
      for (let turn = 0; turn < 5; turn += 1) {
        await new Promise((wake) => setTimeout(wake, 10));
        clock.advance(300);
      }
    };
    await tried();
    isAway = false;
    await tried();
    assert.ok(!taken.has('a'));
    isBroken = false;
    clock.advance(300);
    await has('a', '1');
    await close();
  });
});
