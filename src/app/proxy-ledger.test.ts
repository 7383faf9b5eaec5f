import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerEntry, MadeResource, NewLedgerEntry } from '../base/ledger.ts';
import type { WorkloadId } from '../compile/inventory.ts';
import { type Resource, shortType, type TypeUrl, typeUrls } from '../compile/resource.ts';
import { isWhole, stateAt } from '../explain/proxy-state.ts';
import { ProxyLedger } from './proxy-ledger.ts';

const types = [typeUrls.cluster, typeUrls.endpoints] as const;
const names = ['a', 'b with a space', 'c@d', 'e/f'];
const node = { id: 'p', cluster: '', userAgent: 'envoy' };
const histories = 60;
const steps = 120;

/** A small generator with a seed, so that what fails fails again. */
function drawing(seed: number): (below: number) => number {
  let state = seed + 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

class World {
  nowMs = 1_000;
  readonly entries: LedgerEntry[] = [];
  readonly made: MadeResource[] = [];
  readonly touched: string[] = [];
  /** What the proxy really has: `type name` to version. */
  readonly has = new Map<string, string>();
  readonly refused = new Map<string, string>();
  readonly ledger = new ProxyLedger({
    store: {
      record: (entry: NewLedgerEntry) =>
        void this.entries.push({ seq: this.entries.length + 1, ...entry }),
      keepResource: (resource) => void this.made.push(resource),
      touchResources: async (ids) => void this.touched.push(...ids),
    },
    clock: {
      nowMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      after: () => () => {},
    },
  });

  /** One thing that happens between a proxy and the service. */
  async step(draw: (below: number) => number): Promise<void> {
    const type = types[draw(types.length)] ?? types[0];
    const one = resource(type, names[draw(names.length)] ?? '', `v${draw(5)}`);
    const key = `${shortType(type)} ${one.name}`;
    switch (draw(7)) {
      case 5:
        // It has no use for it any more, and was told nothing.
        this.ledger.dropped({ kind: 'dropped', proxy: 'p', type, names: [one.name] });
        this.has.delete(key);
        this.refused.delete(key);
        return;
      case 0:
        this.ledger.refused({
          ...{ kind: 'nacked', proxy: 'p', type, names: [one.name], rejected: [one] },
          ...{ message: 'no good', from: [] },
        });
        this.refused.set(key, one.version);
        return;
      case 1:
        this.#taken(type, [], [one.name], []);
        this.has.delete(key);
        this.refused.delete(key);
        return;
      case 2:
        // The proxy has restarted, or comes back as it was.
        this.ledger.linked({ kind: 'disconnected', proxy: 'p', node });
        this.ledger.linked({ kind: 'connected', proxy: 'p', node });
        if (draw(2) === 0) this.has.clear();
        for (const each of types) {
          this.ledger.opened({ kind: 'opened', proxy: 'p', type: each, versions: this.#of(each) });
        }
        return;
      case 3:
        if (draw(4) === 0) await this.ledger.checkpoint();
        return;
      case 4:
        this.#taken(type, [one], [], [one.name]);
        this.has.set(key, one.version);
        return;
      default:
        this.#taken(type, [one], [], []);
        this.has.set(key, one.version);
        this.refused.delete(key);
    }
  }

  #taken(
    type: TypeUrl,
    accepted: readonly Resource[],
    removed: readonly string[],
    overtaken: readonly string[],
  ): void {
    const changes = [...accepted.map(({ name }) => name), ...removed];
    this.ledger.accepted({
      ...{ kind: 'acked', proxy: 'p', type, names: changes },
      ...{ accepted, removed, overtaken, tookMs: 1 },
    });
  }

  #of(type: TypeUrl): ReadonlyMap<string, string> {
    const prefix = `${shortType(type)} `;
    const own = [...this.has].filter(([key]) => key.startsWith(prefix));
    return new Map(own.map(([key, version]) => [key.slice(prefix.length), version]));
  }
}

function resource(typeUrl: TypeUrl, name: string, version: string): Resource {
  const from = [{ file: 'services/a.yaml', line: 4, column: 2, length: 1 }];
  return { typeUrl, name, version, bytes: Buffer.from(version), from };
}

/** A type of which there is nothing is the same as none. */
function filled<Value>(byType: ReadonlyMap<string, ReadonlyMap<string, Value>>) {
  return new Map([...byType].filter(([, byName]) => byName.size > 0));
}

function versions(
  byType: ReadonlyMap<string, ReadonlyMap<string, { readonly version: string }>>,
): Record<string, string> {
  const all = [...byType].flatMap(([type, byName]) =>
    [...byName].map(([name, { version }]): [string, string] => [`${type} ${name}`, version]),
  );
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function sorted(map: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('the ledger of proxies', () => {
  it('folded to any moment, it is what the proxy had and had refused at that moment', async () => {
    for (let seed = 0; seed < histories; seed += 1) {
      const world = new World();
      const draw = drawing(seed);
      for (const type of types) {
        world.ledger.opened({ kind: 'opened', proxy: 'p', type, versions: new Map() });
      }
      world.ledger.linked({ kind: 'connected', proxy: 'p', node });
      const moments = [];
      for (let step = 0; step < steps; step += 1) {
        world.nowMs += 1 + draw(50);
        await world.step(draw);
        moments.push({ atMs: world.nowMs, has: sorted(world.has), refused: sorted(world.refused) });
      }
      for (const { atMs, has, refused } of moments) {
        const state = stateAt(world.entries, atMs);
        assert.deepEqual(versions(state.held), has, `seed ${seed} at ${atMs}`);
        assert.deepEqual(versions(state.refused), refused, `seed ${seed} at ${atMs}`);
        // Read only from the last entry that holds the whole, it is the same, and as long there.
        const upTo = world.entries.filter((entry) => entry.atMs <= atMs);
        const whole = stateAt(upTo.slice(Math.max(0, upTo.findLastIndex(isWhole))), atMs);
        assert.deepEqual(
          [filled(whole.refused), whole.kind, whole.sinceMs],
          [filled(state.refused), state.kind, state.sinceMs],
          `seed ${seed} at ${atMs}, from the checkpoint`,
        );
        assert.deepEqual(
          filled(whole.held),
          filled(state.held),
          `seed ${seed} at ${atMs}, from the checkpoint`,
        );
      }
    }
  });

  it('a version is written down once, with the commit that was published to its proxy then', () => {
    const world = new World();
    const one = resource(typeUrls.cluster, 'a', 'v1');
    const two = resource(typeUrls.cluster, 'a', 'v2');
    const sink = world.ledger.sink({
      publish: (proxy) => {
        const resources = world.made.length === 0 ? [one] : [one, two];
        world.ledger.sent({ kind: 'sent', proxy, type: typeUrls.cluster, resources });
      },
      retire: () => {},
    });
    sink.publish('p' as WorkloadId, new Map(), new Map(), 'commit-1');
    sink.publish('q' as WorkloadId, new Map(), new Map(), 'commit-2');
    assert.deepEqual(
      world.made.map(({ version, commit, from }) => [version, commit, from]),
      [
        ['v1', 'commit-1', [{ file: 'services/a.yaml', line: 4 }]],
        ['v2', 'commit-2', [{ file: 'services/a.yaml', line: 4 }]],
      ],
    );
  });

  it('a proxy that comes back as it was costs no entry', () => {
    const world = new World();
    const type = typeUrls.cluster;
    const versions = new Map([['a', '1']]);
    world.ledger.opened({ kind: 'opened', proxy: 'p', type, versions });
    world.ledger.opened({ kind: 'opened', proxy: 'p', type, versions });
    assert.equal(world.entries.length, 1);
  });

  it('what proxies still have is kept from being forgotten at each checkpoint', async () => {
    const world = new World();
    const versions = new Map([['a b', 'v1']]);
    world.ledger.opened({ kind: 'opened', proxy: 'p', type: typeUrls.cluster, versions });
    await world.ledger.checkpoint();
    assert.deepEqual(world.touched, ['Cluster v1 a b']);
  });
});
