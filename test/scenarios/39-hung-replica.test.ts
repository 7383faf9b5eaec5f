import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import type { StatusReply } from '../../src/serve/api/wire.ts';
import { noPostgres } from '../support/postgres.ts';
import { type ReplicaProcess, ReplicatedMesh } from '../support/replicated-mesh.ts';
import { startLoad } from '../support/running-mesh.ts';

/** Pings leave a proxy 20 s and their jitter; its agent finds out after 16 s. */
const movedWithinMs = 40_000;

const leaderOf = ({ replicas }: StatusReply): string | undefined =>
  replicas.find(({ leadsSinceMs }) => leadsSinceMs !== undefined)?.name;

describe('the control plane that leads hangs', { skip: noPostgres() ?? false }, () => {
  const mesh = new ReplicatedMesh();
  let leader: ReplicaProcess;
  let other: ReplicaProcess;
  before(async () => {
    await mesh.start(2);
    const [one = assert.fail(), two = assert.fail()] = mesh.replicas;
    await mesh.until(one, 'both up', ({ replicas }) => replicas.length === 2);
    await mesh.startWorkloads();
    for (const replica of [one, two]) await mesh.until(replica, 'green', isGreen, 60_000);
    const name = leaderOf(await mesh.until(one, 'led', (status) => leaderOf(status) !== undefined));
    [leader, other] = name === one.name ? [one, two] : [two, one];
  });
  after(() => mesh.stop());

  function isGreen({ workloads }: StatusReply): boolean {
    return (
      workloads.length > 0 &&
      workloads.every((one) => one.proxy === 'converged' && one.workload.state === 'ready')
    );
  }

  it('the other one leads, takes what was pushed meanwhile and has all proxies; the one that wakes follows', async () => {
    const load = startLoad({
      ...{ everyMs: 20, requestsMax: 10_000, key: () => 'ok' },
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
    });
    const pid = pidOf(leader);
    process.kill(pid, 'SIGSTOP');
    try {
      const commit = mesh.push('services/payments.yaml', (text) =>
        text.replace('v1: 90, v2: 10', 'v1: 50, v2: 50'),
      );
      await mesh.until(
        other,
        'the only one',
        (status) =>
          leaderOf(status) === other.name &&
          status.commit === commit &&
          status.workloads.every(({ servedBy }) => servedBy === other.name),
        movedWithinMs,
      );
      await mesh.live(other, commit);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await mesh.until(leader, 'following', (status) => leaderOf(status) === other.name);
    await mesh.until(other, 'green', isGreen);
    assert.deepEqual((await load.stop()).failures, []);
  });
});

function pidOf(replica: ReplicaProcess): number {
  const list = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  const line = list.find(
    (one) =>
      one.includes('chancery.js server') && one.includes(replica.dir) && !one.includes('setpriv'),
  );
  return Number.parseInt(line?.trim() ?? assert.fail(`no process of ${replica.name}`), 10);
}
