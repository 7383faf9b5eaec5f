import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, afterEach, before, describe, it } from 'node:test';
import { Federation } from '../../src/app/federation/federation.ts';
import { fetchTimeoutMs } from '../../src/app/federation/fetch-bundle.ts';
import type { SpiffeId } from '../../src/identity/spiffe-id.ts';
import type { TrustDomain, TrustPeer } from '../../src/model/types.ts';
import type { PeerReply } from '../../src/serve/api/wire.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually } from '../support/running-mesh.ts';
import { silentLog, type TestEndpoint, TestTrustDomain } from '../support/trust-domain.ts';
import { FakeClock } from '../xds/fake-clock.ts';

describe('federation, the client (SPIFFE Federation)', () => {
  let shop: TestTrustDomain;
  let partner: TestTrustDomain;
  let other: TestTrustDomain;
  let store: Store;
  let clock: FakeClock;
  const running: Federation[] = [];

  before(async () => {
    shop = await TestTrustDomain.open('shop.test');
    other = await TestTrustDomain.open('other.test');
  });
  after(() => {
    shop.close();
    other.close();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((federation) => federation.stop()));
    partner.close();
    await store.close();
  });

  async function begin(): Promise<void> {
    partner = await TestTrustDomain.open('partner.test');
    store = await openSqliteStore(':memory:');
    clock = new FakeClock();
  }

  async function federate(...peers: readonly TrustPeer[]): Promise<Federation> {
    const own = () => shop.authority.news.bundle;
    const federation = new Federation({ isLeading: () => true, store, clock, log: silentLog, own });
    running.push(federation);
    await federation.apply(mapOf(peers));
    return federation;
  }

  /** Joins the fetch that `apply` or a timer began, or makes one. */
  async function poll(federation: Federation, name: string = partner.name): Promise<PeerReply> {
    const reply = await federation.refresh(name);
    assert.ok(reply !== undefined);
    return reply;
  }

  /** What one fetch of a fresh peer comes to: its code, or `fresh`. */
  async function outcome(peer: TrustPeer): Promise<string> {
    const reply = await poll(await federate(peer), peer.trustDomain);
    return reply.problem === undefined
      ? reply.state
      : `${reply.problem.code} ${reply.problem.message}`;
  }

  function serveBundle(response: ServerResponse): void {
    response.end(partner.document);
  }

  describe('69 and 75 redirects', () => {
    const redirecting = (status: number, to: () => string): Promise<TestEndpoint> =>
      partner.serveAs((_request, response) => {
        response.writeHead(status, { location: to() });
        response.end();
      });

    for (const status of [302, 303, 307]) {
      it(`${status} is followed, and asked for again at the next poll`, async () => {
        await begin();
        const target = await partner.serve();
        const first = await redirecting(status, () => target.url);
        const federation = await federate(partner.peer(first.url));
        assert.equal((await poll(federation)).state, 'fresh');
        assert.equal((await poll(federation)).state, 'fresh');
        assert.equal(first.requests(), 2);
      });
    }

    for (const status of [301, 308]) {
      it(`${status}, for good, is not`, async () => {
        await begin();
        const target = await partner.serveAs((_request, response) => serveBundle(response));
        const first = await redirecting(status, () => target.url);
        assert.match(await outcome(partner.peer(first.url)), /^CH3203 .*for good/);
        assert.equal(target.requests(), 0);
      });
    }

    it('more than three are not', async () => {
      await begin();
      const loop: TestEndpoint = await redirecting(302, () => loop.url);
      assert.match(await outcome(partner.peer(loop.url)), /^CH3203 .*more than 3 times/);
      assert.equal(loop.requests(), 4);
    });

    it('to http, or with a user in the URL, are not', async () => {
      await begin();
      for (const location of ['http://127.0.0.1/', 'https://me@127.0.0.1/', 'file:///etc/passwd']) {
        const first = await redirecting(302, () => location);
        assert.match(await outcome(partner.peer(first.url)), /^CH3203 .*plain https URL/, location);
      }
    });

    it('to an endpoint with another SPIFFE ID are not', async () => {
      await begin();
      const web = partner.pair('spiffe://partner.test/web' as SpiffeId);
      const target = await partner.serveAs((_request, response) => serveBundle(response), web);
      const first = await redirecting(302, () => target.url);
      assert.match(await outcome(partner.peer(first.url)), /^CH3202 .*partner.test\/web/);
      assert.equal(target.requests(), 0);
    });
  });

  describe('73 https_web', () => {
    const web = (endpoint: string, ca?: string): TrustPeer =>
      partner.peer(endpoint, { auth: { profile: 'https_web', ca }, bundle: undefined });
    const named = (name: string): Promise<TestEndpoint> =>
      partner.serveAs(
        (_request, response) => serveBundle(response),
        other.pair('spiffe://other.test/web' as SpiffeId, [name]),
      );

    it('takes a certificate for the name of the URL, of the CA that is given', async () => {
      await begin();
      const { port } = await named('localhost');
      assert.equal(await outcome(web(`https://localhost:${port}/`, other.rootsPem)), 'fresh');
    });

    it('refuses a certificate for another name', async () => {
      await begin();
      const { port, requests } = await named('other.test');
      assert.match(await outcome(web(`https://localhost:${port}/`, other.rootsPem)), /^CH3202/);
      assert.equal(requests(), 0);
    });

    it('refuses a certificate of a CA that is not public, and of another than the given', async () => {
      await begin();
      const { port, requests } = await named('localhost');
      assert.match(await outcome(web(`https://localhost:${port}/`)), /^CH3202/);
      assert.match(await outcome(web(`https://localhost:${port}/`, shop.rootsPem)), /^CH3202/);
      assert.equal(requests(), 0);
    });
  });

  describe('72 and 74 https_spiffe', () => {
    it('takes the SVID of the endpoint ID, whatever the name of the host is', async () => {
      await begin();
      const { url } = await partner.serve();
      const federation = await federate(partner.peer(url));
      const reply = await poll(federation);
      assert.deepEqual([reply.state, reply.source], ['fresh', 'fetched']);
      assert.deepEqual(federation.bundles, [partner.authority.news.bundle]);
    });

    it('refuses another ID of the same trust domain', async () => {
      await begin();
      const { url } = await partner.serve();
      const endpointId = 'spiffe://partner.test/bundle' as SpiffeId;
      const auth = { profile: 'https_spiffe', endpointId } as const;
      assert.match(await outcome(partner.peer(url, { auth })), /^CH3202 .*chancery\/control-plane/);
    });

    it('refuses the right ID when the CA of another trust domain has signed it, also of a peer', async () => {
      await begin();
      const forged = other.pair(partner.id);
      const endpoint = await partner.serveAs((_request, response) => serveBundle(response), forged);
      const { url } = await other.serve();
      const federation = await federate(partner.peer(endpoint.url), other.peer(url));
      assert.equal((await poll(federation, other.name)).state, 'fresh');
      assert.equal((await poll(federation)).problem?.code, 'CH3202');
      assert.equal(endpoint.requests(), 0);
    });

    it('checks with the latest bundle: a rotation of all roots is followed', async () => {
      await begin();
      const endpoint = await partner.serveAs((_request, response) => serveBundle(response));
      const federation = await federate(partner.peer(endpoint.url));
      await poll(federation);
      await partner.rotate();
      // The partner publishes what it has before it presents it.
      await poll(federation);
      endpoint.show(partner.pair());
      assert.equal((await poll(federation)).state, 'fresh');
    });

    it('does not go back to the first bundle when the partner has taken its roots out', async () => {
      await begin();
      const old = partner.pair();
      const endpoint = await partner.serveAs((_request, response) => serveBundle(response));
      const federation = await federate(partner.peer(endpoint.url));
      await partner.rotate();
      await poll(federation);
      endpoint.show(old);
      assert.equal((await poll(federation)).problem?.code, 'CH3202');
    });

    it('checks an endpoint of another trust domain with the bundle of that one', async () => {
      await begin();
      const { url } = await other.serve();
      const endpoint = await other.serveAs((_request, response) => serveBundle(response));
      const auth = { profile: 'https_spiffe', endpointId: other.id } as const;
      const peer = partner.peer(endpoint.url, { auth, bundle: undefined });
      const federation = await federate(peer, other.peer(url));
      await poll(federation, other.name);
      assert.equal((await poll(federation)).state, 'fresh');
      assert.equal(federation.bundles.length, 2);
    });

    it('checks an endpoint that has an SVID of our own with our own bundle', async () => {
      await begin();
      const endpoint = await shop.serveAs((_request, response) => serveBundle(response));
      const auth = { profile: 'https_spiffe', endpointId: shop.id } as const;
      const peer = partner.peer(endpoint.url, { auth, bundle: undefined });
      assert.equal(await outcome(peer), 'fresh');
    });

    it('says what is wrong with a seed that cannot be used', async () => {
      await begin();
      const { url } = await partner.serve();
      const bundle = partner.document.replace('"kty":"EC"', '"kty":"RSA"');
      assert.match(await outcome(partner.peer(url, { bundle })), /^CH3209 /);
    });
  });

  describe('76 polling', () => {
    const hinted = async (hint: number | undefined): Promise<[Federation, TestEndpoint]> => {
      await begin();
      const endpoint = await partner.serveAs((_request, response) => {
        const document = JSON.parse(partner.document) as object;
        response.end(JSON.stringify({ ...document, spiffe_refresh_hint: hint }));
      });
      const federation = await federate(partner.peer(endpoint.url));
      await poll(federation);
      assert.equal(endpoint.requests(), 1);
      return [federation, endpoint];
    };
    const cases = [
      [60, 60_000],
      [undefined, 300_000],
      [0, 10_000],
      [86_400, 3_600_000],
    ] as const;
    for (const [hint, intervalMs] of cases) {
      it(`a hint of ${hint} s is a poll each ${intervalMs / 1_000} s`, async () => {
        const [, endpoint] = await hinted(hint);
        clock.advance(intervalMs - 1);
        assert.equal(clock.timerCount, 1);
        clock.advance(1);
        await eventually(
          () => endpoint.requests() === 2,
          2_000,
          () => `${endpoint.requests()} requests`,
        );
      });
    }

    it('a failure waits for the next interval, and the bundle before goes on', async () => {
      const [federation, endpoint] = await hinted(60);
      const { bundles } = federation;
      endpoint.close();
      const reply = await poll(federation);
      assert.equal(reply.problem?.code, 'CH3201');
      assert.equal(reply.nextMs, clock.nowMs() + 60_000);
      assert.equal(federation.bundles, bundles);
    });

    it('a peer that hangs is given up after its time, and holds up no other', async () => {
      await begin();
      const endpoint = await partner.serveAs(() => {});
      const { url } = await other.serve();
      const federation = await federate(partner.peer(endpoint.url), other.peer(url));
      const hanging = poll(federation);
      assert.equal((await poll(federation, other.name)).state, 'fresh');
      await eventually(
        () => endpoint.requests() === 1,
        2_000,
        () => 'no request',
      );
      clock.advance(fetchTimeoutMs);
      assert.match((await hanging).problem?.message ?? '', /too slow/);
    });

    it('an answer that never ends is cut off', async () => {
      await begin();
      const endpoint = await partner.serveAs((_request, response) => {
        const more = (): void => {
          while (response.write(' '.repeat(65_536)));
          response.once('drain', more);
        };
        more();
      });
      assert.match(await outcome(partner.peer(endpoint.url)), /^CH3203 .*more than 1048576 bytes/);
    });

    it('another status, or something other than a bundle, is not taken', async () => {
      await begin();
      const missing = await partner.serveAs((_request, response) => {
        response.writeHead(404);
        response.end(partner.document);
      });
      assert.match(await outcome(partner.peer(missing.url)), /^CH3203 .*404/);
      const page = await partner.serveAs((_request, response) => response.end('<html>'));
      assert.match(await outcome(partner.peer(page.url)), /^CH3204 /);
    });
  });
});

function mapOf(peers: readonly TrustPeer[]): ReadonlyMap<TrustDomain, TrustPeer> {
  return new Map(peers.map((peer) => [peer.trustDomain, peer]));
}
