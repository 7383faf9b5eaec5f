import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as spiffe from '../../src/gen/spiffe/workload_pb.js';
import { readCertificate } from '../../src/identity/certificate-read.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import { grpcStatus } from '../../src/serve/grpc/status.ts';
import { eventually } from '../support/running-mesh.ts';
import {
  Call,
  entry,
  foreignBundle,
  jwtRequest,
  keysOf,
  me,
  methods,
  names,
  testAuthority,
  token,
  trustDomain,
  WorkloadHost,
} from '../support/workload-host.ts';
import { elements } from './der-elements.ts';

const elsewhere = { kind: 'unix:uid', value: '4242' };

async function outcomes(host: WorkloadHost, wait = async (): Promise<void> => {}) {
  const calls = names.map((name) => host.call(name, methods[name]));
  const all = Promise.all(calls.map((call) => call.refused()));
  await wait();
  return all;
}

/** Lets what was sent arrive, then moves the clock past the time that an agent has to start. */
async function startingTime(host: WorkloadHost, callers: number): Promise<void> {
  await eventually(
    () => host.identities.watchers >= callers,
    5_000,
    () => `${host.identities.watchers} of ${callers} callers have come`,
  );
  host.clock.advance(10_000);
}

describe('the Workload API', { timeout: 30_000 }, () => {
  it('50 is gRPC over a unix socket, without TLS and without credentials of the client', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    assert.ok(statSync(host.path).isSocket());
    assert.deepEqual(await host.x509().services(), ['web']);
  });

  it('51 every call needs the header workload.spiffe.io: true', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    for (const headers of [{}, { 'workload.spiffe.io': 'True' }, { 'workload.spiffe.io': '' }]) {
      for (const name of names) {
        const call = host.call(name, methods[name], headers as never);
        const { code, message } = await call.refused();
        assert.equal(code, grpcStatus.invalidArgument, name);
        assert.match(message, /^security header missing from request/);
      }
    }
  });

  it('52 an agent that starts is Unavailable, and says nothing before it has had its time', async () => {
    await using host = await WorkloadHost.open();
    for (const { code, message } of await outcomes(host, () => startingTime(host, names.length))) {
      assert.equal(code, grpcStatus.unavailable, message);
      assert.match(message, /heard nothing of the control plane yet/);
    }
  });

  it('52 callers that came while the agent started are answered as soon as it can', async () => {
    await using host = await WorkloadHost.open();
    const watch = host.x509();
    const jwt = host.call('FetchJWTSVID', jwtRequest());
    host.trust();
    host.identities.setEntries([entry('web', me)]);
    assert.deepEqual(await watch.services(), ['web']);
    assert.equal((await jwt.next(spiffe.JWTSVIDResponseSchema)).svids.length, 1);
  });

  it('52 without a control plane the first SVID is Unavailable, with tokens as well', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    host.away = 'the control plane does not answer';
    const all = await outcomes(host, () => startingTime(host, names.length - 1));
    for (const { code, message } of all) assert.equal(code, grpcStatus.unavailable, message);
  });

  it('52 a CA that has ended is Unavailable', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    host.clock.advance(91 * 24 * 3_600_000);
    const watch = host.x509();
    await startingTime(host, 1);
    assert.equal((await watch.call.refused()).code, grpcStatus.unavailable);
    assert.match(JSON.stringify(host.said), /the CA cannot sign: it has ended/);
  });

  it('52 what cannot get better by itself is InvalidArgument: bytes that are no message', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    for (const name of ['FetchJWTSVID', 'ValidateJWTSVID']) {
      const { code } = await host.call(name, Buffer.from('0aff', 'hex')).refused();
      assert.equal(code, grpcStatus.invalidArgument);
    }
  });

  it('53 a caller without identity is PermissionDenied and hears what it lacks', async () => {
    await using host = await WorkloadHost.started(entry('web', elsewhere));
    for (const { code, message } of await outcomes(host)) {
      assert.equal(code, grpcStatus.permissionDenied, message);
      assert.match(message, /closest is web, which wants unix:uid 4242; the process is \d+/);
      assert.match(message, /chancery identity explain --pid \d+/);
    }
  });

  it('54 the service has no package', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const path = '/spiffe.workload.SpiffeWorkloadAPI/FetchX509SVID';
    const call = new Call(host.connect(), path, new Uint8Array());
    assert.equal((await call.refused()).code, grpcStatus.unimplemented);
  });

  it('55 the first message comes at once, and each one is the whole state', async () => {
    await using host = await WorkloadHost.started(entry('web', me), entry('api', me));
    const watch = host.x509();
    assert.deepEqual(await watch.services(), ['api', 'web']);
    host.federated = [foreignBundle('far.test', host.authority)];
    host.trust();
    const second = await watch.next();
    assert.equal(second.svids.length, 2);
    assert.deepEqual(Object.keys(second.federatedBundles), ['spiffe://far.test']);
  });

  it('56 an X509-SVID comes whole: chain, PKCS#8 key that fits, bundle that verifies', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    host.federated = [foreignBundle('far.test', host.authority)];
    host.trust();
    const { svids, federatedBundles, crl } = await host.x509().next();
    const [svid] = svids;
    assert.ok(svid !== undefined);
    assert.equal(svid.spiffeId, 'spiffe://shop.test/web');
    const [leaf, intermediate, ...more] = elements(svid.x509Svid);
    assert.ok(leaf !== undefined && intermediate !== undefined && more.length === 0);
    const parsed = readCertificate(leaf);
    assert.ok(parsed.ok);
    const key = createPrivateKey({
      key: Buffer.from(svid.x509SvidKey),
      format: 'der',
      type: 'pkcs8',
    });
    assert.ok(new X509Certificate(leaf).checkPrivateKey(key));
    const [root, ...others] = elements(svid.bundle).map((der) => new X509Certificate(der));
    assert.ok(root !== undefined && others.length === 0);
    const signer = new X509Certificate(intermediate);
    assert.ok(new X509Certificate(leaf).verify(signer.publicKey));
    assert.ok(signer.verify(root.publicKey));
    assert.deepEqual(Object.keys(federatedBundles), ['spiffe://far.test']);
    assert.equal(elements(federatedBundles['spiffe://far.test'] ?? new Uint8Array()).length, 1);
    assert.deepEqual(crl, []);
  });

  it('57 the order is stable, the most specific first, through renewal and unrelated changes', async () => {
    const entries = [entry('zebra', me), entry('api', me), entry('web', me, me)];
    await using host = await WorkloadHost.started(...entries);
    const watch = host.x509();
    const inOrder = async (): Promise<readonly string[]> => {
      const { svids } = await watch.next();
      assert.deepEqual(
        svids.map(({ hint }) => hint),
        order,
      );
      return svids.map(({ x509Svid }) => Buffer.from(x509Svid).toString('hex'));
    };
    const order = ['web', 'api', 'zebra'];
    await inOrder();
    host.identities.setEntries([entry('other', elsewhere), ...entries.toReversed()]);
    await host.step('prepare');
    const before = await inOrder();
    host.clock.advance(40 * 60_000);
    for (let now = before; now.some((svid) => before.includes(svid)); ) now = await inOrder();
    assert.deepEqual(await host.x509().services(), order);
  });

  it('58 hints tell the identities of one caller apart: the service of each, in both kinds of SVID', async () => {
    const long = 'x'.repeat(63);
    await using host = await WorkloadHost.started(
      entry('web', me),
      entry('api', me),
      entry(long, me),
    );
    const hints = (await host.x509().next()).svids.map(({ hint }) => hint);
    assert.deepEqual(hints.toSorted(), ['api', 'web', long]);
    assert.ok(hints.every((hint) => Buffer.byteLength(hint) <= 1_024));
    assert.deepEqual(
      (await token(host)).map(({ hint }) => hint),
      hints,
    );
  });

  it('59 a stream goes on with a renewed certificate', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const watch = host.x509();
    const [before] = (await watch.next()).svids;
    host.clock.advance(40 * 60_000);
    const [after] = (await watch.next()).svids;
    assert.notDeepEqual(after?.x509Svid, before?.x509Svid);
    assert.notDeepEqual(after?.x509SvidKey, before?.x509SvidKey, 'the key is new as well');
  });

  it('59 a stream goes on with a changed bundle, on every stream that shows it', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const watch = host.x509();
    const bundles = host.call('FetchX509Bundles');
    const jwt = host.call('FetchJWTBundles');
    await Promise.all([
      watch.next(),
      bundles.next(spiffe.X509BundlesResponseSchema),
      jwt.next(spiffe.JWTBundlesResponseSchema),
    ]);
    await host.step('prepare');
    assert.equal(elements((await watch.next()).svids[0]?.bundle ?? new Uint8Array()).length, 2);
    const roots = (await bundles.next(spiffe.X509BundlesResponseSchema)).bundles;
    assert.equal(elements(roots[`spiffe://${trustDomain}`] ?? new Uint8Array()).length, 2);
    const keys = (await jwt.next(spiffe.JWTBundlesResponseSchema)).bundles;
    assert.equal(keysOf(keys[`spiffe://${trustDomain}`]).length, 2);
  });

  it('59 a taint renews at once, and the revoked root is gone', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const watch = host.x509();
    const first = await watch.next();
    await host.step('prepare');
    await watch.next();
    await host.step('activate');
    await host.step('taint');
    host.clock.advance(1_000);
    const renewed = await watch.next();
    const [before, after] = [first, renewed].map(({ svids }) => issuerOf(svids[0]?.x509Svid));
    assert.notEqual(after, before);
    assert.deepEqual(
      host.requests.map(({ reason }) => reason),
      ['first', 'tainted'],
    );
    await host.step('revoke');
    const last = await watch.next();
    assert.equal(elements(last.svids[0]?.bundle ?? new Uint8Array()).length, 1);
  });

  it('59 a federated trust domain comes, changes under the same sequence, and goes', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const [first, second] = await Promise.all([
      testAuthority('far.test' as TrustDomain),
      testAuthority('far.test' as TrustDomain),
    ]);
    const watch = host.x509();
    const bundles = host.call('FetchX509Bundles');
    const jwt = host.call('FetchJWTBundles');
    const far = 'spiffe://far.test';
    const next = async () => [
      (await watch.next()).federatedBundles[far],
      (await bundles.next(spiffe.X509BundlesResponseSchema)).bundles[far],
      (await jwt.next(spiffe.JWTBundlesResponseSchema)).bundles[far],
    ];
    assert.deepEqual(await next(), [undefined, undefined, undefined]);
    const seen: string[] = [];
    for (const from of [first, second]) {
      host.federated = [foreignBundle('far.test', from)];
      host.trust();
      const all = await next();
      assert.ok(all.every((bytes) => bytes !== undefined && bytes.length > 0));
      seen.push(JSON.stringify(all.map((bytes) => Buffer.from(bytes ?? []).toString('hex'))));
    }
    assert.notEqual(seen[0], seen[1]);
    host.federated = [];
    host.trust();
    assert.deepEqual(await next(), [undefined, undefined, undefined]);
  });

  it('59 an entry that is new or that no longer fits is on the open stream at once', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const watch = host.x509();
    assert.deepEqual(await watch.services(), ['web']);
    host.identities.setEntries([entry('web', me), entry('api', me)]);
    assert.deepEqual(await watch.services(), ['api', 'web']);
    host.identities.setEntries([entry('web', elsewhere), entry('api', me)]);
    assert.deepEqual(await watch.services(), ['api']);
  });

  it('59 what changes nothing for a caller is not sent to it', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const watch = host.x509();
    await watch.next();
    host.trust();
    host.identities.setEntries([entry('web', me), entry('other', elsewhere)]);
    host.identities.setEntries([entry('web', me)]);
    await host.step('prepare');
    assert.equal(elements((await watch.next()).svids[0]?.bundle ?? new Uint8Array()).length, 2);
  });

  it('60 a caller that loses its identity loses its streams, with PermissionDenied', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const calls = ['FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles'].map((name) =>
      host.call(name),
    );
    await calls[0]?.next(spiffe.X509SVIDResponseSchema);
    await calls[1]?.next(spiffe.X509BundlesResponseSchema);
    await calls[2]?.next(spiffe.JWTBundlesResponseSchema);
    host.identities.setEntries([]);
    for (const call of calls) {
      const { code, message } = await call.refused();
      assert.equal(code, grpcStatus.permissionDenied);
      assert.match(message, /no service has an `identity:`/);
    }
    assert.equal(host.identities.watchers, 0);
  });
});

function issuerOf(chain: Uint8Array | undefined): string {
  const [leaf] = elements(chain ?? new Uint8Array());
  return new X509Certificate(leaf ?? new Uint8Array()).issuer;
}
