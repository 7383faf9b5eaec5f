import assert from 'node:assert/strict';
import { proxyStateAt } from '../../../src/app/past-proxies.ts';
import { shortType, type TypeUrl } from '../../../src/compile/resource.ts';
import type { Store } from '../../../src/store/store.ts';
import type { SimProxy } from './proxy.ts';
import type { CommitsWorld } from './world.ts';

interface Probe {
  readonly proxy: string;
  readonly atMs: number;
  readonly has: ReadonlyMap<string, string>;
}

/** By then what it took is in the ledger, and outlives whoever wrote it. */
const writtenMs = 700;
/** As many as are looked up at the end of a ride. */
const probesMax = 40;

/** What proxies had at times at which they had nothing to do, to be held against what the ledger tells of those times. */
export class LedgerProbes {
  readonly #world: CommitsWorld;
  readonly #probes: Probe[] = [];

  constructor(world: CommitsWorld) {
    this.#world = world;
  }

  /** Nothing where it can say nothing: to be called at any moment. */
  take(proxy: SimProxy): void {
    const { clock, storeQuietSinceMs } = this.#world;
    const nowMs = clock.monotonicMs();
    const { quietSinceMs } = proxy;
    if (quietSinceMs === undefined || nowMs - quietSinceMs < writtenMs) return;
    if (nowMs - storeQuietSinceMs < writtenMs) return;
    // At this very moment it may still take something.
    this.#probes.push({ proxy: proxy.id, atMs: clock.nowMs() - 1, has: proxy.versions });
    if (this.#probes.length > probesMax) this.#probes.shift();
  }

  async check(store: Store): Promise<void> {
    for (const { proxy, atMs, has } of this.#probes) {
      const told = await proxyStateAt(store, proxy, atMs);
      const held = new Map(
        [...(told?.held ?? [])].flatMap(([type, all]) =>
          [...all].map(([name, { version }]) => [`${type} ${name}`, version] as const),
        ),
      );
      const had = new Map(
        [...has].map(([key, version]): [string, string] => {
          const space = key.indexOf(' ');
          const type = shortType(key.slice(0, space) as TypeUrl);
          return [`${type} ${key.slice(space + 1)}`, version];
        }),
      );
      const at = this.#world.timeText(atMs);
      assert.deepEqual(
        sorted(held),
        sorted(had),
        `what the ledger says that ${proxy} had at ${at}`,
      );
    }
  }
}

function sorted(all: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1));
}
