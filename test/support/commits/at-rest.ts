import assert from 'node:assert/strict';
import { takenBackCode } from '../../../src/app/control-plane.ts';
import { next } from '../../../src/cli/wait-step.ts';
import type { CommitReply } from '../../../src/client/gen/api.ts';
import { isUnderWay } from '../../../src/rollout/rollout.ts';
import { rewoundCode } from './events.ts';
import { isBad } from './intent.ts';
import type { SimServer } from './server.ts';
import type { CommitsWorld } from './world.ts';

/** What holds once nothing comes any more, and everything is there. */
export class AtRest {
  readonly world: CommitsWorld;

  constructor(world: CommitsWorld) {
    this.world = world;
  }

  async check(): Promise<void> {
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
      const isRefusing = world.picky.has(proxy.id) && status.state === 'refusing';
      if (isRefusing) continue;
      assert.equal(status.state, 'converged', `${proxy.id}: ${JSON.stringify(status)}`);
      const wanted = new Map(
        [...(plane.publisher.snapshots.get(proxy.id) ?? [])].flatMap(([type, all]) =>
          [...all].map(([name, { version }]) => [`${type} ${name}`, version] as const),
        ),
      );
      for (const key of [...wanted.keys()]) if (/Secret|Runtime/.test(key)) wanted.delete(key);
      assert.deepEqual(new Map([...proxy.versions].sort()), new Map([...wanted].sort()), proxy.id);
    }
    this.#checkVerdicts();
    this.#headRuns(running);
    await this.#allEnd(running);
  }

  /** Each commit has one verdict, the same at all replicas. */
  #checkVerdicts(): void {
    const told = ({ verdicts }: SimServer): readonly string[] =>
      verdicts.all.map(({ commit, verdict }) => `${commit} ${verdict.kind}`).sort();
    const leaders = told(this.world.server);
    assert.equal(new Set(leaders.map((one) => one.slice(0, 40))).size, leaders.length);
    for (const server of this.world.servers) {
      assert.deepEqual(told(server), leaders, `verdicts at ${server.port}`);
    }
  }

  #headRuns(running: string): void {
    const { world } = this;
    const { verdicts, findings } = world.server;
    const { id, said } = this.world.head;
    const verdict = verdicts.get(id)?.verdict;
    // Said for as long as it lasts: a grant waits, a proxy of another version goes on with what it had.
    const found = findings().filter(
      ({ code, message }) =>
        code !== 'CH4236' &&
        (code !== 'CH5422' ||
          ![...world.picky].some((one) => message.startsWith(`${one} refuses`))),
    );
    if (running === id) {
      assert.deepEqual(found, []);
      assert.equal(
        world.server.plane.intent.kind === 'running' && world.server.plane.intent.refused,
        undefined,
      );
      return;
    }
    const codes = verdict?.kind === 'refused' ? verdict.findings.map(({ code }) => code) : [];
    assert.ok(
      verdict?.kind === 'waiting' ||
        (verdict?.kind === 'refused' && said.isBroken) ||
        codes.some((code) => code === takenBackCode || code === rewoundCode),
      `${id.slice(0, 8)} is the newest, and ${running.slice(0, 8)} runs: ${JSON.stringify(verdict)}`,
    );
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
