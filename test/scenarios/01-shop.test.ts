import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { systemRandom } from '../../src/base/random.ts';
import { createRoot, createRootKey, issueSvid, spkiOf } from '../../src/identity/ca.ts';
import { readCertificate } from '../../src/identity/certificate-read.ts';
import { workloadId } from '../../src/identity/spiffe-id.ts';
import type { ServiceName, TrustDomain } from '../../src/model/types.ts';
import {
  type Answer,
  eventually,
  plaintext,
  processesOf,
  RunningMesh,
  startLoad,
} from '../support/running-mesh.ts';

describe('the shop on one machine', () => {
  let mesh: RunningMesh;
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    await mesh.up();
  });
  after(() => mesh.remove());

  it('one order goes through five services', async () => {
    const order = { items: [{ sku: 'tea', quantity: 1 }] };
    const answer = await mesh.ask('storefront-v1', 'checkout', 'POST', '/v1/orders', order);
    assert.equal(answer.status, 201);
    for (const service of ['checkout', 'inventory', 'payments', 'ledger']) {
      assert.match(answer.body, new RegExp(`"${service}": ?{`));
    }
  });

  it('reads of reports pass and its writes are refused with their reason', async () => {
    const read = await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges');
    assert.equal(read.status, 200);
    const write = await mesh.ask('reports-v1', 'payments', 'POST', '/v1/charges', {});
    assert.equal(write.status, 403);
    assert.equal(write.headers['x-chancery-code'], 'CH2101');
    assert.match(String(write.headers['x-chancery-decision']), /^d-[0-9a-z]{16}$/);
    assert.match(write.body, /"code":"CH2101"/);
  });

  it('a destination that does not allow the caller is refused at its own proxy, with what to do', async () => {
    const answer = await mesh.ask('storefront-v1', 'ledger', 'GET', '/v1/entries');
    assert.equal(answer.status, 403);
    assert.equal(answer.headers['x-chancery-code'], 'CH2103');
    assert.match(answer.body, /services\/ledger\.yaml/);
    assert.match(answer.body, /from: storefront/);
  });

  it('an unknown destination is named with its nearest', async () => {
    const answer = await mesh.ask('storefront-v1', 'chekout', 'GET', '/');
    assert.equal(answer.status, 404);
    assert.equal(answer.headers['x-chancery-code'], 'CH2104');
    assert.match(answer.body, /did you mean checkout/);
  });

  it('an absolute URI names the destination as a Host does', async () => {
    const answer = await mesh.ask('reports-v1', 'ignored', 'GET', 'http://payments/v1/charges');
    assert.equal(answer.status, 200);
  });

  it('a path trick does not reach what a deny rule guards', async () => {
    for (const path of [
      '/v1/../internal/dump',
      '/%69nternal/dump',
      '//internal/dump',
      '/internal%2Fdump',
    ]) {
      const answer = await mesh.ask('checkout-v1', 'payments', 'GET', path);
      assert.ok(
        answer.status === 403 || answer.status === 400,
        `${path} was answered ${answer.status}`,
      );
    }
  });

  it('ingress shows the SPIFFE ID of its service', async () => {
    const port = mesh.ports('payments-v1').ingressPort;
    const shown = await handshake(port, {});
    const certificate = readCertificate(shown.serverCertificate);
    assert.ok(certificate.ok);
    assert.deepEqual(certificate.value.uriSans, ['spiffe://shop.test/payments']);
  });

  it('nobody gets in without a certificate, with a foreign CA, or as plaintext', async () => {
    const port = mesh.ports('payments-v1').ingressPort;
    const bare = await handshake(port, {});
    assert.match(bare.outcome, /certificate required/i);
    const forged = await handshake(port, foreignSvid());
    assert.match(forged.outcome, /unknown ca|bad certificate|certificate unknown/i);
    await assert.rejects(plaintext(port));
    await eventually(
      () => mesh.log('payments-v1').filter((line) => line['kind'] === 'handshake').length >= 3,
      5_000,
      () => 'the failed handshakes are not in the log',
    );
  });

  it('both proxies log a request with the same id, the identities and the decision', async () => {
    const answer = await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges');
    const id = answer.headers['x-request-id'];
    const lines = (): Record<string, unknown>[] =>
      [...mesh.log('reports-v1'), ...mesh.log('payments-v1'), ...mesh.log('payments-v2')].filter(
        // Payments asks the ledger under the same id; that is another edge.
        (line) =>
          line['request_id'] === id &&
          (line['service'] === 'reports' || line['side'] === 'ingress'),
      );
    const find = (side: string, kind: string): Record<string, unknown> | undefined =>
      lines().find((line) => line['side'] === side && line['kind'] === kind);
    await eventually(
      () =>
        find('ingress', 'request') !== undefined &&
        find('egress', 'request') !== undefined &&
        find('egress', 'attempt') !== undefined,
      5_000,
      () => JSON.stringify(lines()),
    );
    const ingress = find('ingress', 'request');
    const egress = find('egress', 'request');
    assert.equal(ingress?.['caller'], 'spiffe://shop.test/reports');
    assert.equal(ingress?.['callee'], 'spiffe://shop.test/payments');
    assert.equal(egress?.['callee'], 'spiffe://shop.test/payments');
    assert.equal(egress?.['route'], 'payments/default');
    assert.match(String(ingress?.['rule']), /^allow\//);
  });

  it('a commit changes the split under load: no request fails, no listener drains', async () => {
    const load = startChargesLoad(mesh);
    await eventually(
      () => load.sent() >= 200,
      20_000,
      () => 'the load does not run',
    );
    mesh.edit('services/payments.yaml', (text) => text.replace(/v1: 90, v2: 10/, 'v1: 50, v2: 50'));
    mesh.commit('an even split');
    await mesh.said(/live +[0-9a-f]{12} on 2 proxies/);
    const before = load.sent();
    await eventually(
      () => load.sent() >= before + 400,
      20_000,
      () => 'the load does not run',
    );
    const { counts, failures } = await load.stop();
    assert.deepEqual(failures, []);
    const second = counts.get('v2') ?? 0;
    assert.ok(second > 130 && second < 360, `v2 got ${second}`);
    const stats = await mesh.stats(
      'reports-v1',
      'listener_modified|total_listeners_draining|cluster_modified',
    );
    assert.deepEqual([...new Set(stats.values())], [0]);
  });

  it('a broken commit is refused with its finding while the last good one goes on', async () => {
    mesh.edit('services/payments.yaml', (text) => text.replace(/v1: 50, v2: 50/, 'v1: 50, v2: 40'));
    mesh.commit('shares that do not add up');
    await mesh.said(/refused [0-9a-f]{12} shares that do not add up/);
    await mesh.said(/error\[CH1040\].*\n.*services\/payments\.yaml:\d+:\d+/);
    assert.equal((await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges')).status, 200);
    mesh.git('revert', '--no-edit', 'HEAD');
  });

  it('a revoked permission stops the next request on an open connection', async () => {
    await eventually(
      async () => (await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges')).status === 200,
      5_000,
      () => 'reports may not read at all',
    );
    mesh.edit('services/payments.yaml', (text) =>
      text
        .replace(/\ndeny:\n/, '\ndeny:\n  - { from: reports, to: "GET /v1/**" }\n')
        .replaceAll(/(from: reports, request: GET .*expect: )allow/g, '$1deny'),
    );
    mesh.commit('reports may not read');
    await mesh.live();
    await eventually(
      async () => (await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges')).status === 403,
      15_000,
      () => 'the permission is not gone',
    );
    const stats = await mesh.stats('payments-v1', 'listener_modified|total_listeners_draining');
    assert.deepEqual([...new Set(stats.values())], [0]);
    mesh.git('revert', '--no-edit', 'HEAD');
    await mesh.live();
    await eventually(
      async () => (await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges')).status === 200,
      15_000,
      () => 'the permission does not come back',
    );
  });

  it('a killed control plane is not noticed by requests, and comes back without sending a resource', async () => {
    const updates = (): Promise<ReadonlyMap<string, number>> =>
      mesh.stats(
        'reports-v1',
        'cds.update_success|lds.update_success|rds.*update_success|payments/v.*update_success',
      );
    const known = await updates();
    const load = startChargesLoad(mesh);
    process.kill(mesh.pidOf('chancery.js server'), 'SIGKILL');
    await mesh.said(/control plane killed by SIGKILL/);
    await eventually(
      async () => (await proxyIsConnected(mesh)) === 1,
      20_000,
      () => 'the proxy stays away',
    );
    await eventually(
      () => load.sent() >= 300,
      20_000,
      () => 'the load does not run',
    );
    const { failures } = await load.stop();
    assert.deepEqual(failures, []);
    assert.deepEqual(await updates(), known);
  });

  it('a killed agent makes denials outages, not refusals; what is allowed goes on', async () => {
    process.kill(mesh.pidOf('chancery.js agent'), 'SIGKILL');
    assert.equal((await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges')).status, 200);
    const answer = await mesh.ask('reports-v1', 'payments', 'POST', '/v1/charges', {});
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['x-chancery-code'], 'CH2190');
    await eventually(
      async () =>
        (await mesh.ask('reports-v1', 'payments', 'POST', '/v1/charges', {})).status === 403,
      20_000,
      () => 'the desk stays away',
    );
  });

  it('SIGKILL of up leaves no process and no port behind', async () => {
    const processes = (): string[] => processesOf(mesh.dir);
    assert.ok(processes().length > 10);
    await mesh.end('SIGKILL');
    await eventually(
      () => processes().length === 0,
      10_000,
      () => processes().join('\n'),
    );
  });
});

function startChargesLoad(mesh: RunningMesh): ReturnType<typeof startLoad> {
  return startLoad({
    everyMs: 5,
    requestsMax: 10_000,
    send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
    key: (answer: Answer) => /"version": ?"(v\d)"/.exec(answer.body)?.[1] ?? answer.body,
  });
}

async function proxyIsConnected(mesh: RunningMesh): Promise<number> {
  return (
    (await mesh.stats('reports-v1', '^control_plane.connected_state')).get(
      'control_plane.connected_state',
    ) ?? 0
  );
}

interface Shown {
  readonly serverCertificate: Uint8Array;
  readonly outcome: string;
}

/** A TLS client of our own: what the server shows, and how it ends. */
function handshake(
  port: number,
  client: { readonly cert?: string; readonly key?: string },
): Promise<Shown> {
  return new Promise((resolve) => {
    let serverCertificate: Uint8Array = new Uint8Array();
    const socket = tls.connect(
      { host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'], ...client },
      () => {
        serverCertificate = socket.getPeerCertificate().raw;
      },
    );
    socket.setTimeout(2_000, () => socket.destroy(new Error('accepted')));
    socket.once('error', (error) => resolve({ serverCertificate, outcome: error.message }));
  });
}

/** What another mesh of the same name would give to its `reports`. */
function foreignSvid(): { cert: string; key: string } {
  const trustDomain = 'shop.test' as TrustDomain;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const nowMs = Date.now();
  const ca = createRoot({
    trustDomain,
    privateKey: createRootKey(),
    nowMs,
    lifetimeSeconds: 3_600,
    random: systemRandom,
  });
  const { chainPem } = issueSvid({
    ca,
    spiffeId: workloadId(trustDomain, 'reports' as ServiceName),
    publicKeySpki: spkiOf(privateKey),
    ttlSeconds: 600,
    nowMs,
    random: systemRandom,
  });
  return { cert: chainPem, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}
