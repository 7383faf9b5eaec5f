import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js';
import { parseIntent } from '../model/parse.ts';
import { crossReferences } from './cross-references.ts';
import { sortInventory, type Workload, type WorkloadId } from './inventory.ts';
import {
  type Draw,
  drawFrom,
  editFiles,
  editInventory,
  randomFiles,
} from './random-mesh.fixture.ts';
import { referencesOf } from './references.ts';
import { type Resource, type Snapshot, type TypeUrl, typeUrls } from './resource.ts';
import { compileRevision, recompile } from './revision.ts';

const files = new Map([
  ['mesh.yaml', 'mesh: m\ntrust_domain: m.test\n'],
  [
    'services/web.yaml',
    'service: web\nowner: o\nprotocol: http\nport: 8001\ncalls:\n  - { service: db, local_port: 5432 }\n',
  ],
  [
    'services/api.yaml',
    'service: api\nowner: o\nprotocol: http\nport: 8002\nallow:\n  - from: web\nroutes:\n  - split: { v1: 50, v2: 50 }\n',
  ],
  ['services/db.yaml', 'service: db\nowner: o\nprotocol: tcp\nport: 8003\nallow:\n  - from: web\n'],
]);

function workload(service: string, index: number): Workload {
  return {
    id: service as WorkloadId,
    service: service as Workload['service'],
    version: 'v1' as Workload['version'],
    host: 'h',
    address: '127.0.0.1',
    ingressPort: 20_000 + index,
    egressPort: 21_000 + index,
    appPort: 22_000 + index,
    state: 'ready',
  };
}

function snapshotOf(service: string): Snapshot {
  const { intent, findings } = parseIntent(files);
  assert.ok(intent !== undefined, JSON.stringify(findings));
  const inventory = sortInventory(['web', 'api', 'db'].map(workload));
  const snapshot = compileRevision(intent, inventory).snapshots.get(service as WorkloadId);
  assert.ok(snapshot !== undefined);
  return snapshot;
}

function without(snapshot: Snapshot, typeUrl: TypeUrl, name: string): Snapshot {
  const resources = new Map(snapshot.get(typeUrl));
  assert.ok(resources.delete(name), `there is no ${name}`);
  return new Map(snapshot).set(typeUrl, resources);
}

function said(snapshot: Snapshot): string[] {
  return crossReferences(snapshot).map(
    ({ code, message, at }) => `${code} ${message.split(',')[0]} ${at?.file}:${at?.line}`,
  );
}

const cases: readonly (readonly [TypeUrl, string, readonly string[]])[] = [
  [
    typeUrls.cluster,
    'api/v2',
    ['CH1101 RouteConfiguration "egress" names the cluster "api/v2" services/web.yaml:1'],
  ],
  [
    typeUrls.cluster,
    'db/v1',
    ['CH1101 Listener "tcp/db" names the cluster "db/v1" services/web.yaml:6'],
  ],
  [
    typeUrls.cluster,
    'app',
    ['CH1101 RouteConfiguration "ingress" names the cluster "app" services/web.yaml:1'],
  ],
  [
    typeUrls.endpoints,
    'db/v1',
    ['CH1102 Cluster "db/v1" names the endpoint assignment "db/v1" services/db.yaml:1'],
  ],
  [
    typeUrls.routes,
    'ingress',
    ['CH1103 Listener "ingress" names the route configuration "ingress" services/web.yaml:1'],
  ],
  [
    typeUrls.extension,
    'chancery.policy',
    ['CH1105 Listener "ingress" names the extension "chancery.policy" services/web.yaml:1'],
  ],
];

function made(typeUrl: TypeUrl, name: string, bytes: Uint8Array): Resource {
  return { typeUrl, name, version: '1', bytes, from: [] };
}

