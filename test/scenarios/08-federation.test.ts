import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';

import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { defaultKek } from '../../src/app/layout.ts';
import { WireClient } from '../../src/app/verify/wire-client.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openAuthority } from '../../src/identity/authority.ts';
import { signJwt } from '../../src/identity/jws.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import type { CaReply, PeerReply } from '../../src/serve/api/wire.ts';
import { openKek } from '../../src/store/kek/open.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { intentFolder } from '../support/intents.ts';
import { type Certificate, capturedSigner } from '../support/peer.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';
import { WorkloadApi } from '../support/workload-api.ts';

const run = promisify(execFile);
const settleMs = 20_000;
const web =
  "require('node:http').createServer((q, s) => s.end('ok')).listen(process.env.PORT, '127.0.0.1');\n";

/** A mesh whose one service this test's own user is. */
function files(name: string, port: number): Record<string, string> {
  return {
    'mesh.yaml': `mesh: ${name}\ntrust_domain: ${name}.test\n`,
    'services/web.yaml':
      `service: web\nowner: test\nprotocol: http\nport: ${port}\nhealth: GET /\nrun: node web.js\n` +
      `identity: { unix: { uid: "${process.getuid?.()}" } }\n`,
    'web.js': web,
  };
}

/** The other one may only be heard: it is known, and not let in. */
function guestRules(more: string): string {
  return (
    `allow:\n  - { id: partner, from: spiffe://west.test/web, ${more} }\n` +
    '  - { id: others, from: spiffe://west.test/**, mode: audit }\n'
  );
}

const database =
  'service: db\nowner: test\nprotocol: tcp\nport: 15955\nhealth: connect\nrun: node db.js\n' +
  'identity: { unix: { uid: "65534" } }\n';
const databaseApp =
  "require('node:net').createServer((s) => { s.on('error', () => {}); s.once('data', () => s.end('db')); }).listen(process.env.PORT, '127.0.0.1');\n";

/** What is answered to a byte, until the connection ends. */
function bytesFrom(port: number, who: Certificate): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = tls.connect({
      ...{ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['chancery-tcp'] },
      ...who,
    });
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.once('secureConnect', () => socket.write('?'));
    socket.once('close', () => resolve(text));
  });
}

interface Side {
  readonly mesh: RunningMesh;
  readonly api: WorkloadApi;
  readonly remove: () => void;
}

async function start(name: string, port: number, federationPort: number): Promise<Side> {
  const [dir, remove] = intentFolder(files(name, port));
  const mesh = new RunningMesh(dir);
  await mesh.up('--federation-port', String(federationPort));
  return { mesh, api: new WorkloadApi(mesh.layout.workloadSocket), remove };
}

async function chancery(...words: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['bin/chancery.js', ...words], {
    timeout: 60_000,
  });
  return stdout;
}

/** The exit code and output of a command that may find something wrong. */
async function exitOf(...words: readonly string[]): Promise<[number, string]> {
  try {
    return [0, await chancery(...words)];
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return [code, stdout];
  }
}

