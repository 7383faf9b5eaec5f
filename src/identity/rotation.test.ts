import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { memoryKek } from '../../test/support/memory-kek.ts';
import { memoryStore } from '../../test/support/memory-store.ts';
import { systemClock as clock } from '../base/clock.ts';
import { systemRandom as random } from '../base/random.ts';
import type { ServiceName, TrustDomain } from '../model/types.ts';
import { type Authority, openAuthority } from './authority.ts';
import { createCsr } from './csr.ts';
import { verifyJwtSvid } from './jwt-svid.ts';
import { fromPem } from './pem.ts';
import { type HostConfirmation, type StepName, waitingFor } from './rotation.ts';
import { workloadId } from './spiffe-id.ts';
import type { TrustBundle } from './trust.ts';

const kek = memoryKek();
const trustDomain = 'shop.test' as TrustDomain;
const spiffeId = workloadId(trustDomain, 'web' as ServiceName);
const csrDer = createCsr({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  commonName: 'w',
});

interface Held {
  readonly chain: readonly Uint8Array[];
  readonly issuerKeyId: string;
  readonly token: string;
}

function issue(authority: Authority): Held {
  const issued = authority.issue({ spiffeId, csrDer, ttlSeconds: 60, host: 'h', reason: 'first' });
  assert.ok(issued.ok);
  const { token } = authority.issueJwt({ spiffeId, audience: ['a'], ttlSeconds: 60, host: 'h' });
  const { issuerKeyId, chainPem } = issued.value;
  const chain = fromPem('CERTIFICATE', chainPem);
  assert.ok(chain.ok);
  return { chain: chain.value, issuerKeyId, token };
}

/** By OpenSSL, not by our own reader. */
function verifies({ chain, token }: Held, bundle: TrustBundle): boolean {
  const [leaf, intermediate] = chain.map((der) => new X509Certificate(der));
  assert.ok(leaf !== undefined && intermediate !== undefined);
  const chained = bundle.x509Roots
    .map((root) => new X509Certificate(Buffer.from(root, 'base64')))
    .some((root) => intermediate.checkIssued(root) && intermediate.verify(root.publicKey));
  const jwt = verifyJwtSvid({ token, audience: 'a', nowMs: clock.nowMs(), bundles: [bundle] });
  return chained && leaf.checkIssued(intermediate) && leaf.verify(intermediate.publicKey) && jwt.ok;
}

async function step(authority: Authority, name: StepName, what: 'root' | 'intermediate' = 'root') {
  if (name !== 'prepare') return authority.step({ kind: name }, 'test');
  const prepare = authority.prepareStep(what, 'hand');
  assert.ok(prepare.ok);
  return authority.step(prepare.value, 'test');
}

const tokensOver = () => ({ nowMs: clock.nowMs(), oldTokensEndMs: 0 });

const open = (store: ReturnType<typeof memoryStore>): Promise<Authority> =>
  openAuthority({ store, kek, trustDomain, clock, random });

