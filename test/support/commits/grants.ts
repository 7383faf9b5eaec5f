import assert from 'node:assert/strict';
import type { Grant } from '../../../src/breakglass/grant.ts';
import type { Draw } from '../../../src/compile/random-mesh.fixture.ts';
import { grantRuleId } from '../../../src/model/grant-place.ts';
import { paths } from '../../../src/serve/api/wire.ts';
import type {
  BreakglassReply,
  BreakglassStepReply,
} from '../../../src/serve/api/wire-breakglass.ts';
import type { SimHost } from './host.ts';
import type { CommitsWorld } from './world.ts';

/** A grant as its operators know it: by the last answer that they got. */
interface Known {
  readonly id: string;
  state: 'waiting' | 'active' | 'over';
  /** When they had that answer. */
  sinceMs: number;
  /** What was asked of it and not answered: it may be so already, or never. */
  isInDoubt: boolean;
  /** By the time that goes by: when it is over at the latest, and at the earliest. */
  endMs: number;
}

/** What is granted or revoked is so within this wherever somebody hears of it. */
const boundMs = 3_000;
const waitingMsMax = 3_600_000;

/** Operators who grant access beside Git, and what must hold of it. */
export class SimGrants {
  readonly #world: CommitsWorld;
  readonly #draw: Draw;
  readonly #known = new Map<string, Known>();
  #made = 0;

  constructor(world: CommitsWorld, draw: Draw) {
    this.#world = world;
    this.#draw = draw;
  }

  async happen(): Promise<void> {
    // One step of each at a time: what comes of two nobody can tell.
    const open = [...this.#known.values()].filter(
      ({ state, isInDoubt }) => state !== 'over' && !isInDoubt,
    );
    const one = open[this.#draw(open.length)];
    const dice = this.#draw(4);
    if (one === undefined || dice < 2) return this.#ask();
    await this.#step(one, one.state === 'waiting' && dice === 2 ? 'approve' : 'revoke');
  }

  async #ask(): Promise<void> {
    this.#made += 1;
    const forMs = 2_000 + this.#draw(30) * 1_000;
    const body = {
      ...{ who: 'web', callee: 'api', operations: `GET /grant-${this.#made}` },
      ...{ forMs, reason: 'a test', by: 'ann' },
    };
    const asked = this.#world.clock.monotonicMs();
    this.#world.say(`ann asks for access for ${forMs} ms`);
    const reply = await this.#call('POST', paths.breakglass, body);
    if (reply === undefined) return;
    const { grant } = reply;
    const isActive = grant.state.kind === 'active';
    this.#known.set(grant.id, {
      ...{ id: grant.id, state: isActive ? 'active' : 'waiting', isInDoubt: false },
      ...{ sinceMs: this.#now, endMs: asked + (isActive ? forMs : waitingMsMax) },
    });
    this.#world.say(`  grant ${grant.id} is ${grant.state.kind}`);
  }

  async #step(one: Known, step: 'approve' | 'revoke'): Promise<void> {
    const { world } = { world: this.#world };
    world.say(`bob: ${step} ${one.id}`);
    one.isInDoubt = true;
    const asked = this.#now;
    const reply = await this.#call('POST', `${paths.breakglass}/${one.id}/${step}`, { by: 'bob' });
    if (reply === undefined) return;
    const { state, forMs } = reply.grant;
    world.say(`  grant ${one.id} is ${state.kind}`);
    one.isInDoubt = false;
    one.sinceMs = this.#now;
    one.state = state.kind === 'active' ? 'active' : 'over';
    if (state.kind === 'active') one.endMs = asked + forMs;
    const { reach } = reply;
    if (reach === undefined || reach.behind.length + reach.away.length > 0) return;
    for (const host of world.hosts) {
      if (!host.isConnected) continue;
      assert.ok(
        this.#has(host, one.id) === (state.kind === 'active') || this.#mayBeOver(one),
        `${step} of ${one.id} says that it is live, and ${host.name} has not heard of it`,
      );
    }
  }

  /** Undefined: refused, or the leader cannot write it now. One that ends meanwhile never answers. */
  async #call(
    method: 'POST',
    path: string,
    body: object,
  ): Promise<BreakglassStepReply | undefined> {
    const reply = await this.#world.server.operate({ method, path, body }).catch(() => undefined);
    if (reply?.kind !== 'json' || (reply.status ?? 200) >= 400) return undefined;
    return reply.body as BreakglassStepReply;
  }

  get #now(): number {
    return this.#world.clock.monotonicMs();
  }

  #mayBeOver({ endMs }: Known): boolean {
    return !this.#world.isTimeClear || this.#now >= endMs - 1_000;
  }

  #has(host: SimHost, id: string): boolean {
    return host.policyHas(`"${grantRuleId(id)}"`);
  }

  /** What holds at any moment. */
  check(): void {
    for (const one of this.#known.values()) {
      for (const host of this.#world.hosts) this.#checkAt(host, one);
      for (const { breakglass, port } of this.#world.servers) {
        const grant = breakglass.grants.get(one.id);
        if (grant !== undefined) this.#checkState(grant, one, port);
      }
    }
  }

  #checkState(grant: Grant, one: Known, port: number): void {
    const { kind } = grant.state;
    const isOld = this.#now - one.sinceMs < boundMs || !this.#world.isQuietFor(boundMs);
    if (isOld || one.isInDoubt) return;
    if (one.state === 'over') assert.notEqual(kind, 'active', `${one.id} at ${port}`);
    if (one.state === 'active' && !this.#mayBeOver(one)) {
      assert.equal(kind, 'active', `${one.id} at ${port}`);
    }
  }

  #checkAt(host: SimHost, one: Known): void {
    const { sinceMs } = host;
    if (sinceMs === undefined || one.isInDoubt || !this.#world.isQuietFor(boundMs)) return;
    const heardMs = this.#now - Math.max(sinceMs, one.sinceMs);
    if (heardMs < boundMs) return;
    const has = this.#has(host, one.id);
    if (one.state === 'active' && !this.#mayBeOver(one)) {
      assert.ok(has, `${host.name} does not know of grant ${one.id}`);
      assert.ok(host.policyHasEverywhere(grantRuleId(one.id)), `${one.id} is not in both policies`);
    }
    const isOver = this.#world.isTimeClear && this.#now >= one.endMs + boundMs;
    if (one.state === 'over' || isOver) assert.ok(!has, `${host.name} has ${one.id} still`);
  }

  /** Nothing of what was answered is lost, and each use is counted once. */
  async atRest(): Promise<void> {
    const { breakglass } = this.#world.server;
    const reply = await this.#world.server.operate({
      ...{ method: 'GET', path: paths.breakglass, body: undefined },
    });
    assert.ok(reply?.kind === 'json');
    const { grants } = reply.body as BreakglassReply;
    for (const { id, state } of this.#known.values()) {
      const found = grants.find(({ grant }) => grant.id === id);
      assert.ok(found !== undefined, `${id} is not known any more`);
      if (state !== 'waiting') {
        assert.ok(['revoked', 'ended'].includes(found.grant.state.kind), `${id} is not over`);
      }
      let uses = 0;
      for (const host of this.#world.hosts) uses += host.usesOf(grantRuleId(id));
      assert.equal(breakglass.uses.of(id).uses, uses, `uses of ${id}`);
    }
  }
}
