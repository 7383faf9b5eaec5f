import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { WireClient } from '../../src/app/verify/wire-client.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import { intentFolder } from '../support/intents.ts';
import { capturedSigner } from '../support/peer.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';

const versions = ['v1', 'v2', 'v3'];
const watch = '2s';
const app =
  "require('node:http').createServer((q, s) => s.end('ok')).listen(process.env.PORT, '127.0.0.1');\n";
const granted =
  'allow:\n' +
  '  - { id: by-proxy, from: web, to: "GET /proxy/**" }\n' +
  '  - { id: by-desk, from: web, to: "GET /desk/**", when: source.service == "web" }\n' +
  '  - { id: rest, from: web, to: "GET /rest" }\n';
const revoked = 'allow:\n  - { id: rest, from: web, to: "GET /rest" }\n';
const files = {
  'mesh.yaml': 'mesh: revoke\ntrust_domain: revoke.test\n',
  'services/api.yaml':
    `service: api\nowner: t\nprotocol: http\nport: 15961\nhealth: GET /\n${granted}` +
    `routes:\n  - split: { v1: 40, v2: 30, v3: 30 }\n` +
    `run:\n${versions.map((version) => `  ${version}: node app.js\n`).join('')}`,
  'services/web.yaml':
    'service: web\nowner: t\nprotocol: http\nport: 15962\nhealth: GET /\nrun: node app.js\n',
  'app.js': app,
};
/** What a permission may outlive the commit that takes it away. */
const revokedWithinMs = 1_000;
const wavesWithinMs = 30_000;
const pollMs = 10;

/** Somebody who goes on asking over one connection. */
interface Asker {
  readonly name: string;
  readonly client: WireClient;
  readonly request: string;
}

describe('a revoked permission, on connections that are open', { timeout: 180_000 }, () => {
  let mesh: RunningMesh;
  let removeFolder = (): void => {};
  let askers: readonly Asker[] = [];
  before(async () => {
    const [dir, remove] = intentFolder(files);
    removeFolder = remove;
    mesh = new RunningMesh(dir);
    await mesh.up('--watch', watch);
    const sign = await capturedSigner(mesh.layout, 'revoke.test' as TrustDomain);
    const web = sign(['spiffe://revoke.test/web']);
    askers = versions.flatMap((version) =>
      ['proxy', 'desk'].map((way) => ({
        name: `${version} by ${way}`,
        client: new WireClient(() => mesh.ports(`api-${version}`).ingressPort, web),
        request: `GET /${way}/x HTTP/1.1\r\nhost: api\r\n\r\n`,
      })),
    );
  });
  after(async () => {
    for (const { client } of askers) client.close();
    await mesh.remove();
    removeFolder();
  });

  const statusOf = async ({ client, request }: Asker): Promise<number> =>
    (await client.send(request)).status;

  /** How long after the commit each of them was answered so. */
  async function answeredAfter(status: number, withinMs: number): Promise<readonly number[]> {
    const startMs = performance.now();
    return Promise.all(
      askers.map(async (asker) => {
        let last = 0;
        await eventually(
          async () => {
            last = await statusOf(asker);
            if (last !== status) await new Promise((wake) => setTimeout(wake, pollMs));
            return last === status;
          },
          withinMs,
          () => `${asker.name} is still answered ${last}`,
        );
        return Math.round(performance.now() - startMs);
      }),
    );
  }

  /** One connection, from the first request on. */
  function assertSameConnection(): void {
    for (const { name, client } of askers) assert.equal(client.connections, 1, name);
  }

  async function commit(rules: string, ...trailers: readonly string[]): Promise<void> {
    const before = rules === granted ? revoked : granted;
    mesh.edit('services/api.yaml', (text) => text.replace(before, rules));
    mesh.commit(['permissions', '', ...trailers].join('\n'));
  }

  it('is used', async () => {
    for (const asker of askers) assert.equal(await statusOf(asker), 200, asker.name);
  });

  it('ends within a second at all proxies and desks, when the commit is urgent', async (t) => {
    await commit(revoked, 'Chancery: urgent', 'Chancery-Approve: removal');
    const tookMs = await answeredAfter(403, 10_000);
    t.diagnostic(`urgent: ${tookMs.join(', ')} ms`);
    assert.ok(Math.max(...tookMs) < revokedWithinMs, tookMs.join());
    assertSameConnection();
  });

  it('is not given back by the denials that follow', async () => {
    await mesh.live();
    for (const asker of askers) assert.equal(await statusOf(asker), 403, asker.name);
  });

  it('without urgency ends proxy by proxy, wave after wave', async (t) => {
    await commit(granted, 'Chancery: urgent');
    await answeredAfter(200, 10_000);
    await mesh.live();
    await commit(revoked, 'Chancery-Approve: removal');
    const tookMs = await answeredAfter(403, wavesWithinMs);
    t.diagnostic(`in waves of ${watch}: ${tookMs.join(', ')} ms`);
    assert.ok(Math.min(...tookMs) < revokedWithinMs, tookMs.join());
    assertSameConnection();
  });
});
