import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { throwawayCa } from '../../src/app/verify/throwaway-ca.ts';
import { systemClock } from '../../src/base/clock.ts';
import { oid } from '../../src/identity/oids.ts';
import { toPem } from '../../src/identity/pem.ts';
import { parseSpiffeId } from '../../src/identity/spiffe-id.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import { firstLine } from '../support/first-line.ts';
import { intentFolder } from '../support/intents.ts';
import { type Certificate, capturedIssuer, capturedSigner, pemOf } from '../support/peer.ts';
import { make } from '../support/pki.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';
import { wireConnection } from '../support/wire-connection.ts';

const trustDomain = 'greet.test' as TrustDomain;
const plain = (name: string, port: number): string =>
  `service: ${name}\nowner: t\nprotocol: http\nport: ${port}\n`;
const granted =
  'allow:\n  - { id: of-web, from: web }\n  - { id: of-staff, from: role:staff }\n' +
  'deny:\n  - { id: not-temp, from: temp }\n  - { id: heard, from: web, mode: audit }\n';
const revoked = granted.replace('  - { id: of-staff, from: role:staff }\n', '');
const files: Readonly<Record<string, string>> = {
  'mesh.yaml':
    'mesh: greet\ntrust_domain: greet.test\nroles: { staff: [desk, temp] }\n' +
    'peers: { far.test: { endpoint: "https://far.test/", profile: https_web } }\n',
  'services/db.yaml': `service: db\nowner: t\nprotocol: tcp\nport: 15971\nrun: node db.js\n${granted}`,
  'services/web.yaml': `${plain('web', 15_972)}calls:\n  - { service: db, local_port: 15973 }\nrun: node web.js\n`,
  'services/desk.yaml': plain('desk', 15_974),
  'services/temp.yaml': plain('temp', 15_975),
  'services/other.yaml': plain('other', 15_976),
  'db.js': `
    const { appendFileSync } = require('node:fs');
    require('node:net').createServer((socket) => {
      socket.on('error', () => {});
      // Who only looks whether it listens is gone by then.
      setTimeout(() => socket.destroyed || appendFileSync('connections', 'one\\n'), 50);
      socket.write((process.argv[2] ?? 'hello') + '\\n');
      socket.pipe(socket);
    }).listen(process.env.PORT, '127.0.0.1');
  `,
  'web.js':
    "require('node:http').createServer((q, s) => s.end('ok')).listen(process.env.PORT, '127.0.0.1');\n",
};
/** What a permission may outlive the commit that takes it away. */
const revokedWithinMs = 1_000;

