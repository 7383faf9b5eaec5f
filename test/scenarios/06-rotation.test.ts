import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RunningCa } from '../support/running-ca.ts';
import { presentedSerial, RunningMesh, startLoad } from '../support/running-mesh.ts';

describe('rotation of the CA under load', () => {
  let mesh: RunningMesh;
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    await mesh.up();
  });
  after(() => mesh.remove());

  const theCa = new RunningCa(() => mesh);
  const ca = theCa.ca.bind(theCa);
  const status = theCa.status.bind(theCa);
  const load = (): ReturnType<typeof startLoad> =>
    startLoad({
      everyMs: 5,
      requestsMax: 20_000,
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: () => 'ok',
    });

  it('prepare to revoke by itself: no request fails, everybody presents the new CA', async (t) => {
    const running = load();
    t.after(() => running.stop());
    const before = await status();
    const serial = await presentedSerial(mesh.ports('payments-v1').ingressPort);
    await ca('rotate');
    const { failures } = await running.stop();
    assert.deepEqual(failures, []);
    const now = await status();
    assert.notEqual(now.active.rootSha256, before.active.rootSha256);
    assert.equal(now.rotation.kind, 'none');
    assert.notEqual(await presentedSerial(mesh.ports('payments-v1').ingressPort), serial);
  });

  it('step by step with the control plane killed at each: no request fails', async (t) => {
    const running = load();
    t.after(() => running.stop());
    const before = await status();
    for (const [step, kind] of [
      ['prepare', 'prepared'],
      ['activate', 'activated'],
      ['taint', 'tainted'],
      ['revoke', 'none'],
    ] as const) {
      await theCa.gateIsOpen();
      await ca('rotate', '--step', step);
      process.kill(mesh.pidOf('chancery.js server'), 'SIGKILL');
      await theCa.isBack();
      assert.equal((await status()).rotation.kind, kind);
    }
    const { failures } = await running.stop();
    assert.deepEqual(failures, []);
    assert.notEqual((await status()).active.rootSha256, before.active.rootSha256);
    assert.equal(
      (await mesh.ask('storefront-v1', 'checkout', 'GET', '/v1/orders/o-1')).status,
      404,
    );
  });

  it('a step out of its order is refused and changes nothing', async () => {
    const before = await status();
    await assert.rejects(ca('rotate', '--step', 'revoke'), /CH3010/);
    assert.equal((await status()).sequence, before.sequence);
  });
});
