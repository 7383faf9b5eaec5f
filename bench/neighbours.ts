import { Fixture, snapshotOf } from '../test/xds/fixture.ts';
import type { RawClient } from '../test/xds/raw-client.ts';
import { median, print, progress, quantile } from './line.ts';

const proxiesCount = 200;
const rounds = 40;
const warmUpRounds = 5;
const resourcesCount = 20;
/** Together more than an HTTP/2 window, so that who does not read fills its own. */
const resourceBytes = 8_192;

/** Who is beside the proxies that are measured. */
const cases = ['alone', 'slow_reader', 'refusing'] as const;
type Case = (typeof cases)[number];

/** What one bad proxy does to how fast all others have a change: against the same without it, in the same run. */
export async function run(): Promise<void> {
  const times: Record<Case, number[]> = { alone: [], slow_reader: [], refusing: [] };
  const meshes = await Promise.all(cases.map((one) => Mesh.open(one)));
  try {
    for (let round = 0; round < rounds + warmUpRounds; round += 1) {
      for (const mesh of meshes) {
        const taken = await mesh.change();
        if (round >= warmUpRounds) times[mesh.kind].push(quantile(taken, 0.99));
      }
    }
  } finally {
    for (const mesh of meshes) await mesh.close();
  }
  const alone = median(times.alone);
  for (const kind of ['slow_reader', 'refusing'] as const) {
    const p99Ms = median(times[kind]);
    progress(
      `${kind}: p99 of ${proxiesCount} proxies ${p99Ms.toFixed(1)} ms, alone ${alone.toFixed(1)} ms`,
    );
    print({
      ...{ bench: 'neighbours', metric: `${kind}_p99_ratio`, value: p99Ms / alone, unit: 'ratio' },
      ...{ better: 'lower', reference: Math.round(alone * 10) / 10, runs: rounds },
    });
  }
}

/** Proxies of one server that take what they get, and one that does not. */
class Mesh {
  readonly kind: Case;
  readonly #fixture: Fixture;
  readonly #good: readonly RawClient[];
  readonly #bad: RawClient | undefined;
  #version = 0;

  private constructor(kind: Case, fixture: Fixture) {
    this.kind = kind;
    this.#fixture = fixture;
    this.#publish();
    this.#good = Array.from({ length: proxiesCount }, (_, index) => fixture.connect(`p${index}`));
    this.#bad = kind === 'alone' ? undefined : fixture.connect('bad');
  }

  static async open(kind: Case): Promise<Mesh> {
    const mesh = new Mesh(kind, await Fixture.open());
    for (const client of mesh.#good) client.send('cluster', {});
    mesh.#bad?.send('cluster', {});
    await Promise.all(mesh.#good.map((client) => client.nextAcked('cluster')));
    if (kind === 'refusing') void mesh.#refuse();
    return mesh;
  }

  async #refuse(): Promise<void> {
    for (;;) {
      const answer = await this.#bad?.next('cluster').catch(() => undefined);
      if (answer === undefined) return;
      this.#bad?.nack(answer, 'no such thing');
    }
  }

  /** How long each good proxy waited for a change of everything. */
  async change(): Promise<readonly number[]> {
    const startedMs = performance.now();
    this.#publish();
    return Promise.all(
      this.#good.map(async (client) => {
        await client.nextAcked('cluster');
        return performance.now() - startedMs;
      }),
    );
  }

  #publish(): void {
    this.#version += 1;
    const names = Array.from({ length: resourcesCount }, (_, index) => `c${index}`);
    const versions = Object.fromEntries(names.map((name) => [name, String(this.#version)]));
    const bytes = Object.fromEntries(names.map((name) => [name, Buffer.alloc(resourceBytes)]));
    const snapshot = snapshotOf({ cluster: versions }, bytes);
    for (let index = 0; index < proxiesCount; index += 1) {
      this.#fixture.service.publish(`p${index}`, snapshot);
    }
    if (this.kind !== 'alone') this.#fixture.service.publish('bad', snapshot);
  }

  close(): Promise<void> {
    return this.#fixture[Symbol.asyncDispose]();
  }
}
