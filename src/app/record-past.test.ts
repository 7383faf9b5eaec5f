import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gateWorld, silent, workloadOf } from '../../test/support/gate-world.ts';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import type { LedgerKind, NewLedgerEntry } from '../base/ledger.ts';
import { ok } from '../base/result.ts';
import { type Draw, drawFrom } from '../compile/random-mesh.fixture.ts';
import type { HostRecord } from '../identity/hosts/host-record.ts';
import type { HostName } from '../model/types.ts';
import type { HostReport } from '../serve/api/wire.ts';
import type { ProxyStatus } from '../serve/xds/proxy-status.ts';
import { openStore } from '../store/open.ts';
import type { StoredDocument } from '../store/store.ts';
import { type HostReplyParts, hostReplies } from './hosts/admin-api.ts';
import { HostRegistry } from './hosts/registry.ts';
import { HostReports } from './hosts/reports.ts';
import { recordHosts } from './record-past.ts';
import { Fleet } from './replicas/fleet.ts';

const dayMs = 24 * 3_600_000;
const away: ProxyStatus = { state: 'away', sinceMs: 0, streams: 0, converged: false, rejected: [] };
const h1 = 'h1' as HostName;
const names = [h1, 'h2' as HostName, 'h3' as HostName];
const services = ['a', 'b', 'c'];
const nothing = (): void => {};

/** All that a control plane knows of its hosts. */
async function hostWorld(clock: FakeClock) {
  const store = await openStore(':memory:');
  const { plane } = await gateWorld();
  const registry = await HostRegistry.open({ store, clock });
  const unheard = new Set<string>();
  const fleet = new Fleet({
    ...{ store, clock, plane, replica: 'here', xds: { status: () => away } },
    revision: () => 1,
    nameOf: (replica) => (unheard.has(replica) ? undefined : replica),
  });
  const reports = new HostReports({
    ...{ plane, store, clock, log: silent },
    confirmations: { take: nothing },
    signals: { tell: nothing, forget: nothing },
    revisions: { applications: { take: nothing }, desks: { take: nothing } },
    ...{ traffic: { take: nothing }, flows: { take: nothing }, shadows: { take: nothing } },
    breakglass: { uses: { take: async () => {} } },
  });
  return { store, plane, registry, fleet, reports, unheard };
}

type World = Awaited<ReturnType<typeof hostWorld>>;

/** What is to be noted: all hosts are looked at each second. */
class EachSecond {
  readonly entries: NewLedgerEntry[] = [];
  readonly #noted = new Map<string, string>();
  #cancel = nothing;
  #rosterMs = 0;

  readonly #clock: FakeClock;
  readonly #parts: HostReplyParts;

  constructor(clock: FakeClock, parts: HostReplyParts) {
    this.#clock = clock;
    this.#parts = parts;
  }

