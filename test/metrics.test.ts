import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type MetricName, metricTable } from '../src/app/operators/metric-table.ts';
import { newMetrics } from '../src/app/operators/operations.ts';
import { meshEventCounter } from '../src/app/operators/self-metrics.ts';
import { createMetrics } from '../src/base/metrics.ts';
import type { MeshEvent } from '../src/serve/api/wire.ts';
import { LoneControlPlane } from './support/control-plane.ts';
import { freePort } from './support/free-port.ts';
import { readPrometheusText } from './support/prometheus-text.ts';
import { eventually } from './support/running-mesh.ts';

const table = {
  seen_total: { kind: 'counter', help: 'Seen.', labels: ['what'] },
  known_total: { kind: 'counter', help: 'Known.', labels: ['why'], known: [{ why: 'a' }] },
  bare_total: { kind: 'counter', help: 'Bare.', labels: [] },
  took_seconds: { kind: 'histogram', help: 'Took.', labels: [], buckets: [0.1, 1] },
} as const;

describe('metrics', () => {
  it('the text is what a strict reader takes, also with odd labels', () => {
    const metrics = createMetrics<keyof typeof table>(table);
    metrics.count('seen_total', { what: 'a "b"\\\n' }, 2);
    for (const value of [0.05, 0.1, 0.5, 7]) metrics.observe('took_seconds', value);
    const read = readPrometheusText(metrics.text());
    assert.equal(read.get('seen_total')?.samples[0]?.labels['what'], 'a "b"\\\n');
    assert.equal(read.get('bare_total')?.samples[0]?.value, 0);
    const took = read.get('took_seconds')?.samples.map(({ name, value }) => [name, value]);
    assert.deepEqual(took, [
      ['took_seconds_bucket', 2],
      ['took_seconds_bucket', 3],
      ['took_seconds_bucket', 4],
      ['took_seconds_sum', 7.65],
      ['took_seconds_count', 4],
    ]);
  });

  it('what is known to come is there from the start, so that its first is an increase', () => {
    const metrics = createMetrics<keyof typeof table>(table);
    const shown = () =>
      readPrometheusText(metrics.text())
        .get('known_total')
        ?.samples.map(({ labels, value }) => [labels['why'], value]);
    assert.deepEqual(shown(), [['a', 0]]);
    metrics.count('known_total', { why: 'a' });
    metrics.count('known_total', { why: 'b' });
    assert.deepEqual(shown(), [
      ['a', 1],
      ['b', 1],
    ]);
  });

  it('what is watched for its first time has a series before that', () => {
    const read = readPrometheusText(newMetrics().text());
    const watched: Readonly<Record<string, readonly string[]>> = {
      chancery_xds_nacks_total: ['Cluster', 'Listener', 'RouteConfiguration', 'Secret'],
      chancery_xds_quarantined_total: ['Listener'],
      chancery_xds_stuck_total: ['Listener'],
      chancery_store_errors_total: ['put', 'get'],
      chancery_trace_spans_lost_total: ['queue', 'export'],
      chancery_git_webhooks_total: ['taken', 'refused', 'late', 'failed'],
      chancery_intent_commits_total: ['accepted', 'refused'],
      chancery_intent_rollouts_total: ['live', 'taken_back'],
      chancery_api_requests_total: ['401', '404', '405'],
    };
    for (const [name, values] of Object.entries(watched)) {
      const samples = read.get(name)?.samples ?? [];
      const there = samples.flatMap(({ labels, value }) =>
        value === 0 ? Object.values(labels) : [],
      );
      for (const value of values) assert.ok(there.includes(value), `${name} ${value}`);
    }
  });

  it('a commit that is taken back counts once, however often it is said', () => {
    const metrics = newMetrics();
    const count = meshEventCounter(metrics);
    const rollout = (commit: string, kind: string) =>
      count({ kind: 'rollout', rollout: { commit, state: { kind } } } as unknown as MeshEvent);
    for (const kind of ['pushing', 'watching', 'taken-back', 'taken-back']) rollout('c1', kind);
    rollout('c2', 'live');
    const samples = readPrometheusText(metrics.text()).get(
      'chancery_intent_rollouts_total',
    )?.samples;
    assert.deepEqual(
      samples?.map(({ labels, value }) => [labels['outcome'], value]),
      [
        ['live', 1],
        ['taken_back', 1],
      ],
    );
  });

  it('labels that never end do not fill the memory', () => {
    const metrics = createMetrics<keyof typeof table>(table);
    for (let at = 0; at < 5_000; at += 1) metrics.count('seen_total', { what: String(at) });
    assert.equal(readPrometheusText(metrics.text()).get('seen_total')?.samples.length, 1_000);
  });

  it('docs/metrics.md has each metric, with its kind, labels and words, and no other', () => {
    const rows = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(.*)$/gm)].map(
      ([row]) => row.split(' | ').slice(0, 4).join(' | '),
    );
    const wanted = (Object.keys(metricTable) as MetricName[]).map((name) => {
      const { kind, labels, help } = metricTable[name];
      return `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help}`;
    });
    assert.deepEqual(rows, wanted);
  });
});

describe('a control plane that is watched', () => {
  const plane = new LoneControlPlane({ 'mesh.yaml': 'mesh: ops\n' });
  let port = 0;
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  const failing = async (): Promise<readonly string[]> => {
    const { checks } = JSON.parse((await get('/readyz')).text) as {
      checks: readonly { name: string; holds: boolean }[];
    };
    return checks.filter(({ holds }) => !holds).map(({ name }) => name);
  };
  before(async () => {
    port = await freePort();
  });
  after(() => plane.remove());

  it('says what it waits for while it has no intent, and is ready after', async () => {
    const up = plane.start('--metrics-address', String(port));
    await eventually(
      () =>
        get('/healthz').then(
          ({ status }) => status === 200,
          () => false,
        ),
      15_000,
      () => 'nothing is served',
    );
    assert.equal((await get('/readyz')).status, 503);
    assert.deepEqual(await failing(), ['intent', 'ca', 'ports']);
    plane.write('mesh.yaml', 'mesh: ops\ntrust_domain: ops.test\n');
    plane.write('services/web.yaml', 'service: web\nowner: t\nprotocol: http\nport: 8080\n');
    await up;
    assert.deepEqual(await failing(), []);
    assert.equal((await get('/readyz')).status, 200);
  });

  it('its metrics are well formed, documented, and count what it does', async () => {
    const read = readPrometheusText((await get('/metrics')).text);
    assert.deepEqual([...read.keys()], Object.keys(metricTable));
    const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
      read
        .get(name)
        ?.samples.find((one) => Object.entries(labels).every(([k, v]) => one.labels[k] === v))
        ?.value;
    assert.equal(value('chancery_intent_services'), 1);
    assert.equal(value('chancery_ready', { check: 'ca' }), 1);
    assert.ok((value('chancery_ca_root_end_seconds') ?? 0) > 86_400);
    assert.ok((value('chancery_memory_bytes', { kind: 'resident' }) ?? 0) > 10_000_000);
    assert.ok((value('chancery_store_records_total', { kind: 'svid-issued' }) ?? 0) >= 1);
    assert.ok((value('chancery_api_requests_total', { status: '200' }) ?? 0) >= 1);
  });

  it('nothing else is served there', async () => {
    assert.equal((await get('/v1/status')).status, 404);
    assert.equal((await get('/v1/tokens')).status, 404);
    assert.match((await get('/')).text, /there is no GET \/ here/);
  });
});
