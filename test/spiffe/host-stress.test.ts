import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { IdentitySource } from '../../src/agent/identity-source.ts';
import { JwtCache } from '../../src/agent/jwt-cache.ts';
import { SvidPool } from '../../src/agent/svid-pool.ts';
import { ok } from '../../src/base/result.ts';
import type { Authority } from '../../src/identity/authority.ts';
import type { IdentityEntry } from '../../src/identity/entry.ts';
import type { Peer } from '../../src/serve/grpc/peer.ts';
import type { WorkloadUpdate } from '../../src/serve/workload/source.ts';
import { eventually } from '../support/running-mesh.ts';
import { entry, me, testAuthority, trustDomain, WorkloadHost } from '../support/workload-host.ts';
import { FakeClock } from '../xds/fake-clock.ts';

const entriesCount = 1_000;
const watchersPerEntry = 2;
const log = { info: () => {}, warn: () => {}, error: () => {} };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapMb(): number {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** Numbers in [0, 1) that are the same at each run. */
function seeded(): () => number {
  let state = 20_261_124;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const turn = (): Promise<void> => new Promise((wake) => setImmediate(wake));

/** A host with very many identities; each caller is what the test says that it is. */
class BigHost {
  readonly clock: FakeClock;
  readonly pool: SvidPool;
  readonly source: IdentitySource;
  readonly callers = new Map<Peer, string>();
  /** When each request was made, by the fake clock. */
  readonly requestsMs: number[] = [];
  requestsAtOnce = 0;
  looks = 0;
  #open = 0;
  #entries = new Map<string, IdentityEntry>();

  static async open(): Promise<BigHost> {
    const clock = new FakeClock();
    return new BigHost(await testAuthority(trustDomain, clock), clock);
  }

  private constructor(authority: Authority, clock: FakeClock) {
    this.clock = clock;
    const fraction = seeded();
    const random = { bytes: (length: number) => Buffer.alloc(length, 7), fraction };
    this.pool = new SvidPool({
      ...{ clock: this.clock, random, log, kept: () => undefined },
      request: async ({ spiffeId, ttlSeconds }, csr, reason) => {
        this.#open += 1;
        this.requestsAtOnce = Math.max(this.requestsAtOnce, this.#open);
        this.requestsMs.push(this.clock.nowMs());
        await turn();
        this.#open -= 1;
        const csrDer = Buffer.from(csr, 'base64');
        const issued = authority.issue({ spiffeId, csrDer, ttlSeconds, host: 'h', reason });
        assert.ok(issued.ok);
        const { chainPem, serialHex, issuerKeyId, notBeforeMs, notAfterMs } = issued.value;
        return { spiffeId, chainPem, serial: serialHex, issuerKeyId, notBeforeMs, notAfterMs };
      },
      onSvid: (spiffeId) => this.source.refresh(spiffeId),
    });
    const trust = { own: authority.news.bundle, federated: [] };
    this.source = new IdentitySource({
      clock: this.clock,
      jwts: new JwtCache(this.clock, () => assert.fail('nobody asked for a token')),
      trust: () => trust,
      identify: async (peer) => {
        this.looks += 1;
        const found = this.#entries.get(this.callers.get(peer) ?? '');
        return found === undefined ? { ok: false, error: 'no identity' } : ok([found]);
      },
      svid: (wanted) => this.pool.get(wanted),
    });
  }

  setEntries(entries: readonly IdentityEntry[]): void {
    this.#entries = new Map(entries.map((one) => [one.service, one]));
    this.pool.setEntries(entries);
    this.source.refresh();
  }

  watch(service: string): Watching {
    const peer: Peer = { kind: 'unknown', reason: 'of the test' };
    this.callers.set(peer, service);
    const watching: Watching = { views: 0, denials: 0, stop: () => {} };
    const stop = this.source.watch(peer, (update: WorkloadUpdate) => {
      if (update.kind === 'view') watching.views += 1;
      else watching.denials += 1;
    });
    watching.stop = () => {
      stop();
      this.callers.delete(peer);
    };
    return watching;
  }

  async settled(): Promise<void> {
    for (let quiet = 0, before = -1; quiet < 20; ) {
      await turn();
      const now = this.looks + this.requestsMs.length;
      quiet = now === before ? quiet + 1 : 0;
      before = now;
    }
  }
}

interface Watching {
  views: number;
  denials: number;
  stop: () => void;
}

const names = Array.from({ length: entriesCount }, (_, index) => `service-${index}`);
const entries = names.map((name) => entry(name, me));

describe('a host with 1,000 identities and 2,000 streams', { timeout: 120_000 }, () => {
  it('each is asked for once, a few at a time, and every stream gets its own', async () => {
    const host = await BigHost.open();
    host.setEntries(entries);
    const watchings = names.flatMap((name) => [host.watch(name), host.watch(name)]);
    await host.settled();
    assert.equal(host.requestsMs.length, entriesCount);
    assert.ok(host.requestsAtOnce <= 32, `${host.requestsAtOnce} requests at once`);
    assert.ok(watchings.every(({ views, denials }) => views === 1 && denials === 0));
    const perWatcher = host.looks / watchings.length;
    assert.ok(perWatcher < 4, `${perWatcher} looks for each stream`);
    for (const { stop } of watchings) stop();
    host.pool.stop();
    assert.equal(host.clock.timerCount, 0);
  });

  it('renewals of SVIDs that began in one moment are spread: no second has many times its share', async (t) => {
    const host = await BigHost.open();

    host.setEntries(entries);
    for (const name of names) host.watch(name);
    await host.settled();
    const begun = host.requestsMs.length;
    const perSecond: number[] = [];
    for (let second = 0; second < 40 * 60; second += 1) {
      const before = host.requestsMs.length;
      host.clock.advance(1_000);
      await turn();
      await turn();
      perSecond.push(host.requestsMs.length - before);
    }
    await host.settled();
    const renewed = host.requestsMs.length - begun;
    assert.equal(renewed, entriesCount);
    const busy = perSecond.filter((count) => count > 0).length;
    const seconds = perSecond.findLastIndex((n) => n > 0) - perSecond.findIndex((n) => n > 0) + 1;
    const mean = renewed / seconds;
    const most = Math.max(...perSecond);
    t.diagnostic(`mean ${mean.toFixed(1)}/s in ${seconds} s, most ${most}, ${busy} busy seconds`);
    assert.ok(seconds >= 300, `all within ${seconds} s`);
    assert.ok(most <= 4 * mean, `${most} in one second, ${mean} on average`);
    host.pool.stop();
  });

  it('entries that come and go leave no timer, no stream and no memory behind', async (t) => {
    const host = await BigHost.open();
    let kept: number | undefined;
    const rounds = 12;
    for (let round = 0; round < rounds; round += 1) {
      const present = entries.filter((_, index) => (index + round) % 3 !== 0);
      host.setEntries(present);
      const watchings = names.flatMap((name) =>
        Array.from({ length: watchersPerEntry }, () => host.watch(name)),
      );
      await host.settled();
      const denied = watchings.filter(({ denials }) => denials === 1).length;
      assert.equal(denied, (entriesCount - present.length) * watchersPerEntry);
      assert.equal(watchings.filter(({ views }) => views === 1).length, present.length * 2);
      for (const { stop } of watchings) stop();
      assert.equal(host.source.watchers, 0);
      assert.equal(host.clock.timerCount, present.length, 'one timer for each SVID');
      if (round === 3) kept = heapMb();
    }
    const grown = heapMb() - (kept ?? 0);
    t.diagnostic(
      `${kept?.toFixed(1)} MB after 3 rounds, ${grown.toFixed(1)} MB more after ${rounds}`,
    );
    assert.ok(grown < 8, `${grown} MB more`);
    host.setEntries([]);
    assert.equal(host.clock.timerCount, 0);
    assert.equal(host.pool.svids.length, 0);
  });

  it('connections and streams that come and go leave no descriptor, timer or stream behind', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    await using host = await WorkloadHost.started(entry('web', me));
    await host.x509().services();
    await host.disconnect();
    const timers = host.clock.timerCount;
    for (let round = 0; round < 4; round += 1) {
      const watches = Array.from({ length: 100 }, () => host.x509());
      await Promise.all(watches.map((watch) => watch.next()));
      assert.ok(host.identities.watchers >= 100);
      await host.disconnect();
      await eventually(
        () => host.identities.watchers === 0,
        5_000,
        () => `${host.identities.watchers} streams are left`,
      );
    }
    assert.equal(host.clock.timerCount, timers);
    await eventually(
      () => open() <= before + 4,
      5_000,
      () => `${open()} descriptors, ${before} before`,
    );
  });
});
