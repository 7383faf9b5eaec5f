import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CommitEvents } from '../../test/support/commits/events.ts';
import { isBad, type SimService, services } from '../../test/support/commits/intent.ts';
import type { SimServer } from '../../test/support/commits/server.ts';
import { CommitsWorld } from '../../test/support/commits/world.ts';
import { next } from '../cli/wait-step.ts';
import type { CommitReply } from '../client/gen/api.ts';
import { type Draw, drawFrom } from '../compile/random-mesh.fixture.ts';
import { isUnderWay } from '../rollout/rollout.ts';

/** `CHANCERY_COMMITS=1000` for a night, `CHANCERY_FROM=500` to go on; `CHANCERY_SEED` for one of them. */
const runs = Number(process.env['CHANCERY_COMMITS'] ?? 12);
const from = Number(process.env['CHANCERY_FROM'] ?? 1);
const only = process.env['CHANCERY_SEED'];
const steps = 30;
const restMinMs = 60_000;
const restMaxMs = 3 * 3_600_000;

/** What holds of a control plane, whatever befalls it. */
class Invariants {
  readonly world: CommitsWorld;
  readonly #draw: Draw;
  readonly #takenBack = new Set<string>();

  constructor(world: CommitsWorld, draw: Draw) {
    this.world = world;
    this.#draw = draw;
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[this.#draw(items.length)];
  }

  /** What holds at any moment. */
  async check(): Promise<void> {
    const { world } = this;
    const { rollouts } = world.server;
    const [rollout] = rollouts.all;
    if (rollout?.state.kind === 'live') {
      assert.ok(!isBad(this.world.saidBy(rollout.commit)), `a bad one is live: ${rollout.commit}`);
    }
    this.#checkTakenBack(world.server.plane.revision?.next);
    for (const service of services) this.#checkReach(service);
    const ids = [...world.said.keys()];
    const [asked, id] = [this.#pick(world.servers), this.#pick(ids)];
    if (asked !== undefined && id !== undefined) await this.#checkWait(asked, id);
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
      const hurt = this.world.hosts.flatMap((host) =>
        [...host.running.values()]
          .filter(({ workload }) => workload.service === (service as string))
          .filter((one) => host.decidesBy(one, mark))
          .map(({ proxy }) => proxy.id),
      );
      assert.ok(hurt.length <= 1, `${mark} is at ${hurt.join(', ')}`);
    }
  }

  #harms(service: SimService): ReadonlySet<string> {
    return new Set([...this.world.said.values()].flatMap((said) => said[service].harm ?? []));
  }

