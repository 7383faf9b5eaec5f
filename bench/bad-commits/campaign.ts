import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock as clock } from '../../src/base/clock.ts';
import type { LedgerEntry } from '../../src/base/ledger.ts';
import { readHeld } from '../../src/explain/held.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { callApi } from '../../src/serve/api/client.ts';
import type { LedgerReply, ProxyReply } from '../../src/serve/api/ledger-wire.ts';
import { paths, type RevisionsReply, type StatusReply } from '../../src/serve/api/wire.ts';
import type { CommitReply } from '../../src/serve/api/wire-gate.ts';
import { eventually, type RunningMesh } from '../../test/support/running-mesh.ts';
import type { Attempt, Files } from './change.ts';
import { meshFiles } from './mesh-files.ts';
import { type LoadCounts, SteadyLoad } from './steady-load.ts';

/** How a commit ended, and what it did meanwhile. */
export interface Outcome extends LoadCounts {
  readonly kind: string;
  /** `waiting`: for a person; `live`: all proxies have it. */
  readonly end: 'refused' | 'waiting' | 'taken-back' | 'live' | 'no end';
  readonly codes: readonly string[];
  /** Why it was refused or taken back. */
  readonly reason: string;
  /** How many proxies of each service had anything of it, by the ledger. */
  readonly reached: Readonly<Record<string, number>>;
  readonly tookMs: number;
}

const endWithinMs = 90_000;
const branchFreeWithinMs = 5_000;
const pollMs = 50;
/** What the last answers of a commit that has ended still are. */
const afterMs = 500;
/** For all at once, whatever it takes away again. */
const goBack = 'the good state\n\nChancery: urgent\nChancery-Approve: removal';
/** Endpoints come and go with their applications, whatever commit runs. */
const ofCommits: ReadonlySet<unknown> = new Set([
  'Listener',
  'RouteConfiguration',
  'Cluster',
  'TypedExtensionConfig',
]);

/** Commits on a mesh under load, each by itself: the next one begins when the good state is back. */
export class Campaign {
  readonly #mesh: RunningMesh;
  readonly #load: SteadyLoad;
  readonly #watchMs: number;
  /** What the proxies have of the good state: `proxy type version name`. */
  #good: ReadonlySet<string> = new Set();
  #goodCommit = '';

  private constructor(mesh: RunningMesh, watchMs: number) {
    this.#mesh = mesh;
    this.#watchMs = watchMs;
    this.#load = new SteadyLoad(mesh);
  }

  /** `calmMs`: how long the load runs before the first commit, which is what it is held against. */
  static async start(
    mesh: RunningMesh,
    options: { readonly watchMs: number; readonly calmMs: number },
  ): Promise<Campaign> {
    const campaign = new Campaign(mesh, options.watchMs);
    campaign.#goodCommit = mesh.git('rev-parse', 'HEAD').trim();
    await delay(options.calmMs);
    campaign.#good = await campaign.#held();
    return campaign;
  }

  stop(): Promise<void> {
    return this.#load.stop();
  }

  async attempt({ kind, change }: Attempt): Promise<Outcome> {
    const files: Files = { ...meshFiles };
    change(files);
    const before = this.#load.counts;
    const startedMs = performance.now();
    const sinceMs = clock.nowMs();
    const commit = this.#commit(files, kind);
    const { end, codes, reason } = await this.#end(commit);
    const tookMs = performance.now() - startedMs;
    await delay(afterMs);
    const reached = await this.#reached(sinceMs);
    const after = this.#load.counts;
    await this.#restore(end);
    return {
      ...{ kind, end, codes, reason, reached, tookMs },
      sent: after.sent - before.sent,
      failed: after.failed - before.failed,
      slow: after.slow - before.slow,
    };
  }

