import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { StatusReply } from '../../src/serve/api/wire.ts';
import { noPostgres } from '../support/postgres.ts';
import { type ReplicaProcess, ReplicatedMesh } from '../support/replicated-mesh.ts';
import { type LoadResult, startLoad } from '../support/running-mesh.ts';

/** More than the whole scenario sends. */
const requestsMax = 20_000;
const awayMs = 20_000;

const isGreen = ({ workloads, warnings }: StatusReply): boolean =>
  workloads.length > 0 &&
  workloads.every((one) => one.proxy === 'converged' && one.workload.state === 'ready') &&
  warnings.length === 0;
const leaderOf = ({ replicas }: StatusReply): string | undefined =>
  replicas.find(({ leadsSinceMs }) => leadsSinceMs !== undefined)?.name;

describe('three control planes on one PostgreSQL', { skip: noPostgres() ?? false }, () => {
  const mesh = new ReplicatedMesh();
  let load: { stop(): Promise<LoadResult> };
  let changes = 0;
  before(async () => {
    await mesh.start(3);
    const [first] = mesh.replicas;
    if (first === undefined) throw new Error('no control plane');
    await mesh.until(first, 'all up', ({ replicas }) => replicas.length === 3);
    await mesh.startWorkloads();
    await allGreen();
    load = startLoad({
      ...{ everyMs: 20, requestsMax },
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: ({ status }) => `${status}`,
    });
  });
  after(async () => {
    await load?.stop();
    await mesh.stop();
  });

  async function allGreen(): Promise<void> {
    for (const one of mesh.replicas) {
      await mesh.until(one, 'green', (status) => isGreen(status) && leaderOf(status) !== undefined);
    }
  }

  function named(name: string | undefined): ReplicaProcess {
    return mesh.replicas.find((one) => one.name === name) ?? assert.fail(`no ${name}`);
  }

  async function roles(): Promise<{ leader: ReplicaProcess; followers: ReplicaProcess[] }> {
    const [any] = mesh.replicas;
    const status = await any?.status();
    const leader = named(status && leaderOf(status));
    return { leader, followers: mesh.replicas.filter((one) => one !== leader) };
  }

  /** Another timeout of a route, seen from a control plane that need not lead. */
  async function commitGoesLive(at: ReplicaProcess): Promise<void> {
    changes += 1;
    const commit = mesh.push('services/payments.yaml', (text) =>
      text.replace(/timeout: \S+/, `timeout: ${1_900 + changes}ms`),
    );
    await mesh.live(at, commit);
    assert.equal((await at.status())?.commit, commit);
  }

  it('any of them shows all proxies, who serves each, and who leads; a commit goes live everywhere', async () => {
    const { leader, followers } = await roles();
    for (const one of mesh.replicas) {
      const status = await mesh.until(one, 'green', isGreen);
      assert.equal(leaderOf(status), leader.name);
      const names = mesh.replicas.map(({ name }) => name);
      assert.ok(status.workloads.every(({ servedBy }) => names.includes(servedBy ?? '')));
    }
    const [follower] = followers;
    await commitGoesLive(follower ?? assert.fail());
    assert.match(await mesh.statusText(leader), /leads for/);
  });

  it('kill -9 of one that follows: its proxies move, and status names it', async () => {
    const { leader, followers } = await roles();
    const [dead] = followers;
    await dead?.end('SIGKILL');
    const status = await mesh.until(
      leader,
      'dead one named',
      ({ warnings, workloads, replicas }) =>
        warnings.some(
          ({ code, message }) => code === 'CH5454' && message.includes(dead?.name ?? '-'),
        ) &&
        replicas.some(({ name, state }) => name === dead?.name && state === 'silent') &&
        workloads.every(({ proxy }) => proxy === 'converged'),
    );
    assert.ok(status.workloads.every(({ servedBy }) => servedBy !== dead?.name));
    assert.match(await mesh.statusText(leader), /silent/);
    dead?.start();
    await allGreen();
  });

  it('kill -9 of the one that leads: another leads within seconds, and commits go live', async () => {
    const { leader, followers } = await roles();
    const [next = assert.fail()] = followers;
    await leader.end('SIGKILL');
    await mesh.until(
      next,
      'led anew',
      (status) => {
        const now = leaderOf(status);
        return now !== undefined && now !== leader.name;
      },
      12_000,
    );
    await commitGoesLive(next);
    leader.start();
    await allGreen();
  });

  it('PostgreSQL is cut off for 20 s: all serve on and say so, and come back by themselves', async () => {
    const { leader } = await roles();
    await mesh.postgres.kill();
    const backMs = performance.now() + awayMs;
    for (const one of mesh.replicas) {
      const status = await mesh.until(one, 'away said', ({ warnings }) =>
        warnings.some(({ code }) => code === 'CH5453'),
      );
      assert.ok(status.workloads.length > 0);
      assert.deepEqual((await one.ready()).ready, false);
    }
    await mesh.until(leader, 'led no more', (status) => leaderOf(status) === undefined);
    await new Promise((wake) => setTimeout(wake, backMs - performance.now()));
    await mesh.postgres.start();
    await allGreen();
    await commitGoesLive(leader);
  });

  it('one that is told to go has its proxies move within seconds, and they are sent nothing that they have', async () => {
    const { leader, followers } = await roles();
    const sent = async (): Promise<number> => {
      const all = followers.map((one) => one.metric('chancery_xds_resources_sent_total'));
      return (await Promise.all(all)).reduce((sum, one) => sum + one, 0);
    };
    const before = await sent();
    const tookMs = await leader.end('SIGTERM');
    assert.ok(tookMs < 8_000, `it took ${tookMs} ms`);
    const [next = assert.fail()] = followers;
    await mesh.until(
      next,
      'green without it',
      (status) => isGreen(status) && status.replicas.length === 2,
    );
    assert.equal(await sent(), before);
    assert.ok(
      followers
        .map(({ name }) => name)
        .includes(leaderOf((await next.status()) ?? assert.fail()) ?? ''),
    );
    await commitGoesLive(next);
  });

  it('through all of this no request failed', async () => {
    const { failures, counts } = await load.stop();
    assert.deepEqual(failures, []);
    assert.ok((counts.get('200') ?? 0) > 500);
  });
});
