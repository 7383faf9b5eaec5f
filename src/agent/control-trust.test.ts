import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { systemRandom as random } from '../base/random.ts';
import { type Ca, createRoot, createRootKey, issueSvid, spkiOf } from '../identity/ca.ts';
import { toPem } from '../identity/pem.ts';
import { type RootLink, signRootLink } from '../identity/root-link.ts';
import { controlPlaneId, type SpiffeId, workloadId } from '../identity/spiffe-id.ts';
import { rootSha256 } from '../identity/trust.ts';
import type { ServiceName, TrustDomain } from '../model/types.ts';
import { callApi } from '../serve/api/client.ts';
import { createHostApiServer } from '../serve/api/host-server.ts';
import { type BundleReply, paths } from '../serve/api/wire.ts';
import { controlTarget, fetchTrust, followRootLinks } from './control-trust.ts';
import type { ControlPoint } from './host-file.ts';

const trustDomain = 'hosts.test' as TrustDomain;
const nowMs = Date.now();
const hourMs = 3_600_000;

interface Root {
  readonly ca: Ca;
  readonly key: KeyObject;
  readonly base64: string;
}

function root(fromMs: number, lifeMs: number): Root {
  const key = createRootKey();
  const lifetimeSeconds = lifeMs / 1_000;
  const ca = createRoot({ trustDomain, privateKey: key, nowMs: fromMs, lifetimeSeconds, random });
  return { ca, key, base64: Buffer.from(ca.certificateDer).toString('base64') };
}

function link(from: Root, to: Root): RootLink {
  const [fromDer, toDer] = [from.ca.certificateDer, to.ca.certificateDer];
  return signRootLink({ trustDomain, fromDer, fromKey: from.key, toDer, nowMs });
}

const ended = root(nowMs - 3 * hourMs, 2 * hourMs);
const today = root(nowMs - hourMs, 24 * hourMs);
const stranger = root(nowMs - hourMs, 24 * hourMs);

describe('what a host checks its control plane with', () => {
  let links: readonly RootLink[] = [];
  const server = createHostApiServer({
    trustDomain,
    handler: async ({ path }) => {
      const bundle: BundleReply = {
        ...{ trustDomain, x509Roots: [today.base64, stranger.base64], rootLinks: links },
      };
      return { kind: 'json', body: path === paths.bundle ? bundle : {} };
    },
  });
  let port = 0;
  before(async () => {
    port = await server.listen('127.0.0.1', 0, material(controlPlaneId(trustDomain)));
  });
  after(() => server.close());

  function material(spiffeId: SpiffeId) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const publicKeySpki = spkiOf(privateKey);
    const svid = issueSvid({
      ...{ ca: today.ca, spiffeId, publicKeySpki, ttlSeconds: 600, nowMs, random },
    });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { cert: svid.chainPem, key, ca: toPem('CERTIFICATE', today.ca.certificateDer) };
  }

  const address = (...roots: readonly Root[]): ControlPoint => ({
    ...{ host: '127.0.0.1', port, proof: { kind: 'join_token', tokenFile: '' } },
    rootSha256: roots.map(({ base64 }) => rootSha256(base64)),
  });
  const known = (one: Root) => ({ trustDomain, x509Roots: [one.base64] });

  it('at first: of the roots that it shows, those that the operator named', async () => {
    assert.deepEqual(await fetchTrust(address(today)), known(today));
    await assert.rejects(fetchTrust(address(ended)), /CH3114/);
    await assert.rejects(fetchTrust(address()), /CH3114/);
  });

  it('when all that it knew has ended: the root that the last one names', async () => {
    links = [link(ended, today)];
    const followed = await followRootLinks(address(), known(ended), nowMs);
    assert.deepEqual(followed.ok && followed.value, known(today));
    const target = controlTarget(address(), known(today));
    assert.deepEqual(await callApi(target, { method: 'GET', path: '/' }), {});
  });

  it('no root that nobody it knew has named, and none while it knows one that is good', async () => {
    links = [link(stranger, today)];
    assert.ok(!(await followRootLinks(address(), known(ended), nowMs)).ok);
    links = [link(stranger, today)];
    assert.ok(!(await followRootLinks(address(), known(stranger), nowMs)).ok);
  });

  it('whoever chains to a known root but is not the control plane is not spoken to', async () => {
    server.setTls(material(workloadId(trustDomain, 'web' as ServiceName)));
    const target = controlTarget(address(), known(today));
    await assert.rejects(callApi(target, { method: 'GET', path: '/' }), /not the control plane/);
    server.setTls(material(controlPlaneId(trustDomain)));
  });

  it('whoever chains to another root is not spoken to', async () => {
    const target = controlTarget(address(), known(stranger));
    await assert.rejects(callApi(target, { method: 'GET', path: '/' }), /CH5402/);
  });
});
