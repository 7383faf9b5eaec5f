import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePort } from './support/free-port.ts';
import { noPostgres } from './support/postgres.ts';
import { type ReplicaProcess, ReplicatedMesh } from './support/replicated-mesh.ts';

const secret = 'between us and the Git server';
/** Nobody asks by itself before the test is over. */
const seldom = ['--poll', '1h'] as const;
const atOnceMs = 5_000;

describe('webhooks, with two control planes on one PostgreSQL', {
  skip: noPostgres() ?? false,
}, () => {
  const mesh = new ReplicatedMesh();
  const hooks: number[] = [];
  let changes = 0;
  before(async () => {
    const file = join(mesh.dir, 'secret');
    writeFileSync(file, secret, { mode: 0o600 });
    hooks.push(await freePort(), await freePort());
    await mesh.start(2, seldom, (index) => [
      ...['--webhook-port', `${hooks[index]}`, '--webhook-secret-file', file],
    ]);
    for (const one of mesh.replicas) {
      await mesh.until(
        one,
        'both serving, one leads',
        ({ replicas, commit }) =>
          commit !== '' &&
          replicas.length === 2 &&
          replicas.some(({ leadsSinceMs }) => leadsSinceMs !== undefined),
      );
    }
  });
  after(() => mesh.stop());

  async function pushAndTell(at: ReplicaProcess): Promise<void> {
    changes += 1;
    const commit = mesh.push('services/payments.yaml', (text) =>
      text.replace(/timeout: \S+/, `timeout: ${1_900 + changes}ms`),
    );
    const body = JSON.stringify({ ref: 'refs/heads/main', after: commit });
    const signature = createHmac('sha256', secret).update(body).digest('hex');
    const port = hooks[mesh.replicas.indexOf(at)];
    const reply = await fetch(`http://127.0.0.1:${port}/v1/git/webhook`, {
      ...{ method: 'POST', body, headers: { 'x-hub-signature-256': `sha256=${signature}` } },
    });
    assert.equal(reply.status, 202);
    for (const one of mesh.replicas) {
      await mesh.until(one, `on ${commit}`, (status) => status.commit === commit, atOnceMs);
    }
  }

  it('a commit comes in at once, whichever of them the Git server tells of it', async () => {
    const [first = assert.fail(), second = assert.fail()] = mesh.replicas;
    for (const one of [first, second, first]) await pushAndTell(one);
  });

  it('also when the one that led has gone', async () => {
    const status = await mesh.replicas[0]?.status();
    const name = status?.replicas.find(({ leadsSinceMs }) => leadsSinceMs !== undefined)?.name;
    const leader = mesh.replicas.find((one) => one.name === name) ?? assert.fail();
    const other = mesh.replicas.find((one) => one !== leader) ?? assert.fail();
    await leader.end('SIGTERM');
    await mesh.until(other, 'leads', ({ replicas }) =>
      replicas.some(({ leadsSinceMs, isThis }) => isThis && leadsSinceMs !== undefined),
    );
    leader.start();
    await mesh.until(leader, 'back', ({ commit }) => commit !== '');
    await pushAndTell(leader);
  });
});