/** One resource less, of any type. */
function oneLess(snapshot: Snapshot, draw: Draw): Snapshot {
  const types = [...snapshot].filter(([, resources]) => resources.size > 0);
  const [type, resources] = types[draw(types.length)] ?? assert.fail('nothing in it');
  const rest = [...resources];
  rest.splice(draw(rest.length), 1);
  return new Map([...snapshot, [type, new Map(rest)]]);
}

describe('cross references (K2)', () => {
  for (const [typeUrl, name, expected] of cases) {
    const rule = typeUrl === typeUrls.cluster ? 'E10 ' : '';
    it(`${rule}${expected[0]?.slice(0, 6)}: without ${name}`, () => {
      assert.deepEqual(said(without(snapshotOf('web'), typeUrl, name)), expected);
    });
  }

  it('CH1104 a secret that no agent serves', () => {
    const snapshot = snapshotOf('web');
    const clusters = new Map(snapshot.get(typeUrls.cluster));
    const api = clusters.get('api/v1');
    assert.ok(api !== undefined);
    const bytes = Buffer.from(
      Buffer.from(api.bytes).toString('latin1').replaceAll('default', 'defects'),
      'latin1',
    );
    clusters.set('api/v1', { ...api, bytes });
    assert.deepEqual(said(new Map(snapshot).set(typeUrls.cluster, clusters)), [
      'CH1104 Cluster "api/v1" names the secret "defects" services/api.yaml:1',
    ]);
  });

  it('CH1106 a message that nobody can look into', () => {
    const message = create(ListenerSchema, {
      name: 'odd',
      filterChains: [
        {
          filters: [
            { name: 'x', configType: { case: 'typedConfig', value: { typeUrl: 'a/odd.Type' } } },
          ],
        },
      ],
    });
    const odd = made(typeUrls.listener, 'odd', toBinary(ListenerSchema, message));
    const snapshot: Snapshot = new Map([[typeUrls.listener, new Map([['odd', odd]])]]);
    assert.deepEqual(
      crossReferences(snapshot).map(({ code, found }) => [code, found]),
      [['CH1106', 'odd.Type']],
    );
  });

  it('a cluster that says another name for its endpoints names that one', () => {
    const message = create(ClusterSchema, {
      name: 'c',
      edsClusterConfig: { serviceName: 'other' },
    });
    const cluster = made(typeUrls.cluster, 'c', toBinary(ClusterSchema, message));
    assert.deepEqual(referencesOf(cluster).found, [{ to: 'endpoints', name: 'other' }]);
  });

  it('of what differs from a sound snapshot it finds what it finds of the whole', () => {
    let found = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      const draw = drawFrom(seed);
      const files = randomFiles(draw);
      const [before, after] = [files, editFiles(files, draw)].map((one) => parseIntent(one).intent);
      if (before === undefined || after === undefined) continue;
      const inventory = sortInventory([...before.services.keys()].map(workload));
      const known = compileRevision(before, inventory);
      for (const [id, whole] of recompile(known, after, inventory).snapshots) {
        const sound = known.snapshots.get(id);
        const snapshot = draw(2) === 0 ? whole : oneLess(whole, draw);
        const findings = crossReferences(snapshot);
        assert.deepEqual(crossReferences(snapshot, sound), findings);
        found += findings.length;
      }
    }
    assert.ok(found > 20, `only ${found}`);
  });

  it('all that is compiled holds together', () => {
    let snapshots = 0;
    for (let seed = 1; seed <= 60; seed += 1) {
      const draw = drawFrom(seed);
      const { intent } = parseIntent(randomFiles(draw));
      if (intent === undefined) continue;
      let inventory = sortInventory([...intent.services.keys()].map(workload));
      for (let step = 0; step < 4; step += 1) inventory = editInventory(inventory, draw);
      for (const snapshot of compileRevision(intent, inventory).snapshots.values()) {
        assert.deepEqual(crossReferences(snapshot), []);
        snapshots += 1;
      }
    }
    assert.ok(snapshots > 20, `only ${snapshots}`);
  });
});