  lead(): void {
    this.#roster();
    const plan = (): void => {
      this.#cancel = this.#clock.after(1_000, () => {
        if (this.#clock.nowMs() - this.#rosterMs >= dayMs / 4) this.#roster();
        else this.#look();
        plan();
      });
    };
    plan();
  }

  follow(): void {
    this.#cancel();
    this.#noted.clear();
  }

  #roster(): void {
    this.#rosterMs = this.#clock.nowMs();
    this.#put('host-roster', 'm.test', {});
    this.#noted.clear();
    this.#look();
  }

  #look(): void {
    const hosts = hostReplies(this.#parts);
    for (const { connections, health, ...rest } of hosts) {
      const known = health && { ...health, identities: [] };
      const state = { ...rest, connections: Math.min(1, connections), health: known };
      const key = JSON.stringify({ ...state, seenMs: 0 });
      if (this.#noted.get(rest.name) === key) continue;
      this.#noted.set(rest.name, key);
      this.#put('host-state', rest.name, { state: JSON.stringify(state) });
    }
    for (const name of this.#noted.keys()) {
      if (hosts.some((host) => host.name === name)) continue;
      this.#noted.delete(name);
      this.#put('host-state', name, { state: 'gone' });
    }
  }

  #put(kind: LedgerKind, subject: string, facts: NewLedgerEntry['facts']): void {
    this.entries.push({ atMs: this.#clock.nowMs(), kind, subject, facts });
  }
}

function recordOf(name: HostName, notAfterMs: number): HostRecord {
  return {
    ...{ name, method: 'join_token', anchor: 'token:1', selectors: [], keys: [] },
    ...{ attestedMs: 0, notBeforeMs: 0, notAfterMs, standing: { kind: 'active' } },
  } as unknown as HostRecord;
}

function reportOf(draw: Draw): HostReport {
  const held = { holder: 'web', notBeforeMs: draw(9), notAfterMs: 9 };
  return {
    workloads: services.filter(() => draw(2) === 0).map((service) => workloadOf(service)),
    ...{ trustSequence: draw(2), presented: [] },
    health: { canRenew: draw(3) > 0, problems: [], identities: [held], sealedBy: 'file' },
  };
}

let version = 100;

function document(id: string, value: unknown): StoredDocument {
  version += 1;
  return { id, version, value: Buffer.from(JSON.stringify(value)) };
}

/** What happens to hosts, here and at other replicas, each drawn as often as any other. */
function happenings(world: World, draw: Draw): readonly (() => unknown)[] {
  const { registry, reports, fleet, plane, unheard } = world;
  const host = (): HostName => names[draw(names.length)] as HostName;
  const open: (() => void)[] = [];
  const standing = (): object => {
    const hosts = names.filter(() => draw(2) === 0);
    return { revision: 1, proxies: [], rejected: [], hosts };
  };
  return [
    () => {
      const id = host();
      return registry.change(id, () => ok(recordOf(id, draw(9))));
    },
    () => registry.find(host()),
    () => registry.ban(host(), 'ann', 'stolen'),
    () => registry.evict(host(), 'ann', ''),
    () => {
      const id = host();
      registry.take([{ id, document: draw(3) ? document(id, recordOf(id, draw(9))) : undefined }]);
    },
    () => open.push(plane.subscribe(host(), () => {})),
    () => open.shift()?.(),
    () => reports.take(recordOf(host(), 0), reportOf(draw)),
    () => {
      const id = host();
      const report = reports.last(id)?.report;
      return report && reports.take(recordOf(id, 0), report);
    },
    () => {
      const [id, { workloads, ...state }] = [host(), reportOf(draw)];
      const own = workloads.map((one) => ({ ...one, host: id }));
      reports.follow([{ id, document: document(id, { workloads: own, state }) }]);
    },
    () => reports.forget(host()),
    () => fleet.take([{ id: 'r1', document: document('r1', standing()) }]),
    () => fleet.take([{ id: 'r2', document: draw(3) ? document('r2', standing()) : undefined }]),
    () => {
      if (!unheard.delete('r1')) unheard.add('r1');
      fleet.heard();
    },
  ];
}

describe('what is noted of hosts when something changes', () => {
  it('is what a look at all of them each second would note, at the same moments', async () => {
    for (let seed = 1; seed <= 20; seed += 1) await ride(seed);
  });

  async function ride(seed: number): Promise<void> {
    const draw = drawFrom(seed);
    const clock = new FakeClock();
    const world = await hostWorld(clock);
    const noted: NewLedgerEntry[] = [];
    const record = (entry: NewLedgerEntry): void => void noted.push(entry);
    const history = recordHosts({ ...world, store: { record }, clock }, 'm.test');
    const wanted = new EachSecond(clock, world);
    const happens = happenings(world, draw);
    let leads = false;
    for (let step = 0; step < 300; step += 1) {
      if (step % 40 === 0) {
        leads = !leads || draw(3) > 0;
        for (const one of [history, wanted]) one.follow();
        if (leads) for (const one of [history, wanted]) one.lead();
      }
      await happens[draw(happens.length)]?.();
      clock.advance(draw(40) === 0 ? dayMs / 5 : 7 * (1 + draw(100)));
    }
    await world.store.close();
    assert.deepEqual(sorted(noted), sorted(wanted.entries), `seed ${seed}`);
    assert.ok(noted.length > 20, `seed ${seed} noted ${noted.length}`);
  }

  it('costs nothing between changes, and nothing where reports say what was said before', async () => {
    const clock = new FakeClock();
    const world = await hostWorld(clock);
    let looks = 0;
    const { registry } = world;
    const watched = new Proxy(registry, {
      get: (target, name) => {
        if (name === 'all') looks += 1;
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await registry.change(h1, () => ok(recordOf(h1, 1)));
    const report = reportOf(drawFrom(1));
    await world.reports.take(recordOf(h1, 1), report);
    const parts = { ...world, registry: watched, store: { record: nothing }, clock };
    recordHosts(parts, 'm.test').lead();
    assert.deepEqual([looks, clock.timerCount], [1, 1]);
    for (let second = 0; second < 60; second += 1) {
      await world.reports.take(recordOf(h1, 1), report);
      clock.advance(1_000);
    }
    assert.deepEqual([looks, clock.timerCount], [1, 1]);
    await world.reports.take(recordOf(h1, 1), { ...report, trustSequence: 9 });
    clock.advance(1_000);
    assert.deepEqual([looks, clock.timerCount], [2, 1]);
    await world.store.close();
  });
});

/** Of one moment no order means anything. */
function sorted(entries: readonly NewLedgerEntry[]): readonly NewLedgerEntry[] {
  const key = ({ atMs, kind, subject }: NewLedgerEntry): string => `${atMs} ${kind} ${subject}`;
  return entries.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}
