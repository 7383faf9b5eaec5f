import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { layoutOf } from '../../src/app/layout.ts';
import * as spiffe from '../../src/gen/spiffe/workload_pb.js';
import { signJwt } from '../../src/identity/jws.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import { decode, encode } from '../../src/serve/grpc/message.ts';
import { grpcStatus } from '../../src/serve/grpc/status.ts';
import {
  entry,
  foreignBundle,
  jwtRequest,
  keysOf,
  me,
  names,
  testAuthority,
  token,
  validateRequest,
  WorkloadHost,
} from '../support/workload-host.ts';
import { elements } from './der-elements.ts';

describe('the Workload API, what it answers', { timeout: 30_000 }, () => {
  it('61 bundles are those of every trust domain, the own among them, keyed by their IDs', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    host.federated = [foreignBundle('far.test', host.authority)];
    host.trust();
    const call = host.call('FetchX509Bundles');
    const { bundles } = await call.next(spiffe.X509BundlesResponseSchema);
    assert.deepEqual(Object.keys(bundles), ['spiffe://shop.test', 'spiffe://far.test']);
    for (const der of Object.values(bundles)) assert.equal(elements(der).length, 1);
  });

  it('62 a token needs an audience', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const many = Array.from({ length: 17 }, (_, index) => `a${index}`);
    for (const audience of [[], [''], ['a', ''], many, ['x'.repeat(1_025)]]) {
      const { code } = await host.call('FetchJWTSVID', jwtRequest(audience)).refused();
      assert.equal(code, grpcStatus.invalidArgument, JSON.stringify(audience));
    }
    assert.equal((await token(host, ['x'.repeat(1_024)])).length, 1);
  });

  it('62 a token of a given SPIFFE ID, of all when none is given, and of no other', async () => {
    await using host = await WorkloadHost.started(entry('web', me), entry('api', me));
    assert.deepEqual(
      (await token(host)).map(({ spiffeId }) => spiffeId),
      ['spiffe://shop.test/api', 'spiffe://shop.test/web'],
    );
    const asked = (id: string) => host.call('FetchJWTSVID', jwtRequest(['payments'], id));
    const one = await asked('spiffe://shop.test/web').next(spiffe.JWTSVIDResponseSchema);
    assert.deepEqual(
      one.svids.map(({ hint }) => hint),
      ['web'],
    );
    const foreign = await asked('spiffe://shop.test/payments').refused();
    assert.equal(foreign.code, grpcStatus.permissionDenied);
    assert.match(foreign.message, /not spiffe:\/\/shop.test\/payments/);
    const malformed = await asked('web').refused();
    assert.equal(malformed.code, grpcStatus.invalidArgument);
    assert.match(malformed.message, /requested SPIFFE ID is invalid/);
  });

  it('63 JWT bundles are JWK Sets with the JWT keys only, and follow a rotation', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    host.federated = [foreignBundle('far.test', host.authority)];
    host.trust();
    const call = host.call('FetchJWTBundles');
    const { bundles } = await call.next(spiffe.JWTBundlesResponseSchema);
    assert.deepEqual(Object.keys(bundles), ['spiffe://shop.test', 'spiffe://far.test']);
    const [key, ...others] = keysOf(bundles['spiffe://shop.test']);
    assert.ok(key !== undefined && others.length === 0);
    assert.deepEqual(Object.keys(key).toSorted(), ['crv', 'kid', 'kty', 'use', 'x', 'y']);
    assert.equal(key['use'], 'jwt-svid');
    assert.equal(key['kid'], host.authority.state.active.jwt.kid);
  });

  it('64 a good token is told by its subject and claims, with the audience as a list', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const [svid] = await token(host);
    const call = host.call('ValidateJWTSVID', validateRequest(svid?.svid));
    const { spiffeId, claims } = await call.next(spiffe.ValidateJWTSVIDResponseSchema);
    assert.equal(spiffeId, 'spiffe://shop.test/web');
    assert.deepEqual(Object.keys(claims ?? {}).toSorted(), ['aud', 'exp', 'iat', 'jti', 'sub']);
    assert.deepEqual(claims?.['aud'], ['payments']);
    assert.equal(claims?.['exp'], 1_000 + 300);
  });

  it('64 what is missing or does not hold is InvalidArgument, with the reason', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const [svid] = await token(host);
    const bad: readonly (readonly [Uint8Array, RegExp])[] = [
      [validateRequest(svid?.svid, ''), /audience must be specified/],
      [validateRequest(''), /svid must be specified/],
      [validateRequest('x'), /compact form/],
      [validateRequest(svid?.svid, 'ledger'), /not for the audience "ledger"/],
    ];
    for (const [request, reason] of bad) {
      const { code, message } = await host.call('ValidateJWTSVID', request).refused();
      assert.equal(code, grpcStatus.invalidArgument);
      assert.match(message, reason);
    }
    host.clock.advance(301_000);
    const late = await host.call('ValidateJWTSVID', validateRequest(svid?.svid)).refused();
    assert.match(late.message, /has ended/);
  });

  it('64 of a token of another trust domain only the registered claims are passed on', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    const far = await testAuthority('far.test' as TrustDomain, host.clock);
    const { jwt } = far.state.active;
    const more = { iss: 'far', nbf: 0, role: 'admin', groups: ['root'] };
    const sign = (sub: string, key: typeof jwt): string =>
      signJwt(key, { sub, aud: 'payments', exp: 2_000, iat: 1, jti: 'a', ...more });
    host.federated = [far.news.bundle];
    host.trust();
    const claimsOf = async (svid: string) => {
      const call = host.call('ValidateJWTSVID', validateRequest(svid));
      return (await call.next(spiffe.ValidateJWTSVIDResponseSchema)).claims ?? {};
    };
    const foreign = await claimsOf(sign('spiffe://far.test/a', jwt));
    assert.deepEqual(Object.keys(foreign).toSorted(), 'aud exp iat iss jti nbf sub'.split(' '));
    const own = await claimsOf(sign('spiffe://shop.test/a', host.authority.state.active.jwt));
    assert.equal(own['role'], 'admin');
    const forged = sign('spiffe://shop.test/a', jwt);
    const { code } = await host.call('ValidateJWTSVID', validateRequest(forged)).refused();
    assert.equal(code, grpcStatus.invalidArgument);
  });

  it('65 the calls for WIT-SVIDs are Unimplemented', async () => {
    await using host = await WorkloadHost.started(entry('web', me));
    for (const name of ['FetchWITSVID', 'FetchWITBundles', 'ValidateWITSVID']) {
      assert.equal((await host.call(name).refused()).code, grpcStatus.unimplemented);
    }
  });

  for (const version of ['v1', 'v1alpha']) {
    it(`66 reflection ${version} tells the five calls, and describes all that they need`, async () => {
      await using host = await WorkloadHost.started(entry('web', me));
      const ask = reflection(host, version);
      const { services } = await ask({ listServices: '*' });
      assert.deepEqual(services.toSorted(), [
        'SpiffeWorkloadAPI',
        'envoy.service.secret.v3.SecretDiscoveryService',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
      ]);
      const files = new Map<string, FileDescriptorProto>();
      const add = async (question: object): Promise<void> => {
        const { file } = await ask(question);
        assert.ok(file !== undefined, JSON.stringify(question));
        files.set(file.name, file);
        for (const name of file.dependency) {
          if (!files.has(name)) await add({ fileByFilename: name });
        }
      };
      for (const symbol of ['SpiffeWorkloadAPI.FetchX509SVID', 'X509SVID', services[1] ?? '']) {
        await add({ fileContainingSymbol: symbol });
      }
      const set = create(FileDescriptorSetSchema, { file: inOrder(files) });
      const service = createFileRegistry(set).getService('SpiffeWorkloadAPI');
      assert.deepEqual(service?.methods.map(({ name }) => name).toSorted(), names.toSorted());
      assert.match(
        (await ask({ fileContainingSymbol: 'none' })).error,
        /nothing is known of "none"/,
      );
      assert.match((await ask({ fileByFilename: 'x.proto' })).error, /nothing is known/);
    });
  }

  it('67 applications are told of an absolute path, as unix:///path', () => {
    const { workloadSocket } = layoutOf('/srv/intent', {});
    const url = new URL(`unix://${workloadSocket}`);
    assert.deepEqual([url.host, url.search, url.hash], ['', '', '']);
    assert.equal(url.pathname, workloadSocket);
  });

  it('68 every user may reach the socket, whatever the umask', async (t) => {
    const before = process.umask(0o077);
    t.after(() => process.umask(before));
    await using host = await WorkloadHost.open();
    assert.equal(statSync(host.path).mode & 0o777, 0o777);
    assert.equal(statSync(dirname(host.path)).mode & 0o777, 0o755);
  });
});