  async #checkWait(server: SimServer, id: string): Promise<void> {
    const { world } = this;
    const reply = await server.answer(id);
    const step = next(reply, id);
    if (!('end' in step) || step.code !== 0) return;
    const { revision } = server.plane;
    const [rollout] = server.rollouts.all;
    const isIn = (commit: string | undefined): boolean =>
      commit !== undefined && world.history.contains(commit, id);
    const isNextLive = rollout?.commit === revision?.next && rollout?.state.kind === 'live';
    assert.ok(
      isIn(revision?.running) || (isNextLive && isIn(revision?.next)),
      `wait says 0 of ${id.slice(0, 8)}, and what runs has it not: ${JSON.stringify({ revision, carried: reply.carried, live: reply.live, rollout: rollout?.state })}`,
    );
  }

  async atRest(): Promise<void> {
    const { world } = this;
    const { plane, rollouts, verdicts, fleet } = world.server;
    const [rollout] = rollouts.all;
    const { revision } = plane;
    assert.equal(plane.publisher.pending, undefined, 'a commit is pending');
    assert.ok(rollout === undefined || !isUnderWay(rollout.state), `${JSON.stringify(rollout)}`);
    assert.equal(revision?.next, undefined, 'something is on its way');
    assert.ok(
      !verdicts.all.some(({ verdict }) => verdict.kind === 'checking'),
      'something is checked',
    );
    const running = revision?.running ?? '';
    assert.ok(!isBad(this.world.saidBy(running)), 'what runs is bad');
    for (const { proxy } of world.running) {
      const status = fleet.status(proxy.id);
      assert.equal(status.state, 'converged', `${proxy.id}: ${JSON.stringify(status)}`);
      const wanted = new Map(
        [...(plane.publisher.snapshots.get(proxy.id) ?? [])].flatMap(([type, all]) =>
          [...all].map(([name, { version }]) => [`${type} ${name}`, version] as const),
        ),
      );
      for (const key of [...wanted.keys()]) if (/Secret|Runtime/.test(key)) wanted.delete(key);
      assert.deepEqual(new Map([...proxy.versions].sort()), new Map([...wanted].sort()), proxy.id);
    }
    this.#headRuns(running);
    await this.#allEnd(running);
  }

  #headRuns(running: string): void {
    const { world } = this;
    const { verdicts, rollouts, findings } = world.server;
    const { id, said } = this.world.head;
    const verdict = verdicts.get(id)?.verdict;
    const found = findings();
    if (running === id) {
      assert.deepEqual(found, []);
      assert.equal(
        world.server.plane.intent.kind === 'running' && world.server.plane.intent.refused,
        undefined,
      );
      return;
    }
    const wasTakenBack = rollouts.all.some(
      (one) => one.commit === id && one.state.kind === 'taken-back',
    );
    assert.ok(
      isBad(said) ||
        said.isBroken ||
        verdict?.kind === 'waiting' ||
        wasTakenBack ||
        verdict?.kind === 'refused',
      `${id.slice(0, 8)} is the newest, and ${running.slice(0, 8)} runs: ${JSON.stringify(verdict)}`,
    );
    assert.ok(verdict?.kind === 'waiting' || verdict?.kind === 'refused', JSON.stringify(verdict));
    for (const { code } of found) assert.equal(code, 'CH5330', JSON.stringify(found));
  }

  async #allEnd(running: string): Promise<void> {
    const { world } = this;
    for (const id of world.said.keys()) {
      for (const server of world.servers) await this.#ends(id, running, server);
    }
  }

  async #ends(id: string, running: string, server: SimServer): Promise<void> {
    const reply = await server.answer(id);
    const step = next(reply, id);
    const end = 'end' in step ? step : step.inAMoment;
    const told = JSON.stringify({ ...reply, step });
    assert.ok(end !== undefined, `wait ${id.slice(0, 8)} does not end: ${told}`);
    const code = 'end' in end ? end.code : 1;
    const right = this.#rightCodes(id, running, reply);
    assert.ok(
      right.includes(code),
      `wait ${id.slice(0, 8)} ends with ${code} not ${right}: ${told}`,
    );
  }

  #rightCodes(id: string, running: string, { verdict, rollout }: CommitReply): readonly number[] {
    const { history } = this.world;
    if (id === running) return [0];
    const carried = history.carried(id, running);
    if (verdict === undefined) return carried === 'contained' ? [0] : [1, 2];
    switch (verdict.verdict.kind) {
      case 'refused':
      case 'waiting':
        return [2];
      default:
        return carried === 'contained' && rollout?.state.kind !== 'taken-back' ? [0] : [2];
    }
  }
}

/** Nothing comes any more, everything is there, and time goes by. */
async function rest(world: CommitsWorld): Promise<void> {
  world.say('rest');
  world.pushFails = false;
  world.storeIsAway = false;
  world.slowGate(0);
  world.crashAfter(undefined);
  world.slowStore(0);
  await world.pass(20_000);
  void world.server.rollouts.step({ kind: 'resume' });
  await world.pass(restMinMs);
  for (let passedMs = 0; isOpen(world.server) && passedMs < restMaxMs; passedMs += 60_000) {
    await world.pass(60_000);
  }
}

function isOpen({ rollouts }: SimServer): boolean {
  const state = rollouts.all[0]?.state;
  if (state === undefined) return false;
  return isUnderWay(state) || (state.kind === 'taken-back' && state.branch.kind === 'open');
}

async function ride(seed: number): Promise<void> {
  const draw = drawFrom(seed);
  const world = await CommitsWorld.open(draw, seed % 3 === 0 ? 2 : 1);
  const [events, invariants] = [new CommitEvents(world, draw), new Invariants(world, draw)];
  try {
    await world.pass(10_000);
    for (let step = 0; step < steps; step += 1) {
      await events.happen();
      await world.idle();
      await world.pass(draw(6) === 0 ? 8_000 : draw(20) * 100, () => invariants.check());
    }
    await rest(world);
    await invariants.atRest();
  } catch (error) {
    const { message, stack } = error as Error;
    const now = world.isUp ? world.server.rollouts.all.slice(0, 4) : [];
    const said = [...world.lines, ...now.map((one) => JSON.stringify(one))].join('\n');
    throw new Error(`CHANCERY_SEED=${seed} ${message}\n${said}\n${stack}`);
  } finally {
    world.end();
  }
}

it('whatever commits come in which order, whoever waits for one is told its end, and what runs is what it is said to be', async () => {
  if (only !== undefined) return ride(Number(only));
  for (let seed = from; seed < from + runs; seed += 1) await ride(seed);
});
