import assert from 'node:assert/strict';
import { next } from '../../../src/cli/wait-step.ts';
import type { Draw } from '../../../src/compile/random-mesh.fixture.ts';
import type { Rollout } from '../../../src/rollout/rollout.ts';
import type { Running } from './host.ts';
import { isBad, type SimService, services } from './intent.ts';
import { LedgerProbes } from './ledger-probes.ts';
import type { SimServer } from './server.ts';
import type { CommitsWorld } from './world.ts';

/** What holds of a control plane, whatever befalls it. */
export class Invariants {
  readonly world: CommitsWorld;
  readonly #draw: Draw;
  readonly probes: LedgerProbes;
  readonly #takenBack = new Set<string>();

  constructor(world: CommitsWorld, draw: Draw) {
    this.world = world;
    this.#draw = draw;
    this.probes = new LedgerProbes(world);
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[this.#draw(items.length)];
  }

  /** What holds at any moment. */
  check(): void {
    const { world } = this;
    if (world.failures.length > 0) throw world.failures[0];
    const one = this.#pick(world.running);
    if (one !== undefined) this.probes.take(one.proxy);
    assert.deepEqual(world.unfenced, [], 'written by who may not lead any more');
    this.#checkIdle();
    const { rollouts } = world.server;
    const [rollout] = rollouts.all;
    if (rollout?.state.kind === 'live') {
      assert.ok(!isBad(this.world.saidBy(rollout.commit)), `a bad one is live: ${rollout.commit}`);
    }
    this.#checkTakenBack(world.server.plane.revision?.next);
    for (const service of services) this.#checkReach(service);
    const ids = [...world.said.keys()];
    const [asked, id] = [this.#pick(world.servers), this.#pick(ids)];
    // One that asks a repository first answers later.
    if (asked !== undefined && id !== undefined) {
      void this.#checkWait(asked, id).catch(world.fails);
    }
  }

  #checkIdle(): void {
    for (const { proxy } of this.world.running) {
      assert.deepEqual(proxy.idle, [], `${proxy.id} is sent what it has`);
    }
    for (const { xds, port } of this.world.servers) {
      assert.equal(xds.counters.pushesWithoutEffect, 0, `${port} counts pushes without effect`);
    }
  }

  #checkTakenBack(next: string | undefined): void {
    const { rollouts } = this.world.server;
    assert.ok(next === undefined || !this.#takenBack.has(next), `${next} is tried again`);
    for (const { commit, state } of rollouts.all) {
      // It is not taken back before that is durable.
      const isOpen = rollouts.current?.commit === commit;
      if (state.kind === 'taken-back' && !isOpen) this.#takenBack.add(commit);
    }
  }

  #checkReach(service: SimService): void {
    for (const mark of this.#harms(service)) {
      // A desk that nobody reaches decides by what it had.
      const heard = this.world.hosts.filter(({ isConnected }) => isConnected);
      const hurt = heard.flatMap((host) =>
        [...host.running.values()]
          .filter(({ workload }) => workload.service === (service as string))
          .filter((one) => !this.#isUncalled(one) && host.decidesBy(one, mark))
          .map(({ proxy }) => proxy.id),
      );
      assert.ok(hurt.length <= 1, `${mark} is at ${hurt.join(', ')}`);
    }
  }

  /** A version that runs for the first time with a commit that is on its way. */
  #isUncalled({ workload }: Running): boolean {
    const running = this.world.server.plane.revision?.running;
    if (workload.version !== 'v2' || running === undefined) return false;
    return this.world.saidBy(running)[workload.service as unknown as SimService].v2 === undefined;
  }

  #harms(service: SimService): ReadonlySet<string> {
    return new Set([...this.world.said.values()].flatMap((said) => said[service].harm ?? []));
  }

  async #checkWait(server: SimServer, id: string): Promise<void> {
    const { world } = this;
    const reply = await server.answer(id);
    const step = next(reply, id);
    if (!world.isUp || !('end' in step) || step.code !== 0) return;
    const { revision } = server.plane;
    const [rollout] = server.rollouts.all;
    const isIn = (commit: string | undefined): boolean =>
      commit !== undefined && world.history.contains(commit, id);
    const isNextLive = rollout?.commit === revision?.next && rollout?.state.kind === 'live';
    assert.ok(
      isIn(revision?.running) || (isNextLive && isIn(revision?.next)),
      `wait says 0 of ${id.slice(0, 8)}, and what runs has it not: ${JSON.stringify({ revision, carried: reply.carried, live: reply.live, rollout: rollout?.state })}`,
    );
    // What it took the place of may still be on its way back where it is not live itself.
    if (reply.live && rollout?.state.kind === 'live') this.#checkHeld(id, rollout);
  }

  /** Who was there all the time, and is at nothing, has what is said to be live, or what came after it. */
  #checkHeld(id: string, { commit, startedMs }: Rollout): void {
    const { world } = this;
    const { running, next } = world.server.plane.revision ?? {};
    if (!world.isTimeClear || commit !== (next ?? running)) return;
    for (const { proxy, workload } of world.running) {
      const { connectedSinceMs } = proxy;
      if (connectedSinceMs === undefined || connectedSinceMs >= startedMs) continue;
      if (world.picky.has(proxy.id) || workload.version !== 'v1') continue;
      const said = world.saidBy(commit)[workload.service as unknown as SimService];
      const step = `${said.isPicky ? 'picky' : 'step'}-${said.step}`;
      assert.ok(
        proxy.has(step),
        `wait says 0 of ${id.slice(0, 8)}, and ${proxy.id} has no ${step}`,
      );
    }
  }
}
