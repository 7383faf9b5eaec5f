import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { parseIntent } from '../model/parse.ts';
import type { ServiceName, VersionName } from '../model/types.ts';
import { withoutForgedTrailers } from './forged.ts';
import { httpConnectionManagers } from './http.ts';
import type { Workload, WorkloadId } from './inventory.ts';
import { ingressListener } from './names.ts';
import { typeUrls } from './resource.ts';
import { compileRevision } from './revision.ts';
import { ingressTls, upstreamTls } from './tls.ts';

function managerOf(side: 'ingress' | 'egress') {
  const options = { side, routeConfigName: 'r', filters: [withoutForgedTrailers] };
  const { value } = httpConnectionManagers(options)('a', 'a-v1').configType;
  return fromBinary(HttpConnectionManagerSchema, value.value);
}

describe('an identity between proxies is good as long as its certificate', () => {
  it('no session is resumed at ingress', () => {
    const { configType } = ingressTls(['h2'], false);
    assert.ok(configType.case === 'typedConfig');
    const tls = anyUnpack(configType.value, DownstreamTlsContextSchema);
    assert.deepEqual(tls?.sessionTicketKeysType, {
      case: 'disableStatelessSessionResumption',
      value: true,
    });
    assert.equal(tls.disableStatefulSessionResumption, true);
    assert.equal(tls.requireClientCertificate, true);
  });

  it('and none is offered to an upstream, which could bring back its own past', () => {
    const type = upstreamTls({ spiffeId: 'spiffe://a/b', sni: 'b', alpn: ['h2'] }).configType;
    assert.ok(type?.case === 'typedConfig');
    const { typeUrl, value } = type.value;
    assert.ok(typeUrl?.endsWith(UpstreamTlsContextSchema.typeName));
    assert.equal(fromBinary(UpstreamTlsContextSchema, value ?? Buffer.of()).maxSessionKeys, 0);
  });

  it('a connection at ingress ends within the time of a certificate; that of an own application does not', () => {
    const ingress = managerOf('ingress').commonHttpProtocolOptions;
    assert.equal(ingress?.maxConnectionDuration?.seconds, 3_600n);
    assert.equal(ingress.maxConnectionDurationJitter?.value, 20);
    assert.equal(ingress.maxHeadersCount, 136);
    const egress = managerOf('egress').commonHttpProtocolOptions;
    assert.equal(egress?.maxConnectionDuration, undefined);
    assert.equal(egress?.maxHeadersCount, 128);
  });
});

const workload: Workload = {
  ...{ id: 'web-v1' as WorkloadId, service: 'web' as ServiceName, version: 'v1' as VersionName },
  ...{ host: 'local', address: '127.0.0.1', egressPort: 1, ingressPort: 2, appPort: 3 },
  state: 'ready',
};

describe('trailers of a request', () => {
  for (const [protocol, isLookedAt] of [
    ['http', false],
    ['http2', true],
    ['grpc', true],
  ] as const) {
    it(`are ${isLookedAt ? '' : 'not '}looked at for an application of ${protocol}`, () => {
      const service = `service: web\nowner: o\nprotocol: ${protocol}\nport: 80\n`;
      const { intent } = parseIntent(
        new Map([
          ['mesh.yaml', 'mesh: m\ntrust_domain: m.test\n'],
          ['services/web.yaml', service],
        ]),
      );
      assert.ok(intent !== undefined);
      const snapshot = compileRevision(intent, [workload]).snapshots.get(workload.id);
      const bytes = snapshot?.get(typeUrls.listener)?.get(ingressListener)?.bytes;
      assert.ok(bytes !== undefined);
      const text = Buffer.from(bytes).toString('latin1');
      assert.equal(text.includes(withoutForgedTrailers.name ?? '?'), isLookedAt);
    });
  }
});