  /** The control plane may be moving the branch back at this moment. */
  async #reset(): Promise<void> {
    let problem = '';
    await eventually(
      async () => {
        try {
          this.#mesh.git('reset', '--quiet', '--hard', this.#goodCommit);
          return true;
        } catch (error) {
          problem = String(error);
          return false;
        }
      },
      branchFreeWithinMs,
      () => `the branch does not go back: ${problem}`,
    );
  }

  #commit(files: Files, message: string): string {
    const { dir } = this.#mesh;
    for (const name of readdirSync(join(dir, 'services'))) rmSync(join(dir, 'services', name));
    rmSync(join(dir, 'mesh.yaml'), { force: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    this.#mesh.commit(message);
    return this.#mesh.git('rev-parse', 'HEAD').trim();
  }

  async #end(commit: string): Promise<Pick<Outcome, 'end' | 'codes' | 'reason'>> {
    let found: Pick<Outcome, 'end' | 'codes' | 'reason'> | undefined;
    const endMs = performance.now() + endWithinMs;
    while (found === undefined && performance.now() < endMs) {
      await delay(pollMs);
      found = await this.#ended(commit);
    }
    return found ?? { end: 'no end', codes: [], reason: '' };
  }

  async #ended(commit: string): Promise<Pick<Outcome, 'end' | 'codes' | 'reason'> | undefined> {
    const path = `${paths.verdicts}/${commit}`;
    const { verdict } = await this.#ask<CommitReply>(path);
    const said = verdict?.verdict;
    if (said === undefined) return undefined;
    switch (said.kind) {
      case 'refused':
      case 'waiting': {
        const codes = [...new Set(said.findings.map(({ code }) => code))];
        const end = codes.includes('CH4221') ? 'taken-back' : said.kind;
        return { end, codes, reason: said.findings[0]?.message ?? '' };
      }
      case 'accepted':
        return (await this.#isLive(commit)) ? { end: 'live', codes: [], reason: '' } : undefined;
      case 'checking':
      case 'superseded':
        return undefined;
    }
  }

  /** On all proxies, and looked at for as long as the last wave is. */
  async #isLive(commit: string): Promise<boolean> {
    const { revisions } = await this.#ask<RevisionsReply>(paths.revisions);
    const rollout: Rollout | undefined = revisions.find((one) => one.commit === commit);
    if (rollout?.state.kind !== 'live') return false;
    return clock.nowMs() - rollout.state.sinceMs > this.#watchMs + 200;
  }

  /** Proxies that took or refused something that is not of the good state. */
  async #reached(sinceMs: number): Promise<Record<string, number>> {
    const query = `kind=ack&kind=nack&since=${sinceMs}`;
    const { entries } = await this.#ask<LedgerReply>(`${paths.ledger}?${query}`);
    const proxies = new Set(
      entries.filter((entry) => this.#isNew(entry)).map((one) => one.subject),
    );
    const counts: Record<string, number> = {};
    for (const proxy of proxies) {
      const service = proxy.slice(0, proxy.lastIndexOf('-'));
      counts[service] = (counts[service] ?? 0) + 1;
    }
    return counts;
  }

  #isNew({ subject, facts, atMs }: LedgerEntry): boolean {
    const { type, has } = facts;
    if (!ofCommits.has(type)) return false;
    return [...readHeld(has, atMs)].some(
      ([name, { version }]) => !this.#good.has(`${subject} ${type} ${version} ${name}`),
    );
  }

  async #held(): Promise<ReadonlySet<string>> {
    const { workloads } = await this.#ask<StatusReply>(paths.status);
    const held = workloads.map(async ({ workload }) => {
      const path = `${paths.proxies}/${workload.id}`;
      const { resources } = await this.#ask<ProxyReply>(path);
      return resources.map(
        ({ type, version, name }) => `${workload.id} ${type} ${version} ${name}`,
      );
    });
    return new Set((await Promise.all(held)).flat());
  }

  /** What all have needs a commit to go back; everything else is left behind by the branch. */
  async #restore(end: Outcome['end']): Promise<void> {
    if (end === 'live' || end === 'no end') {
      this.#goodCommit = this.#commit(meshFiles, goBack);
    } else {
      await this.#reset();
    }
    let last = '';
    await eventually(
      async () => {
        const status = await this.#ask<StatusReply>(paths.status);
        const odd = status.workloads.filter(
          ({ workload, proxy, rejected }) =>
            workload.state !== 'ready' || proxy !== 'converged' || rejected.length > 0,
        );
        // Applications may still be on their way back.
        const { revisions } = await this.#ask<RevisionsReply>(paths.revisions);
        const newest = revisions[0]?.state.kind ?? 'live';
        const isThere = newest === 'live' || newest === 'taken-back';
        last = JSON.stringify({ ...status, workloads: odd, recent: [], newest });
        const isGood = status.commit === this.#goodCommit;
        return isGood && isThere && odd.length === 0 && !status.refused && !status.waiting;
      },
      endWithinMs,
      () => `the good state does not come back: ${last}`,
    );
  }

  async #ask<Reply>(path: string): Promise<Reply> {
    const { controlSocket } = this.#mesh.layout;
    return (await callApi(controlSocket, { method: 'GET', path })) as Reply;
  }
}
