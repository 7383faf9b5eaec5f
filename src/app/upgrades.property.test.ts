import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CommitEvents } from '../../test/support/commits/events.ts';
import { type SimVersion, versionHarms, versionOf } from '../../test/support/commits/version.ts';
import { CommitsWorld, watchMs } from '../../test/support/commits/world.ts';
import { type Draw, drawFrom } from '../compile/random-mesh.fixture.ts';
import { type RecordedResource, recordedProxies } from '../compile/recorded.ts';
import { type Snapshot, typeUrls } from '../compile/resource.ts';
import { readCompiled } from './upgrade/compiled-store.ts';

/** `CHANCERY_UPGRADES=1000` for a night, `CHANCERY_FROM=500` to go on; `CHANCERY_SEED` for one of them. */
const runs = Number(process.env['CHANCERY_UPGRADES'] ?? 8);
const from = Number(process.env['CHANCERY_FROM'] ?? 1);
const only = process.env['CHANCERY_SEED'];
const steps = 24;

/** Control planes of one version after the other on one mesh, whatever else befalls it. */
class Ride {
  readonly world: CommitsWorld;
  readonly #draw: Draw;
  readonly #events: CommitEvents;
  readonly #versions: SimVersion[] = [];
  /** By version: proxies of which it knew what they had. */
  readonly #known = new Map<SimVersion, ReadonlySet<string>>();
  /** By host: when it was connected last. */
  readonly #heardMs = new Map<string, number>();

  constructor(world: CommitsWorld, draw: Draw) {
    this.world = world;
    this.#draw = draw;
    this.#events = new CommitEvents(world, draw);
  }

