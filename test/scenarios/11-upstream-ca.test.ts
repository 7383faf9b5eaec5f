import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Company } from '../support/company.ts';
import { RunningCa } from '../support/running-ca.ts';
import { eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';

describe("the company's CA", () => {
  let mesh: RunningMesh;
  const company = new Company();
  before(async () => {
    company.root('first');
    mesh = new RunningMesh('examples/shop');
    await mesh.up();
  });
  after(async () => {
    for (const name of upstreamNames) delete process.env[name];
    company.remove();
    await mesh.remove();
  });

  const theCa = new RunningCa(() => mesh);
  const ca = theCa.ca.bind(theCa);
  const status = theCa.status.bind(theCa);

  /** Requests from now on; afterwards none of them may have failed. */
  const load = (t: TestContext) => {
    const running = startLoad({
      everyMs: 5,
      requestsMax: 20_000,
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: () => 'ok',
    });
    t.after(() => running.stop());
    return async (): Promise<void> => {
      const { counts, failures } = await running.stop();
      assert.deepEqual(failures, []);
      assert.ok((counts.get('ok') ?? 0) > 50, 'there was hardly any load');
    };
  };

  async function killControlPlane(): Promise<void> {
    process.kill(mesh.pidOf('chancery.js server'), 'SIGKILL');
    await theCa.isBack();
  }

  /** Every proxy presents a chain that openssl accepts with this root, and with no other. */
  function assertPresented(root: string, length: number): void {
    for (const workload of ['payments-v1', 'checkout-v1', 'ledger-v1']) {
      const chain = company.presented(mesh.ports(workload).ingressPort);
      assert.equal(chain.split('BEGIN CERTIFICATE').length - 1, length, workload);
      assert.match(company.verify(chain, root), /: OK$/, workload);
    }
  }

  async function request(...flags: readonly string[]): Promise<void> {
    await ca('request', '--out', company.path('request.pem'), ...flags);
    company.sign('request.pem', 'first', 'signed.pem');
  }

  it('a request outlives the control plane; what the company signs for it is imported under load', async (t) => {
    const finish = load(t);
    await request();
    await killControlPlane();
    assert.ok((await status()).request !== undefined);
    await assert.rejects(ca('request'), /CH3016/);
    await ca('import', '--chain', company.path('signed.pem'), '--root', company.path('first.pem'));
    await finish();
    const now = await status();
    assert.equal(now.rotation.kind, 'none');
    assert.equal(now.active.rootKey, 'elsewhere');
    assert.equal(now.request, undefined);
    assertPresented('first', 2);
  });

  it('through the gates by hand, with the control plane killed at each: no request fails', async (t) => {
    const finish = load(t);
    await request();
    await ca('import', '--chain', company.path('signed.pem'), '--by-hand');
    for (const [step, kind] of [
      ['activate', 'activated'],
      ['taint', 'tainted'],
      ['revoke', 'none'],
    ] as const) {
      await killControlPlane();
      await theCa.gateIsOpen();
      await ca('rotate', '--step', step);
      assert.equal((await status()).rotation.kind, kind);
    }
    await finish();
    assertPresented('first', 2);
  });

  it('what does not hold is refused with each of its problems, and changes nothing', async () => {
    const before = await status();
    company.root('other');
    await request();
    await assert.rejects(
      ca('import', '--chain', company.path('signed.pem'), '--root', company.path('other.pem')),
      /CH3013[\s\S]*does not chain to the root/,
    );
    await assert.rejects(
      ca('import', '--chain', company.path('other.pem')),
      /CH3013[\s\S]*none of the certificates is for the key/,
    );
    await assert.rejects(ca('rotate'), /CH3010[\s\S]*ca request/);
    const { sequence, active } = await status();
    assert.deepEqual({ sequence, active }, { sequence: before.sequence, active: before.active });
  });

  it('plugged in, it signs what is next; a new root of its own follows by itself, under load', async (t) => {
    company.issuing('issuing', 'first');
    company.join('upstream.pem', 'issuing.pem');
    company.join('upstream.key', 'issuing.key');
    company.join('roots.pem', 'first.pem');
    for (const [index, name] of upstreamNames.entries()) {
      process.env[name] = company.path(['upstream.pem', 'upstream.key', 'roots.pem'][index] ?? '');
    }
    await mesh.end();
    mesh.output.length = 0;
    await mesh.up();
    const finish = load(t);
    await ca('rotate');
    assertPresented('first', 3);

    company.root('second', 'ec');
    company.join('roots.pem', 'first.pem', 'second.pem');
    company.join('upstream.pem', 'second.pem');
    company.join('upstream.key', 'second.key');
    await ca('rotate');
    company.join('roots.pem', 'second.pem');
    await finish();
    assertPresented('second', 2);

    company.root('third');
    const again = load(t);
    const { active } = await status();
    company.join('roots.pem', 'third.pem');
    company.join('upstream.key', 'third.key');
    company.join('upstream.pem', 'third.pem');
    await eventually(
      async () => {
        const now = await status();
        return now.rotation.kind === 'none' && now.active.rootSha256 !== active.rootSha256;
      },
      60_000,
      () => 'the new root is not followed',
    );
    await again();
    assertPresented('third', 2);
  });
});

const upstreamNames = [
  'CHANCERY_UPSTREAM_CA_CERT',
  'CHANCERY_UPSTREAM_CA_KEY',
  'CHANCERY_UPSTREAM_BUNDLE',
] as const;
