import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually, presentedSerial, RunningMesh } from '../support/running-mesh.ts';

describe('an agent that restarts while the control plane is away', () => {
  let mesh: RunningMesh;
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    await mesh.up();
  });
  after(() => mesh.remove());

  const deniedByTheDesk = async (): Promise<boolean> =>
    (await mesh.ask('reports-v1', 'payments', 'POST', '/v1/charges', {})).status === 403;

  it('serves what it kept: policy, identities and trust', async (t) => {
    assert.ok(await deniedByTheDesk());
    const serial = await presentedSerial(mesh.ports('payments-v1').ingressPort);
    const controlPlane = mesh.pidOf('chancery.js server');
    // Stopped, not killed: `up` would start another one.
    process.kill(controlPlane, 'SIGSTOP');
    t.after(() => process.kill(controlPlane, 'SIGCONT'));
    const agent = mesh.pidOf('chancery.js agent');
    process.kill(agent, 'SIGKILL');
    await eventually(deniedByTheDesk, 10_000, () => 'the desk does not come back by itself');
    assert.notEqual(mesh.pidOf('chancery.js agent'), agent);
    assert.equal((await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges')).status, 200);
    assert.equal(await presentedSerial(mesh.ports('payments-v1').ingressPort), serial);
    process.kill(controlPlane, 'SIGCONT');
    await eventually(
      async () =>
        (await mesh.ask('storefront-v1', 'checkout', 'GET', '/v1/orders/o-1')).status === 404,
      10_000,
      () => 'the mesh does not come back',
    );
  });
});
