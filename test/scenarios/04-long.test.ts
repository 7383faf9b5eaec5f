import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { presentedSerial, RunningMesh, startLoad } from '../support/running-mesh.ts';

/** Nine minutes, so by flag: `CHANCERY_LONG=1 npm test -- test/scenarios/04-long.test.ts`. */
const skip = process.env['CHANCERY_LONG'] === undefined;

describe('the long runs', { skip }, () => {
  let mesh: RunningMesh;
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    mesh.edit('mesh.yaml', (text) => text.replace(/svid_ttl:.*/, 'svid_ttl: 20s'));
    mesh.commit('short lives');
    await mesh.up();
  });
  after(() => mesh.remove());

  it('ten thousand requests with a commit every second: none fails', {
    timeout: 120_000,
  }, async (t) => {
    const load = startLoad({
      everyMs: 5,
      requestsMax: 10_000,
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: (answer) => String(JSON.parse(answer.body).servedBy.version),
    });
    t.after(() => load.stop());
    let commits = 0;
    while (load.sent() < 10_000) {
      const share = 50 - (commits % 2) * 40;
      mesh.edit('services/payments.yaml', (text) =>
        text.replace(/v1: \d+, v2: \d+/, `v1: ${100 - share}, v2: ${share}`),
      );
      mesh.commit(`round ${commits}`);
      commits += 1;
      await new Promise((wake) => setTimeout(wake, 1_000));
    }
    const { counts, failures } = await load.stop();
    t.diagnostic(`${load.sent()} requests, ${commits} commits, ${JSON.stringify([...counts])}`);
    assert.deepEqual(failures, []);
    assert.ok(commits >= 40, `${commits} commits`);
  });

  it('three minutes of certificates of 20 s: none fails, serials change', {
    timeout: 240_000,
  }, async (t) => {
    const serials = new Set<string>();
    const load = startLoad({
      everyMs: 5,
      requestsMax: 40_000,
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: () => 'ok',
    });
    t.after(() => load.stop());
    for (let second = 0; second < 180; second += 1) {
      serials.add(await presentedSerial(mesh.ports('payments-v1').ingressPort));
      await new Promise((wake) => setTimeout(wake, 1_000));
    }
    const { failures } = await load.stop();
    t.diagnostic(`${load.sent()} requests, ${serials.size} serials presented`);
    assert.deepEqual(failures, []);
    assert.ok(serials.size >= 12, `${serials.size} serials were presented`);
  });
});

describe('a CA that lives for a minute', { skip }, () => {
  let mesh: RunningMesh;
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    mesh.edit('mesh.yaml', (text) =>
      text.replace(/svid_ttl:.*/, 'svid_ttl: 10s\n\nca: { root_ttl: 120s, intermediate_ttl: 60s }'),
    );
    mesh.commit('a short CA');
    await mesh.up();
  });
  after(() => mesh.remove());

  const rotations = (): number => {
    const log = readFileSync(join(mesh.layout.logsDir, 'control-plane.log'), 'utf8');
    return log.split('\n').filter((line) => /the CA moved.*"step":"revoke"/.test(line)).length;
  };

  it('rotates by schedule for three minutes, roots too: no request fails', {
    timeout: 240_000,
  }, async (t) => {
    const load = startLoad({
      everyMs: 5,
      requestsMax: 40_000,
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: () => 'ok',
    });
    t.after(() => load.stop());
    await new Promise((wake) => setTimeout(wake, 180_000));
    const { failures } = await load.stop();
    t.diagnostic(`${load.sent()} requests, ${rotations()} rotations`);
    assert.deepEqual(failures, []);
    assert.ok(rotations() >= 4, `${rotations()} rotations`);
  });

  it('was off until everything had ended: it comes back by itself', {
    timeout: 240_000,
  }, async () => {
    await mesh.end();
    await new Promise((wake) => setTimeout(wake, 125_000));
    mesh.output.length = 0;
    await mesh.up();
    const { status } = await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges');
    assert.equal(status, 200);
  });
});