describe('two meshes that federate with https_spiffe', () => {
  let east: Side;
  let west: Side;
  let eastSees: ReadonlyMap<string, Uint8Array> = new Map();
  let unwatch = (): void => {};

  before(async () => {
    east = await start('east', 15_951, 15_953);
    west = await start('west', 15_952, 15_954);
  });
  after(async () => {
    unwatch();
    for (const { mesh, api, remove } of [east, west]) {
      await api.close();
      await mesh.remove();
      remove();
    }
  });

  const peers = async ({ mesh }: Side): Promise<readonly PeerReply[]> => {
    const [, text] = await exitOf('federation', 'list', mesh.dir, '--json');
    return JSON.parse(text) as readonly PeerReply[];
  };
  const isFresh = async (side: Side): Promise<boolean> => (await peers(side))[0]?.state === 'fresh';
  const rootsInEast = (): number => certificatesIn(eastSees.get('spiffe://west.test'));

  it('`federation show` prints what the partner commits, and both become fresh', async () => {
    for (const [from, to] of [
      [east, west],
      [west, east],
    ] as const) {
      const shown = await chancery(
        'federation',
        'show',
        from.mesh.dir,
        '--host',
        '127.0.0.1',
        '--json',
      );
      const { peers: yaml } = JSON.parse(shown) as { peers: string };
      to.mesh.edit('mesh.yaml', (text) => `${text}${yaml}\n`);
      to.mesh.commit('federate');
    }
    for (const side of [east, west]) {
      await eventually(
        () => isFresh(side),
        settleMs,
        () => side.mesh.output.join(''),
      );
      assert.equal((await peers(side))[0]?.source, 'fetched');
      assert.equal((await exitOf('federation', 'list', side.mesh.dir))[0], 0);
    }
  });

  it('the Workload API and SDS have both trust domains, each with its own roots', async () => {
    unwatch = east.api.watchBundles((bundles) => {
      eastSees = bundles;
    });
    await eventually(
      () => eastSees.size === 2,
      settleMs,
      () => [...eastSees.keys()].join(),
    );
    assert.deepEqual([...eastSees.keys()].sort(), ['spiffe://east.test', 'spiffe://west.test']);
    assert.equal(rootsInEast(), 1);
    assert.deepEqual(await east.api.believed('ALL'), ['east.test', 'west.test']);
    assert.deepEqual(await west.api.believed('spiffe://east.test'), ['east.test']);
    assert.deepEqual(await east.api.believed('ROOTCA'), ['east.test']);
  });

  it('a token of one validates in the other; a forged one does not', async () => {
    const token = await west.api.jwt('east-api');
    assert.equal(await east.api.validate(token, 'east-api'), 'spiffe://west.test/web');
    await assert.rejects(east.api.validate(token, 'another'), /not for the audience/);
    // East's own CA, with its real key, says that somebody is of the west.
    const forged = await signedBy(east.mesh, 'spiffe://west.test/web');
    await assert.rejects(east.api.validate(forged, 'east-api'), /"west.test" has no key/);
    const honest = await signedBy(east.mesh, 'spiffe://east.test/web');
    assert.equal(await east.api.validate(honest, 'east-api'), 'spiffe://east.test/web');
  });

  it('a service of one may do at the other what a rule says, over HTTP and over TCP', async () => {
    const { mesh } = east;
    const west = await signers();
    const http = (who: Certificate): WireClient =>
      new WireClient(() => mesh.ports('web-v1').ingressPort, who);
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: web\r\n\r\n`;
    // No rule names a guest, and then nobody of the west is believed here.
    await assert.rejects(http(west.web).send(get('/a')));
    mesh.edit('services/web.yaml', (text) => `${text}${guestRules('to: GET /a')}`);
    mesh.add('services/db.yaml', `${database}${guestRules('mode: enforce')}`);
    mesh.add('db.js', databaseApp);
    mesh.commit('guests');
    await mesh.live();
    const [good, other] = [http(west.web), http(west.other)];
    assert.equal((await good.send(get('/a'))).status, 200);
    const elsewhere = await good.send(get('/b'));
    assert.equal(elsewhere.headers.get('x-chancery-code'), 'CH2101');
    const denied = await other.send(get('/a'));
    assert.equal(denied.status, 403);
    // East's own CA says that somebody is of the west: each trust domain is believed by its own bundle.
    await assert.rejects(http(west.forged).send(get('/a')));
    const port = mesh.ports('db-v1').ingressPort;
    await eventually(
      async () => (await bytesFrom(port, west.web)) === 'db',
      settleMs,
      () => 'the database does not answer',
    );
    assert.equal(await bytesFrom(port, west.other), '');
    assert.equal(await bytesFrom(port, west.forged), '');
    // The first name chooses the bundle, and the west may sign whatever it likes beside it.
    assert.equal(await bytesFrom(port, west.both), '');
    good.close();
    other.close();
    mesh.edit('services/web.yaml', (text) => text.replace(guestRules('to: GET /a'), ''));
    mesh.edit('services/db.yaml', (text) => text.replace(guestRules('mode: enforce'), ''));
    mesh.commit('no guests');
    await mesh.live();
    await assert.rejects(http(west.web).send(get('/a')));
  });

  async function signers() {
    const ofWest = await capturedSigner(west.mesh.layout, 'west.test' as TrustDomain);
    const ofEast = await capturedSigner(east.mesh.layout, 'east.test' as TrustDomain);
    return {
      web: ofWest(['spiffe://west.test/web']),
      other: ofWest(['spiffe://west.test/other']),
      both: ofWest(['spiffe://west.test/other', 'spiffe://west.test/web']),
      forged: ofEast(['spiffe://west.test/web']),
    };
  }

  it('a rotation of the CA of one reaches the other before anything is signed with it', async () => {
    const ca = (...flags: readonly string[]): Promise<string> =>
      chancery('ca', 'rotate', west.mesh.dir, ...flags);
    const refresh = (): Promise<string> =>
      chancery('federation', 'refresh', 'west.test', east.mesh.dir);
    await ca('--step', 'prepare');
    await refresh();
    await eventually(
      () => rootsInEast() === 2,
      settleMs,
      () => `${rootsInEast()} roots`,
    );
    await gateIsOpen(/partners have until/);
    await assert.rejects(ca('--step', 'activate'), /partners have until .* to read the new bundle/);
    // East has read it, which nobody but this test knows.
    await ca('--step', 'activate', '--force');
    assert.match(await refresh(), /is fresh/);
    const token = await west.api.jwt('after');
    assert.equal(await east.api.validate(token, 'after'), 'spiffe://west.test/web');
    await gateIsOpen();
    await ca('--step', 'taint');
    await ca('--step', 'revoke', '--force');
    assert.match(await refresh(), /is fresh/);
    await eventually(
      () => rootsInEast() === 1,
      settleMs,
      () => `${rootsInEast()} roots`,
    );
    assert.equal(await east.api.validate(token, 'after'), 'spiffe://west.test/web');
  });

  it('a control plane that restarts while the partner is away still believes it, and says that it fails', async () => {
    const token = await west.api.jwt('away');
    process.kill(west.mesh.pidOf('chancery.js server'), 'SIGSTOP');
    try {
      process.kill(east.mesh.pidOf('chancery.js server'), 'SIGKILL');
      await eventually(
        () =>
          peers(east)
            .then((all) => all.length === 1)
            .catch(() => false),
        settleMs,
        () => 'the control plane stays away',
      );
      assert.equal(await east.api.validate(token, 'away'), 'spiffe://west.test/web');
      await eventually(
        async () => (await peers(east))[0]?.state === 'failing',
        settleMs,
        () => 'it does not fail',
      );
      const [code, text] = await exitOf('federation', 'list', east.mesh.dir);
      assert.equal(code, 2);
      assert.match(text, /west.test failing for .*CH3201/);
      assert.equal(rootsInEast(), 1);
    } finally {
      process.kill(west.mesh.pidOf('chancery.js server'), 'SIGCONT');
    }
    assert.match(await chancery('federation', 'refresh', 'west.test', east.mesh.dir), /is fresh/);
  });

  it('a peer that is taken out of Git is believed no longer', async () => {
    const token = await west.api.jwt('gone');
    assert.equal(await east.api.validate(token, 'gone'), 'spiffe://west.test/web');
    east.mesh.edit('mesh.yaml', (text) => text.slice(0, text.indexOf('peers:')));
    east.mesh.commit('east stands alone');
    await eventually(
      () => eastSees.size === 1,
      settleMs,
      () => [...eastSees.keys()].join(),
    );
    await assert.rejects(east.api.validate(token, 'gone'), /no bundle of the trust domain/);
    assert.deepEqual(await east.api.believed('ALL'), ['east.test']);
    const call = exitOf('federation', 'refresh', 'west.test', east.mesh.dir);
    assert.equal((await call)[0], 1);
  });

  /** Until nothing is waited for but what is named. */
  async function gateIsOpen(but = /^$/): Promise<void> {
    let waiting: readonly string[] = [];
    await eventually(
      async () => {
        const { stdout } = await run(process.execPath, [
          ...['bin/chancery.js', 'ca', 'status', west.mesh.dir, '--json'],
        ]);
        waiting = (JSON.parse(stdout) as CaReply).waitingFor.map(({ what }) => what);
        return waiting.every((what) => but.test(what));
      },
      settleMs,
      () => waiting.join(),
    );
  }
});

/** A token as the mesh's own CA would sign it, for whomever. */
async function signedBy({ layout }: RunningMesh, sub: string): Promise<string> {
  const store = openSqliteStore(layout.database);
  const trustDomain = 'east.test' as TrustDomain;
  const kek = await openKek(defaultKek(layout), { random: systemRandom, env: {} });
  const parts = { store, kek, trustDomain, clock: systemClock, random: systemRandom };
  const { state } = await openAuthority(parts);
  await store.close();
  const exp = Math.floor(systemClock.nowMs() / 1_000) + 60;
  return signJwt(state.active.jwt, { sub, aud: 'east-api', exp });
}

/** DER certificates one behind the other: each a SEQUENCE with a length of two bytes. */
function certificatesIn(der: Uint8Array = new Uint8Array()): number {
  const bytes = Buffer.from(der);
  let count = 0;
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt16BE(at + 2)) count += 1;
  return count;
}
