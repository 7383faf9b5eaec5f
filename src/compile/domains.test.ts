import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { intentOf, meshFile, serviceFile, workloadOf } from '../../test/support/gate-world.ts';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import { parseIntent } from '../model/parse.ts';
import { typeUrls } from './resource.ts';
import { compileRevision } from './revision.ts';

/** Called like the virtual hosts, listeners and clusters that are not of any service. */
const names = ['unknown-destination', 'other-host', 'app', 'egress', 'ingress', 'pay'];

/** Envoy refuses a domain that stands twice in one route configuration; each service is one domain, by its name. */
describe('the domains of a proxy', () => {
  it('stand once in each route configuration, whatever services are called', () => {
    const allow = 'allow:\n  - { id: all, from: "*", to: GET /** }\n';
    const services = names.map((name) => [`services/${name}.yaml`, serviceFile(name, allow)]);
    const files = { 'mesh.yaml': meshFile, ...Object.fromEntries(services) };
    const inventory = names.map((name) => workloadOf(name));
    for (const snapshot of compileRevision(intentOf(files), inventory).snapshots.values()) {
      for (const { bytes } of snapshot.get(typeUrls.routes)?.values() ?? []) {
        const { virtualHosts } = fromBinary(RouteConfigurationSchema, bytes);
        const domains = virtualHosts.flatMap((host) => host.domains);
        assert.deepEqual([...new Set(domains)], domains);
        assert.ok(domains.length > 1);
      }
    }
  });

  it('a service that stands in two files is told with both lines', () => {
    const { findings } = parseIntent(
      new Map([
        ['mesh.yaml', meshFile],
        ['services/pay.yaml', serviceFile('pay')],
        ['services/pay-again.yaml', serviceFile('pay')],
      ]),
    );
    const [finding, ...more] = findings.filter(({ code }) => code === 'CH1021');
    assert.deepEqual(more, []);
    const places = [finding?.at, ...(finding?.related ?? []).map(({ at }) => at)];
    assert.deepEqual(places.map((at) => `${at?.file}:${at?.line}`).sort(), [
      'services/pay-again.yaml:1',
      'services/pay.yaml:1',
    ]);
  });
});
