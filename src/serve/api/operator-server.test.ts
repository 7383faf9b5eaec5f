import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { Agent, request } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { authenticator } from '../../app/operators/authenticate.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom as random } from '../../base/random.ts';
import { type Ca, createRoot, createRootKey, issueSvid, spkiOf } from '../../identity/ca.ts';
import { toPem } from '../../identity/pem.ts';
import { controlPlaneId, hostId, type SpiffeId, workloadId } from '../../identity/spiffe-id.ts';
import type { HostName, OperatorRole, ServiceName, TrustDomain } from '../../model/types.ts';
import { openSqliteStore } from '../../store/sqlite.ts';
import { callApi } from './client.ts';
import { createOperatorServer } from './operator-server.ts';
import { type ApiPeer, readBytes } from './server.ts';

const td = 'ops.test' as TrustDomain;
const nowMs = Date.now();
const bot = workloadId(td, 'bot' as ServiceName);

const ca = (): Ca =>
  createRoot({
    ...{ trustDomain: td, nowMs, random },
    ...{ privateKey: createRootKey(), lifetimeSeconds: 3_600 },
  });

function identity(issuer: Ca, spiffeId: SpiffeId, ttlSeconds = 600) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKeySpki = spkiOf(privateKey);
  const svid = issueSvid({ ca: issuer, spiffeId, publicKeySpki, ttlSeconds, nowMs, random });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { cert: svid.chainPem, key };
}

describe('the operators API by certificate', () => {
  const own = ca();
  const rootPem = toPem('CERTIFICATE', own.certificateDer);
  const operators = new Map<SpiffeId, OperatorRole>([[bot, 'operator']]);
  const store = openSqliteStore(':memory:');
  const server = createOperatorServer({
    handler: async ({ peer }) => ({ kind: 'json', body: peer }),
    authenticate: authenticator({ store, clock: systemClock, operators: () => operators }),
    raw: new Map([
      [
        '/v1/git/webhook',
        (raw, response) => {
          void readBytes(raw, 1024).then((bytes) => response.end(`raw ${bytes?.length}`));
        },
      ],
    ]),
  });
  let port = 0;
  before(async () => {
    const shown = identity(own, controlPlaneId(td));
    port = await server.listen('127.0.0.1', 0, { ...shown, ca: rootPem });
  });
  after(async () => {
    server.close();
    await store.close();
  });

  const peerOf = async (
    shown?: { readonly cert: string; readonly key: string },
    token?: string,
  ): Promise<ApiPeer> => {
    const agent = new Agent({ ca: rootPem, checkServerIdentity: () => undefined, ...shown });
    const target = { host: '127.0.0.1', port, agent, ...(token === undefined ? {} : { token }) };
    return (await callApi(target, { method: 'GET', path: '/' })) as ApiPeer;
  };
  const reasonOf = async (shown?: { readonly cert: string; readonly key: string }) => {
    const peer = await peerOf(shown);
    assert.ok(peer.kind === 'anonymous');
    return peer.reason;
  };

  it('who is listed has its role, under its SPIFFE ID', async () => {
    const peer = await peerOf(identity(own, bot));
    assert.deepEqual(peer, { kind: 'caller', name: bot, role: 'operator', address: '127.0.0.1' });
  });

  it('a service that is not listed, a host and the control plane itself are nobody', async () => {
    const others = [
      workloadId(td, 'web' as ServiceName),
      hostId(td, 'h1' as HostName),
      controlPlaneId(td),
    ];
    for (const id of others) {
      assert.match(await reasonOf(identity(own, id)), /is not in `operators`/);
    }
  });

  it('the listed name from another CA, or after its end, is nobody', async () => {
    assert.match(await reasonOf(identity(ca(), bot)), /does not hold/);
    assert.match(await reasonOf(identity(own, bot, -5)), /does not hold/);
  });

  it('who shows nothing is nobody', async () => {
    assert.match(await reasonOf(), /no token came, and no certificate/);
  });

  it('a wrong token is not made good by a certificate', async () => {
    const peer = await peerOf(identity(own, bot), `chancery-api.bot.${'A'.repeat(43)}`);
    assert.equal(peer.kind, 'anonymous');
  });

  it('a call that authenticates itself gets its bytes as they came, and nobody is asked for', async () => {
    const post = (path: string): Promise<string> =>
      new Promise((done, reject) => {
        const agent = new Agent({ ca: rootPem, checkServerIdentity: () => undefined });
        const call = request({ host: '127.0.0.1', port, agent, path, method: 'POST' }, (answer) => {
          let text = '';
          answer.on('data', (chunk: Buffer) => {
            text += chunk.toString('utf8');
          });
          answer.once('end', () => done(text));
        });
        call.once('error', reject);
        call.end('no json');
      });
    assert.equal(await post('/v1/git/webhook'), 'raw 7');
    assert.match(await post('/v1/git/webhook/'), /CH5401/);
  });

  it('a store that is away lets nobody in', async () => {
    const away = createOperatorServer({
      handler: async ({ peer }) => ({ kind: 'json', body: peer }),
      authenticate: async () => {
        throw new Error('the store is away');
      },
    });
    const shown = identity(own, controlPlaneId(td));
    const awayPort = await away.listen('127.0.0.1', 0, { ...shown, ca: rootPem });
    const agent = new Agent({ ca: rootPem, checkServerIdentity: () => undefined });
    const target = { host: '127.0.0.1', port: awayPort, agent };
    const peer = (await callApi(target, { method: 'GET', path: '/' })) as ApiPeer;
    away.close();
    assert.ok(peer.kind === 'anonymous');
    assert.match(peer.reason, /the store is away/);
  });
});