  async step(): Promise<void> {
    if (this.#draw(4) === 0) await this.#upgrade();
    else if (this.#draw(8) === 0) await this.#person();
    else await this.#events.happen();
    await this.world.idle();
    await this.world.pass(this.#draw(4) === 0 ? 20_000 : this.#draw(30) * 100, () => this.check());
  }

  async #person(): Promise<void> {
    const step = (['halt', 'resume', 'roll-back'] as const)[this.#draw(3)];
    const { world } = this;
    if (!world.isUp || step === undefined || !world.server.upgrades.isOpen) return;
    world.say(`person: ${step} of the upgrade`);
    void world.server.upgrades.step(step === 'resume' ? { kind: step } : { kind: step, by: 'ann' });
  }

  async #upgrade(): Promise<void> {
    const way = this.#draw(2) === 0 ? this.#draw(versionHarms.length) : versionHarms.length;
    const number = this.#versions.length + 2;
    await this.to(versionOf(number, this.#draw(3) === 0 ? 'web' : 'api', versionHarms[way]));
  }

  /** As operate.md has it: what is on its way comes to its end before. */
  async to(version: SimVersion): Promise<void> {
    const { world } = this;
    if (!world.isUp || world.storeIsAway || world.mayCrash) return;
    const { plane, fleet } = world.server;
    if (plane.revision?.next !== undefined) return;
    const record = await readCompiled(world.stored);
    if (record === undefined || record.commit !== plane.revision?.running) return;
    const recorded = recordedProxies(record).map(
      ({ proxy, snapshot }) => [proxy as string, snapshot.flat()] as const,
    );
    const has = new Map(recorded);
    const known = world.running
      .filter(({ proxy: { id, versions } }) => {
        const all = has.get(id)?.filter(({ type }) => type !== typeUrls.endpoints);
        const isHere = (one: RecordedResource): boolean =>
          one.type === typeUrls.runtime || versions.get(`${one.type} ${one.name}`) === one.version;
        return all?.every(isHere) === true && fleet.status(id).converged;
      })
      .map(({ proxy }) => proxy.id);
    this.#known.set(version, new Set(known));
    this.#versions.push(version);
    await world.upgrade(version, this.#draw(2) * this.#draw(10) * 1_000);
  }

  /** What hurts is at one proxy of a service at most, but for those of which nobody knew what they had. */
  check(): void {
    // What is urgent goes to all at once, with all that comes along.
    if (this.world.server.rollouts.current?.urgent === true) this.#known.clear();
    // A wave waits only so long for a host that tells nothing.
    if (this.#isUnheard()) this.#known.clear();
    for (const version of this.#versions.filter((one) => one.isBad)) {
      const known = this.#known.get(version);
      const hurt = this.world.running
        .filter(({ proxy }) => known?.has(proxy.id) === true && proxy.has(version.text))
        .map(({ proxy }) => proxy.id);
      assert.ok(hurt.length <= 1, `${version.text} is at ${hurt.join(', ')}`);
    }
    this.#checkHeld();
  }

  #isUnheard(): boolean {
    const { hosts, clock } = this.world;
    const nowMs = clock.monotonicMs();
    for (const { name, isConnected } of hosts) if (isConnected) this.#heardMs.set(name, nowMs);
    return hosts.some(({ name }) => nowMs - (this.#heardMs.get(name) ?? nowMs) > 2 * watchMs);
  }

  /** Who is held has the endpoints of now, and so has everybody. */
  #checkHeld(): void {
    const { publisher, revision } = this.world.server.plane;
    const { running } = publisher;
    if (running === undefined || revision?.next !== undefined) return;
    for (const [id, snapshot] of publisher.snapshots) {
      const now: ReturnType<Snapshot['get']> = running.snapshots.get(id)?.get(typeUrls.endpoints);
      if (now === undefined) continue;
      const bytesOf = (all: ReturnType<Snapshot['get']>) =>
        [...(all ?? [])].map(([name, { bytes }]) => [name, Buffer.from(bytes).toString('hex')]);
      assert.deepEqual(
        bytesOf(snapshot.get(typeUrls.endpoints)).sort(),
        bytesOf(now).sort(),
        `${id} is held with other endpoints`,
      );
    }
  }

  async rest(): Promise<void> {
    const { world } = this;
    world.say('rest');
    world.pushFails = false;
    world.storeIsAway = false;
    world.slowGate(0);
    world.crashAfter(undefined);
    world.slowStore(0);
    for (const { proxy } of world.running) proxy.hang(0);
    await world.pass(20_000);
    void world.server.rollouts.step({ kind: 'resume' });
    await world.pass(20_000, () => this.check());
    // One that was taken back is tried once more.
    if (world.server.upgrades.isOpen) void world.server.upgrades.step({ kind: 'resume' });
    await world.pass(160_000, () => this.check());
  }

  atRest(): void {
    const { world } = this;
    const { plane, upgrades, fleet } = world.server;
    const { publisher } = plane;
    assert.equal(plane.revision?.next, undefined, 'something is on its way');
    const isBack = upgrades.rollout?.state.kind === 'taken-back';
    if (publisher.hold === undefined) assert.ok(!upgrades.stands);
    else assert.ok(isBack && world.version.isBad, JSON.stringify(upgrades.rollout));
    const known = this.#known.get(world.version);
    for (const { proxy } of world.running) {
      // Of who came meanwhile nobody knows anything else than what it refuses.
      const isNew = known?.has(proxy.id) !== true;
      if (isNew && fleet.status(proxy.id).rejected.length > 0) continue;
      assert.equal(
        fleet.status(proxy.id).converged,
        true,
        `${proxy.id} has not what it is to have`,
      );
      const wanted = versionsOf(publisher.snapshots.get(proxy.id));
      assert.deepEqual(new Map([...proxy.versions].sort()), wanted, proxy.id);
    }
  }

  /** Nobody stays behind where nobody is hurt. */
  async mended(): Promise<void> {
    const good = versionOf(1, 'api');
    for (let tries = 0; this.world.version !== good && tries < 10; tries += 1) {
      await this.to(good);
      await this.world.pass(5_000);
    }
    assert.equal(this.world.version, good);
    await this.rest();
    this.atRest();
    assert.equal(this.world.server.plane.publisher.hold, undefined);
    for (const { proxy } of this.world.running) {
      for (const { text, isBad } of this.#versions) {
        if (text !== good.text) assert.ok(!isBad || !proxy.has(text), `${proxy.id} has ${text}`);
      }
    }
  }
}

function versionsOf(snapshot: Snapshot | undefined): ReadonlyMap<string, string> {
  const all = [...(snapshot ?? [])].flatMap(([type, named]) =>
    [...named].map(([name, { version }]) => [`${type} ${name}`, version] as const),
  );
  return new Map(all.filter(([key]) => !/Secret|Runtime/.test(key)).sort());
}

async function ride(seed: number): Promise<void> {
  const draw = drawFrom(seed);
  const replicas = seed % 3 === 0 ? 2 : 1;
  const world = await CommitsWorld.open(draw, { replicas, isRemote: false, approvals: 1 });
  const one = new Ride(world, draw);
  try {
    await world.pass(10_000);
    for (let step = 0; step < steps; step += 1) await one.step();
    await one.rest();
    one.atRest();
    await one.mended();
  } catch (error) {
    const { message, stack } = error as Error;
    const now = world.isUp
      ? [world.server.upgrades.rollout, ...world.server.rollouts.all.slice(0, 3)]
      : [];
    const said = [...world.lines, ...now.map((each) => JSON.stringify(each))].join('\n');
    throw new Error(`CHANCERY_SEED=${seed} ${message}\n${said}\n${stack}`);
  } finally {
    world.end();
  }
}

it('whatever a new version compiles otherwise, it hurts one proxy of a service at most, and whoever is not hurt gets it', async () => {
  if (only !== undefined) return ride(Number(only));
  for (let seed = from; seed < from + runs; seed += 1) await ride(seed);
});