describe('a tcp service that speaks first', { timeout: 240_000 }, () => {
  let mesh: RunningMesh;
  let removeFolder = (): void => {};
  let sign: (uris: readonly string[]) => Certificate = () => ({ cert: '', key: '' });
  before(async () => {
    const [dir, remove] = intentFolder(files);
    removeFolder = remove;
    mesh = new RunningMesh(dir);
    await mesh.up();
    sign = await capturedSigner(mesh.layout, trustDomain);
  });
  after(async () => {
    await mesh.remove();
    removeFolder();
  });

  const port = (): number => mesh.ports('db-v1').ingressPort;
  const of = (service: string): Certificate => sign([`spiffe://greet.test/${service}`]);
  const open = (who: Certificate | undefined, session?: Buffer) =>
    wireConnection(port(), who, session);
  function connections(): number {
    const path = join(mesh.dir, 'connections');
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
  }

  /** Says nothing, hears nothing, and the application hears of nobody. */
  async function isRefused(who: Certificate | undefined, session?: Buffer): Promise<void> {
    const before = connections();
    const connection = await open(who, session);
    assert.equal(await connection.closed(), '');
    assert.ok(connection.isClosed, 'it is not closed');
    await counted();
    assert.equal(connections(), before, 'the application got a connection');
  }

  async function isGreeted(who: Certificate): Promise<void> {
    const before = connections();
    const connection = await open(who);
    assert.equal(await connection.heard('hello\n'), 'hello\n');
    await counted();
    connection.close();
    assert.equal(connections(), before + 1);
  }

  /** The newest line of the log about a connection of this caller. */
  async function lineOf(caller: string, field: string): Promise<Record<string, unknown>> {
    let found: Record<string, unknown> | undefined;
    await eventually(
      () => {
        found = mesh
          .log('db-v1')
          .findLast((line) => line['caller'] === caller && line[field] !== undefined);
        return found !== undefined;
      },
      15_000,
      () => `no line of ${caller} with ${field}`,
    );
    return found ?? {};
  }

  it('greets whom it allows, by the proxy of the caller and by a connection that says nothing', async () => {
    assert.equal(await firstLine(15_973), 'hello\n');
    await isGreeted(of('web'));
    await isGreeted(of('desk'));
    const line = await lineOf('spiffe://greet.test/web', 'audit');
    assert.equal(line['rule'], 'allow/of-web');
    assert.equal(line['audit'], 'deny/heard');
  });

  it('takes what a caller says at once, also when it says nothing more', async () => {
    const connection = await open(of('web'));
    connection.say('a');
    assert.equal(await connection.heard('hello\na'), 'hello\na');
    connection.close();
  });

  it('greets nobody whom no rule allows, and says why in the log', async () => {
    await isRefused(of('other'));
    const line = await lineOf('spiffe://greet.test/other', 'code');
    assert.equal(line['kind'], 'connection');
    assert.equal(line['code'], 'CH2101');
    assert.equal(line['reason'], 'no allow rule names the caller');
  });

  it('greets nobody whom a deny rule takes out of an allowed role', async () => {
    await isRefused(of('temp'));
    const line = await lineOf('spiffe://greet.test/temp', 'code');
    assert.equal(line['rule'], 'deny/not-temp');
    assert.equal(line['code'], 'CH2102');
  });

  it('greets nobody with a certificate that proves nothing', async () => {
    const id = parseSpiffeId('spiffe://greet.test/web');
    assert.ok(id.ok);
    const forged = throwawayCa(trustDomain).svid(id.value);
    await isRefused({ cert: forged.chainPem, key: forged.keyPem });
    await isRefused(await endingIn(-60_000));
    await isRefused(undefined);
    await isRefused(sign(['spiffe://far.test/web']));
    const line = await lineOf('spiffe://greet.test/web', 'failure');
    assert.equal(line['kind'], 'handshake');
    assert.match(String(line['failure']), /CERTIFICATE_VERIFY_FAILED/);
  });

  /** A certificate of web that ends then. */
  async function endingIn(milliseconds: number): Promise<Certificate> {
    const { issuer, chain } = await capturedIssuer(mesh.layout, trustDomain);
    const nowMs = systemClock.nowMs();
    const made = make({
      ...{ name: '', issuer, purposes: [oid.serverAuth, oid.clientAuth] },
      ...{ uris: ['spiffe://greet.test/web'] },
      ...{ notBeforeMs: nowMs - 3_600_000, notAfterMs: nowMs + milliseconds },
    });
    return { cert: `${toPem('CERTIFICATE', made.der)}${chain}`, key: pemOf(made.key) };
  }

  it('greets nobody by a session that outlives the certificate', async () => {
    const who = await endingIn(3_000);
    const connection = await open(who);
    assert.equal(await connection.heard('hello\n'), 'hello\n');
    connection.close();
    await new Promise((wake) => setTimeout(wake, 4_500));
    await isRefused(who, connection.session);
  });

  it('greets nobody who has a second name', async () => {
    await isRefused(sign(['spiffe://greet.test/other', 'spiffe://greet.test/web']));
    await isRefused(sign(['spiffe://greet.test/web', 'spiffe://greet.test/desk']));
    const both = 'spiffe://greet.test/web,spiffe://greet.test/desk';
    assert.equal((await lineOf(both, 'code'))['code'], 'CH2120');
  });

  it('tells the application nothing of who does not even begin a handshake', async () => {
    const before = connections();
    const socket = connect(port(), '127.0.0.1');
    socket.on('error', () => {});
    await counted();
    assert.equal(connections(), before);
    socket.destroy();
  });

  it('counts its refusals', async () => {
    const stats = await mesh.stats('db-v1', 'upstream_cx_none_healthy');
    assert.equal(stats.get('cluster.app.upstream_cx_none_healthy'), 4);
  });

  it('refuses the next connection within a second of a revocation, and drains nobody else', async (t) => {
    const desk = of('desk');
    const [web, ticketed] = [await open(of('web')), await open(desk)];
    assert.equal(await ticketed.heard('hello\n'), 'hello\n');
    assert.equal(await web.heard('hello\n'), 'hello\n');
    const resumed = await open(desk, ticketed.session);
    assert.equal(resumed.isResumed, false);
    assert.equal(await resumed.heard('hello\n'), 'hello\n');
    const commit = (text: string, ...trailers: readonly string[]): void => {
      mesh.edit('services/db.yaml', (old) =>
        old.replace(text === revoked ? granted : revoked, text),
      );
      mesh.commit(['permissions', '', 'Chancery: urgent', ...trailers].join('\n'));
    };
    commit(revoked, 'Chancery-Approve: removal');
    const startMs = performance.now();
    await eventually(
      async () => {
        const connection = await open(desk);
        const isShut = (await connection.heard('hello\n')) === '';
        connection.close();
        return isShut;
      },
      10_000,
      () => 'it is still greeted',
    );
    const tookMs = Math.round(performance.now() - startMs);
    t.diagnostic(`refused ${tookMs} ms after the commit`);
    assert.ok(tookMs < revokedWithinMs, `${tookMs} ms`);
    await isRefused(desk, resumed.session);
    // An open connection ends with the next that it says.
    const before = ticketed.text;
    ticketed.say('anything');
    assert.equal(await ticketed.closed(), before);
    assert.ok(ticketed.isClosed, 'what was open goes on');
    assert.ok(!resumed.isClosed, 'who says nothing is not disturbed');
    resumed.close();
    web.say('still here');
    assert.match(await web.heard('still here'), /still here$/);
    commit(granted);
    await eventually(
      async () => {
        const connection = await open(desk);
        const text = await connection.heard('hello\n');
        connection.close();
        return text === 'hello\n';
      },
      10_000,
      () => 'the permission does not come back',
    );
    web.say(', and now');
    assert.match(await web.heard('and now'), /and now$/);
    web.close();
  });

  it('lets its callers come to another application, once that is there', async () => {
    mesh.edit('services/db.yaml', (text) => text.replace('node db.js', 'node db.js welcome'));
    mesh.commit('another greeting');
    await eventually(
      async () => {
        const connection = await open(of('web'));
        const text = await connection.heard('\n');
        connection.close();
        assert.match(text, /^(hello|welcome)\n$/);
        return text === 'welcome\n';
      },
      15_000,
      () => 'the old one still greets',
    );
    mesh.edit('services/db.yaml', (text) => text.replace('node db.js welcome', 'node db.js'));
    mesh.commit('the old greeting');
    await eventually(
      async () => (await firstLine(15_973)) === 'hello\n',
      15_000,
      () => 'the new one still greets',
    );
  });

  it('decides on when the agent is away, and when it is back', async () => {
    process.kill(mesh.pidOf('chancery.js agent'), 'SIGKILL');
    await isGreeted(of('web'));
    await isRefused(of('other'));
    await eventually(
      () => {
        try {
          return mesh.pidOf('chancery.js agent') > 0;
        } catch {
          return false;
        }
      },
      10_000,
      () => 'the agent stays away',
    );
    await isGreeted(of('web'));
    await isRefused(of('other'));
  });
});

/** Until the application has counted who came. */
function counted(): Promise<void> {
  return new Promise((wake) => setTimeout(wake, 200));
}