const reflectionRequest = {
  fileByFilename: [3, 'string'],
  fileContainingSymbol: [4, 'string'],
  listServices: [7, 'string'],
} as const;
const reflectionResponse = {
  descriptors: [4, 'message', { file: [1, 'bytes'] }],
  list: [6, 'message', { service: [1, 'message[]', { name: [1, 'string'] }] }],
  error: [7, 'message', { code: [1, 'uint32'], message: [2, 'string'] }],
} as const;

/** One stream of questions. */
function reflection(host: WorkloadHost, version: string) {
  const call = host
    .connect()
    .bidi(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);
  return async (question: object) => {
    call.write(encode(reflectionRequest, question));
    const bytes = await call.read();
    if (bytes === undefined) assert.fail(JSON.stringify(await call.outcome));
    const { descriptors, list, error } = decode(reflectionResponse, bytes);
    return {
      services: list?.service.map(({ name }) => name) ?? [],
      file:
        descriptors === undefined
          ? undefined
          : fromBinary(FileDescriptorProtoSchema, descriptors.file),
      error: error?.message ?? '',
    };
  };
}

/** Imported files first, as a registry wants them. */
function inOrder(files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const ordered = new Set<FileDescriptorProto>();
  const add = (name: string): void => {
    const file = files.get(name);
    if (file === undefined || ordered.has(file)) return;
    file.dependency.forEach(add);
    ordered.add(file);
  };
  for (const name of files.keys()) add(name);
  return [...ordered];
}
