import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import {
  type ClientHttp2Session,
  connect,
  createServer as createHttp2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { freePort } from '../../test/support/free-port.ts';
import { eventually } from '../../test/support/running-mesh.ts';
import { get, XdsEnvoy } from '../../test/support/xds-envoy.ts';
import {
  cluster,
  endpoints,
  listener,
  routes,
  snapshot,
} from '../../test/support/xds-resources.ts';
import { http2Options } from '../compile/clusters.ts';
import { grpcCounts } from '../compile/grpc-counts.ts';
import { httpOptionsName } from '../compile/names.ts';
import { type ProxyCounters, slowerThanMs } from '../rollout/signals.ts';
import { proxyCounters } from './proxy-counters.ts';

/** Answers what the header asks for, late if it says so. */
const application = createServer((request, response) => {
  const [status = '200', afterMs = '0'] = String(request.headers['x-answer'] ?? '').split(' ');
  setTimeout(() => response.writeHead(Number(status)).end(), Number(afterMs));
});

describe('the counters of a real Envoy', { timeout: 30_000 }, () => {
  const envoy = new XdsEnvoy();
  let entry = 0;
  before(async () => {
    await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
    entry = await freePort();
    const { port } = application.address() as AddressInfo;
    await envoy.serve(
      snapshot(
        ...[cluster('a'), endpoints('a', port), routes('r', { cluster: 'a' })],
        // Its name is the prefix of its counters, as that of a proxy's ingress is.
        listener('ingress', entry, 'r'),
      ),
    );
    await envoy.start();
  });
  after(async () => {
    await envoy.stop();
    application.close();
  });

  it('tell errors, answers of 400 to 499 and late answers', async () => {
    for (const answer of ['200 0', '200 0', '404 0', '503 0', '200 300']) {
      await get(entry, { headers: { 'x-answer': answer } });
    }
    let counters: ProxyCounters | undefined;
    // The workers of Envoy hand over what they counted in their own time.
    await eventually(
      async () => {
        counters = await proxyCounters(envoy.admin);
        return counters?.requests === 5 && counters.slower[0] === 1;
      },
      10_000,
      () => JSON.stringify(counters),
    );
    assert.deepEqual(counters, {
      ...{ requests: 5, errors: 1, clientErrors: 1, denials: 0, handshakeFailures: 0, retries: 0 },
      slower: slowerThanMs.map((boundMs) => (boundMs < 300 ? 1 : 0)),
    });
  });

  it('are none while the proxy does not answer', async () => {
    await envoy.stop();
    assert.equal(await proxyCounters(envoy.admin), undefined);
  });
});

/** Answers 200 with the status that the method is named by, in trailers; `reset` is not answered. */
const grpcApplication = createHttp2Server();
grpcApplication.on('stream', (stream: ServerHttp2Stream, { ':path': path = '' }) => {
  stream.on('error', () => {});
  const method = path.slice(path.lastIndexOf('/') + 1);
  if (method === 'reset') return stream.close();
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': method }));
  return stream.end('message');
});

describe('the counters of a real Envoy, for gRPC', { timeout: 30_000 }, () => {
  const envoy = new XdsEnvoy();
  let entry = 0;
  before(async () => {
    await new Promise<void>((resolve) => grpcApplication.listen(0, '127.0.0.1', resolve));
    entry = await freePort();
    const { port } = grpcApplication.address() as AddressInfo;
    const counts = grpcCounts.configType;
    assert.ok(counts?.case === 'typedConfig');
    const options = {
      [httpOptionsName]: http2Options,
    };
    await envoy.serve(
      snapshot(
        cluster('a', { typedExtensionProtocolOptions: options }),
        ...[endpoints('a', port), routes('r', { cluster: 'a' })],
        listener('ingress', entry, 'r', create(AnySchema, counts.value)),
      ),
    );
    await envoy.start();
  });
  after(async () => {
    await envoy.stop();
    grpcApplication.close();
  });

  it('tell what a call ended with, of the application or of the proxy, though all were answered 200', async () => {
    const session = connect(`http://127.0.0.1:${entry}`);
    const methods = ['0', '0', '13', '14', '2', '5', '16', 'reset'];
    for (const method of methods) await call(session, method);
    session.close();
    let counters: ProxyCounters | undefined;
    await eventually(
      async () => {
        counters = await proxyCounters(envoy.admin);
        return counters?.requests === methods.length && counters.errors === 4;
      },
      10_000,
      () => JSON.stringify(counters),
    );
    assert.equal(counters?.clientErrors, 2);
  });
});

function call(session: ClientHttp2Session, method: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ...{ ':method': 'POST', ':path': `/pkg.Service/${method}`, te: 'trailers' },
      'content-type': 'application/grpc',
    });
    stream.on('response', (headers) => assert.equal(headers[':status'], 200));
    stream.on('error', reject);
    stream.on('close', resolve);
    stream.resume();
    stream.end('message');
  });
}