describe('rotation of the CA', () => {
  it('steps come in their order and in no other', async () => {
    const authority = await open(memoryStore());
    const order: StepName[] = ['prepare', 'activate', 'taint', 'revoke'];
    for (const [index, due] of order.entries()) {
      for (const early of order.filter((name) => name !== due)) {
        const result = await step(authority, early);
        assert.ok(!result.ok, `${early} came in place of step ${index}, ${due}`);
      }
      assert.ok((await step(authority, due)).ok);
    }
    assert.equal(authority.state.rotation.kind, 'none');
    assert.equal(authority.state.sequence, 5);
  });

  it('what is prepared can be abandoned, and leaves nothing', async () => {
    const authority = await open(memoryStore());
    const { x509Roots } = authority.news.bundle;
    await step(authority, 'prepare');
    assert.equal(authority.news.bundle.x509Roots.length, 2);
    assert.ok((await step(authority, 'abandon')).ok);
    assert.deepEqual(authority.news.bundle.x509Roots, x509Roots);
  });

  it('a new intermediate below the same root changes no root', async () => {
    const authority = await open(memoryStore());
    const { x509Roots } = authority.news.bundle;
    const before = issue(authority);
    for (const name of ['prepare', 'activate', 'taint', 'revoke'] as const) {
      assert.ok((await step(authority, name, 'intermediate')).ok);
      assert.deepEqual(authority.news.bundle.x509Roots, x509Roots);
    }
    assert.notEqual(issue(authority).issuerKeyId, before.issuerKeyId);
  });

  it('a leaf never outlives its intermediate, nor the intermediate its root', async () => {
    const authority = await open(memoryStore());
    const { intermediate, rootNotAfterMs } = authority.state.active;
    assert.ok(intermediate.notAfterMs <= rootNotAfterMs);
    const issued = authority.issue({
      ...{ spiffeId, csrDer, host: 'h', reason: 'first' },
      ttlSeconds: 10 ** 9,
    });
    assert.ok(issued.ok && issued.value.notAfterMs <= intermediate.notAfterMs);
  });

  it('a control plane that dies after any step finds it again', async () => {
    const store = memoryStore();
    for (const name of ['prepare', 'activate', 'taint', 'revoke'] as const) {
      const before = await open(store);
      assert.ok((await step(before, name)).ok);
      const after = await open(store);
      assert.deepEqual(after.news, before.news);
      assert.equal(after.state.active.id, before.state.active.id);
    }
  });

  it('of two control planes that move at once one is refused and sees what the other did', async () => {
    const store = memoryStore();
    const [first, second] = [await open(store), await open(store)];
    assert.ok((await step(first, 'prepare')).ok);
    const result = await step(second, 'prepare');
    assert.ok(!result.ok && /another control plane/.test(result.error));
    assert.deepEqual(second.news, first.news);
  });

  it('each gate names whom it waits for', async () => {
    const authority = await open(memoryStore());
    const host = (trustSequence: number, issuerKeyId: string): HostConfirmation => ({
      ...{ host: 'h1', seenMs: 0, trustSequence },
      presented: [{ holder: 'web-v1', issuerKeyId }],
    });
    const waiting = (hosts: readonly HostConfirmation[]) =>
      waitingFor(authority.state, hosts, tokensOver());
    const oldId = authority.state.active.id;
    assert.deepEqual(waiting([host(0, oldId)]), []);
    await step(authority, 'prepare');
    assert.deepEqual(waiting([host(1, oldId)]), [{ host: 'h1', what: 'has bundle 1, not 2 yet' }]);
    await step(authority, 'activate');
    await step(authority, 'taint');
    assert.deepEqual(waiting([host(4, oldId)]), [
      { host: 'h1', what: 'web-v1 presents a certificate of the old CA' },
    ]);
    assert.deepEqual(waiting([host(4, authority.state.active.id)]), []);
  });

  it('behind the gates everything presented verifies on every host, in whatever order hosts follow', async () => {
    for (let seed = 1; seed <= 6; seed += 1) await randomRotation(seed);
  });
});

/** Hosts take bundles and renew at random moments; steps come as soon as their gate is open, restarts at any time. */
async function randomRotation(seed: number): Promise<void> {
  let state = seed;
  const below = (limit: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
  const store = memoryStore();
  let authority = await open(store);
  const hosts = Array.from({ length: 3 }, (_, index) => ({
    name: `h${index}`,
    news: authority.news,
    held: issue(authority),
  }));
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  for (let turn = 0; authority.state.sequence < 9; turn += 1) {
    assert.ok(turn < 2_000, 'the rotation does not end');
    const host = pick(hosts);
    switch (below(4)) {
      case 0:
        host.news = authority.news;
        break;
      case 1:
        host.held = issue(authority);
        break;
      case 2:
        authority = await open(store);
        break;
      default: {
        const confirmations = hosts.map(({ name, news, held }) => ({
          ...{ host: name, seenMs: 0, trustSequence: news.bundle.sequence },
          presented: [{ holder: name, issuerKeyId: held.issuerKeyId }],
        }));
        if (waitingFor(authority.state, confirmations, tokensOver()).length > 0) break;
        const { kind } = authority.state.rotation;
        const next = {
          none: 'prepare',
          prepared: 'activate',
          activated: 'taint',
          tainted: 'revoke',
        } as const;
        assert.ok((await step(authority, next[kind])).ok);
      }
    }
    for (const one of hosts) {
      for (const other of hosts)
        assert.ok(verifies(one.held, other.news.bundle), `seed ${seed}, turn ${turn}`);
    }
  }
}
