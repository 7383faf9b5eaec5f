import type { Draw } from '../../../src/compile/random-mesh.fixture.ts';
import { SimGrants } from './grants.ts';
import { harmKinds, isBad, type Said, type SaidService, type SimService } from './intent.ts';
import type { RemoteState } from './remote.ts';
import type { CommitsWorld } from './world.ts';

/** The branch does not contain what was accepted. */
export const rewoundCode = 'CH5324';

/** What people do, and what befalls the mesh around the control plane, one thing after the other. */
export class CommitEvents {
  readonly world: CommitsWorld;
  readonly #draw: Draw;
  readonly grants: SimGrants;
  #made = 0;

  constructor(world: CommitsWorld, draw: Draw) {
    this.world = world;
    this.grants = new SimGrants(world, draw);
    this.#draw = draw;
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[this.#draw(items.length)];
  }

  #service(): SimService {
    return this.#draw(3) === 0 ? 'web' : 'api';
  }

  #commit(said: Said, message: string): string {
    return this.world.commit(said, message);
  }

  #change(message: string, name: SimService, part: Partial<SaidService>, trailer = ''): string {
    const { said } = this.world.head;
    return this.#commit(
      { ...said, [name]: { ...said[name], ...part } },
      `${message} ${name} ${JSON.stringify(part)}${trailer}`,
    );
  }

  #harm(name: SimService): Partial<SaidService> {
    this.#made += 1;
    return { harm: `${this.#pick(harmKinds)}-${name}-${this.#made}-x` };
  }

  #good(): Partial<SaidService> {
    this.#made += 1;
    const zone = `ok-${this.#made}`;
    switch (this.#draw(9)) {
      case 0:
        return { zone };
      case 4:
        return { run: this.#made };
      case 5:
        return { timeoutMs: 1_000 + this.#made };
      case 6:
        return { v2: this.#draw(3) === 0 ? undefined : 10 * this.#draw(11), zone };
      case 3:
        return { step: this.#made, isPicky: this.#draw(2) === 0 };
      case 1:
        return { note: this.#made };
      case 2:
        return { step: this.#made, zone };
      default:
        return { step: this.#made };
    }
  }

  #commitAny(): string | undefined {
    const { id, said } = this.world.head;
    const name = this.#service();
    const running = this.world.server.plane.revision?.running ?? id;
    const urgent = '\n\nChancery: urgent\n';
    switch (this.#draw(16)) {
      case 0:
      case 1:
      case 2:
        return this.#change('bad', name, this.#harm(name));
      case 3:
        return this.#commit(this.world.saidBy(running), 'as what runs');
      case 4: {
        const { parent } = this.world.history.head;
        if (parent === undefined) return undefined;
        return this.#commit(this.world.saidBy(parent), `Revert\n\nThis reverts commit ${id}.`);
      }
      case 5: {
        const before = this.#pick([...this.world.said.keys()]) ?? id;
        return this.#commit(this.world.saidBy(before), `as ${before.slice(0, 8)}`);
      }
      case 6:
        return this.#commit({ ...said, isBroken: !said.isBroken }, 'broken or mended');
      case 7:
        return this.#commit({ ...said, ttlSeconds: said.ttlSeconds - 1 }, 'shorter certificates');
      case 8:
        // What hurts and says that it cannot wait is everywhere, as it was asked for.
        return this.#change('urgent', name, this.#good(), isBad(said) ? '' : urgent);
      case 10:
      case 11:
        return this.#commit(
          {
            ...said,
            isBroken: false,
            api: { ...said.api, harm: undefined },
            web: { ...said.web, harm: undefined },
          },
          'mended',
        );
      default:
        return this.#change('good', name, this.#good());
    }
  }

  async happen(): Promise<void> {
    const { world } = this;
    if (!world.isUp) return;
    const waiting = this.#waiting;
    if (waiting !== undefined && this.#draw(3) === 0) return this.#approve(waiting);
    if (this.#draw(7) === 0) return void this.grants.happen().catch(world.fails);
    const dice = this.#draw(100);
    if (dice < 45) this.#commitAny();
    else if (dice < 60) world.storeIsAway = false;
    else if (dice < 70) this.#befallGit(dice);
    else if (dice < 85) this.#befallHosts(dice);
    else if (dice < 96) await this.#befallServers(dice);
    else this.#person();
  }

  #befallGit(dice: number): void {
    const { world } = this;
    if (dice < 64) {
      const to = this.#pick([...world.said.keys()]);
      if (to === undefined) return;
      world.say(`reset to ${to.slice(0, 8)}`);
      world.history.reset(to);
      // Somebody pushes over what others made since.
      if (this.#draw(3) === 0) this.#commitAny();
    } else if (world.remote !== undefined && this.#draw(2) === 0) {
      this.#befallRemote(world.remote);
    } else if (dice < 67) {
      world.pushFails = !world.pushFails;
      world.say(`pushes ${world.pushFails ? 'fail' : 'go'}`);
    } else world.slowGate(this.#draw(3) * 700);
  }

  #befallRemote(remote: RemoteState): void {
    switch (this.#draw(4)) {
      case 0:
        remote.isBranchGone = !remote.isBranchGone;
        break;
      case 1:
        remote.fetchMs = this.#draw(4) * 500;
        break;
      default:
        remote.isAway = !remote.isAway;
    }
    this.world.say(`the remote is ${JSON.stringify(remote)}`);
  }

  #befallHosts(dice: number): void {
    const { world } = this;
    const one = this.#pick(world.running);
    const host = this.#pick(world.hosts);
    if (one === undefined || host === undefined) return;
    const { proxy } = one;
    if (dice < 73) world.away(proxy.id, this.#draw(20) * 500);
    else if (dice < 75) {
      const ms = this.#draw(5) === 0 ? 45_000 : this.#draw(20) * 500;
      world.say(`${proxy.id} hangs for ${ms} ms`);
      proxy.hang(ms);
    } else if (dice < 76) {
      world.say(`${proxy.id} is started anew`);
      proxy.restart();
    } else if (dice < 78) world.away(host.name, this.#draw(20) * 500);
    else if (dice < 82) world.come(this.#service());
    else {
      const { service } = one.workload;
      const others = world.running.filter(({ workload }) => workload.service === service);
      if (others.length > 2) world.leave(one.proxy.id);
    }
  }

  async #befallServers(dice: number): Promise<void> {
    const { world } = this;
    if (dice < 88) {
      world.storeIsAway = false;
      world.say('restart');
      world.kill();
      await world.start();
    } else if (dice < 89) {
      const mostMs = this.#draw(3) * 200;
      world.slowStore(mostMs);
      world.say(`the store takes up to ${mostMs} ms each way`);
    } else if (dice < 90) {
      world.storeIsAway = !world.storeIsAway;
      world.say(`store ${world.storeIsAway ? 'away' : 'back'}`);
    } else if (dice < 92) {
      world.jump((this.#draw(200) - 100) * 1_000);
    } else {
      const moments = this.#draw(this.#draw(2) === 0 ? 12 : 60);
      world.crashAfter(moments);
      world.say(`a crash at moment ${moments} from now`);
    }
  }

  #approve(commit: string): void {
    if (isBad(this.world.saidBy(commit))) return;
    this.world.say(`approve ${commit.slice(0, 8)}`);
    void this.world.server.approve(commit);
  }

  /** What waits for a person, or what the branch was rewound to. */
  get #waiting(): string | undefined {
    const { gatekeeper, verdicts } = this.world.server;
    const { id } = this.world.head;
    const verdict = verdicts.get(id)?.verdict;
    const isRewound =
      verdict?.kind === 'refused' && verdict.findings.some(({ code }) => code === rewoundCode);
    return gatekeeper.waiting?.commit ?? (isRewound ? id : undefined);
  }

  #person(): void {
    const { rollouts } = this.world.server;
    const kind = this.#pick(['halt', 'resume', 'roll-back'] as const);
    if (kind === undefined) return;
    this.world.say(`person: ${kind}`);
    void rollouts.step(kind === 'resume' ? { kind } : { kind, by: 'ann' });
  }
}
