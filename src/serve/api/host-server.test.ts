import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { Agent } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { systemRandom as random } from '../../base/random.ts';
import {
  type Ca,
  createIntermediate,
  createRoot,
  createRootKey,
  issueSvid,
  spkiOf,
} from '../../identity/ca.ts';
import { hostKey } from '../../identity/hosts/host-record.ts';
import { toPem } from '../../identity/pem.ts';
import { hostId, type SpiffeId, workloadId } from '../../identity/spiffe-id.ts';
import type { HostName, ServiceName, TrustDomain } from '../../model/types.ts';
import { callApi, followApi } from './client.ts';
import { createHostApiServer } from './host-server.ts';
import type { ApiPeer } from './server.ts';

const td = 'hosts.test' as TrustDomain;
const host = 'web-1' as HostName;
const nowMs = Date.now();

interface Authority {
  readonly root: Ca;
  readonly ca: Ca;
}

function authority(trustDomain = td): Authority {
  const parts = { trustDomain, nowMs, random };
  const root = createRoot({ ...parts, privateKey: createRootKey(), lifetimeSeconds: 3_600 });
  const below = { ...parts, issuer: root, privateKey: createRootKey(), lifetimeSeconds: 3_600 };
  return { root, ca: createIntermediate(below) };
}

function identity({ ca }: Authority, spiffeId: SpiffeId, ttlSeconds = 600) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKeySpki = spkiOf(privateKey);
  const svid = issueSvid({ ca, spiffeId, publicKeySpki, ttlSeconds, nowMs, random });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { cert: svid.chainPem, key, hash: hostKey(publicKeySpki) };
}

const rootPem = ({ root }: Authority): string => toPem('CERTIFICATE', root.certificateDer);

function opened(send: (line: object) => boolean, peer: ApiPeer): () => void {
  send({ peer });
  return () => {};
}

describe('the API for hosts', () => {
  const own = authority();
  const server = createHostApiServer({
    trustDomain: td,
    handler: async ({ peer, path }) =>
      path === '/lines'
        ? { kind: 'stream', open: (send) => opened(send, peer) }
        : { kind: 'json', body: peer },
  });
  let port = 0;
  before(async () => {
    const { cert, key } = identity(own, `spiffe://${td}/chancery/control-plane` as SpiffeId);
    port = await server.listen('127.0.0.1', 0, { cert, key, ca: rootPem(own) });
  });
  after(() => server.close());

  const target = (shown?: { readonly cert: string; readonly key: string }) => ({
    host: '127.0.0.1',
    port,
    agent: new Agent({ ca: rootPem(own), checkServerIdentity: () => undefined, ...shown }),
  });
  const peerOf = async (shown?: { readonly cert: string; readonly key: string }) =>
    (await callApi(target(shown), { method: 'GET', path: '/' })) as ApiPeer;
  const reasonOf = async (shown?: { readonly cert: string; readonly key: string }) => {
    const peer = await peerOf(shown);
    assert.ok(peer.kind === 'anonymous');
    return peer.reason;
  };

  it('a host is who its certificate says, with the key that it has', async () => {
    const shown = identity(own, hostId(td, host));
    const peer = await peerOf(shown);
    assert.ok(peer.kind === 'host');
    assert.deepEqual([peer.host, peer.key], [host, shown.hash]);
  });

  it('who shows nothing may speak, as nobody', async () => {
    assert.match(await reasonOf(), /no certificate/);
  });

  it('a certificate of a workload is no host, nor is one of the control plane', async () => {
    assert.match(await reasonOf(identity(own, workloadId(td, 'web' as ServiceName))), /no host of/);
    const id = `spiffe://${td}/chancery/control-plane` as SpiffeId;
    assert.match(await reasonOf(identity(own, id)), /no host of/);
  });

  it('a certificate of another CA is nobody, whatever name it holds', async () => {
    assert.match(await reasonOf(identity(authority(), hostId(td, host))), /does not hold/);
  });

  it('a host of another trust domain is nobody, also when our CA signed it', async () => {
    const foreign = hostId('other.test' as TrustDomain, host);
    assert.match(await reasonOf(identity(own, foreign)), /no host of hosts.test/);
  });

  it('a certificate that has ended is nobody', async () => {
    assert.match(await reasonOf(identity(own, hostId(td, host), -5)), /does not hold/);
  });

  it('a cut ends all connections of that host, and of no other', async () => {
    const follow = (name: HostName): { lines: unknown[]; ended: Promise<unknown> } => {
      const lines: unknown[] = [];
      const { signal } = new AbortController();
      const shown = identity(own, hostId(td, name));
      const ended = followApi(target(shown), '/lines', (line) => lines.push(line), signal).catch(
        (error: unknown) => error,
      );
      return { lines, ended };
    };
    const [web, db] = [follow(host), follow('db-1' as HostName)];
    while (web.lines.length === 0 || db.lines.length === 0) {
      await new Promise((wake) => setTimeout(wake, 5));
    }
    server.cut(host);
    await web.ended;
    const isOpen = await Promise.race([db.ended.then(() => false), Promise.resolve(true)]);
    assert.ok(isOpen);
    server.cut('db-1' as HostName);
    await db.ended;
  });
});
