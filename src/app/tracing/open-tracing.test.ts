import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { freePort } from '../../../test/support/free-port.ts';
import {
  gateWorld,
  meshFile,
  readingOf,
  serviceFile,
  silent,
  workloadOf,
} from '../../../test/support/gate-world.ts';
import { OtlpReceiver } from '../../../test/support/otlp-receiver.ts';
import { eventually } from '../../../test/support/running-mesh.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { realEnvoyGate } from '../gate/gates.ts';
import { newMetrics } from '../operators/operations.ts';
import { openTracing } from './open-tracing.ts';
import type { Tracing } from './tracing.ts';

const a = serviceFile('a', 'allow:\n  - { from: b, to: GET /x }\n');
const good = { 'mesh.yaml': meshFile, 'services/a.yaml': a, 'services/b.yaml': serviceFile('b') };
const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function envoyGate() {
  const accepted: ReadonlySet<string> = new Set();
  return realEnvoyGate({ accepted, env: process.env, clock, onProgress: () => {} });
}

async function open(t: TestContext, endpoint: string | undefined) {
  const metrics = newMetrics();
  const said: string[] = [];
  const note = (message: string): void => void said.push(message);
  const log = { ...silent, info: note, warn: note };
  const tracing = await openTracing({ endpoint, env: process.env, clock, log, metrics });
  t.after(() => tracing.stop());
  return { tracing, metrics, said };
}

async function worldOf(t: TestContext, tracing: Tracing) {
  const world = await gateWorld({
    ...{ tracing, envoy: envoyGate() },
    inventory: [workloadOf('a'), workloadOf('b')],
  });
  t.after(() => world.store.close());
  const bring = async (...offer: Parameters<typeof world.gatekeeper.offer>): Promise<string> => {
    world.gatekeeper.offer(...offer);
    await world.gatekeeper.settled();
    const [{ commit } = { commit: '' }] = world.verdicts.all;
    return world.verdicts.get(commit)?.traceId ?? '';
  };
  return { ...world, bring };
}

describe('traces of commits', () => {
  it('a commit is one trace through the real gate, exported by OTLP, under the trace that a webhook names', async (t) => {
    const receiver = await OtlpReceiver.open();
    t.after(() => receiver.close());
    const { tracing } = await open(t, receiver.url);
    const { bring } = await worldOf(t, tracing);
    const atMs = clock.nowMs() - 50;
    const traceId = await bring(readingOf('one', good), {
      arrival: {
        ...{ by: 'webhook', atMs, traceparent: parent },
        fetched: { startMs: atMs, endMs: atMs + 20 },
        read: { startMs: atMs + 20, endMs: atMs + 30 },
      },
    });
    await tracing.stop();
    assert.deepEqual([...new Set(receiver.calls)], ['POST /v1/traces application/x-protobuf']);
    const spans = receiver.trace(traceId);
    const way = ['fetch', 'read', 'parse', 'compile', 'tests', 'references', 'envoy', 'guard'];
    assert.deepEqual([...spans.keys()], [...way, 'commit']);
    const root = spans.get('commit');
    assert.equal(root?.service, 'chancery');
    assert.equal(`00-${traceId}-${root?.parentId}-01`, parent);
    assert.equal(root?.startMs, atMs);
    assert.equal(root?.attributes['vcs.ref.head.revision'], 'one');
    assert.equal(root?.attributes['chancery.noticed_by'], 'webhook');
    assert.equal(root?.attributes['chancery.outcome'], 'accepted');
    for (const name of way) {
      const span = spans.get(name);
      assert.equal(span?.parentId, root?.spanId, name);
      assert.ok(span && root && span.startMs >= root.startMs && span.endMs <= root.endMs, name);
    }
  });

  it('a refused commit is an error with its reason and codes, at the gate that stopped it too', async (t) => {
    const receiver = await OtlpReceiver.open();
    t.after(() => receiver.close());
    const { tracing } = await open(t, receiver.url);
    const { bring } = await worldOf(t, tracing);
    const untrue = `${a}tests:\n  - { from: b, request: GET /x, expect: deny }\n`;
    const trailers = new Map([['traceparent', [parent]]]);
    const traceId = await bring(readingOf('bad', { ...good, 'services/a.yaml': untrue }, trailers));
    assert.ok(parent.includes(traceId), 'the trailer names the trace');
    await tracing.stop();
    for (const name of ['tests', 'commit']) {
      const span = receiver.trace(traceId).get(name);
      assert.equal(span?.isError, true, name);
      assert.match(span?.message ?? '', /^CH4201: .*services\/a\.yaml:\d+/);
      assert.deepEqual(span?.attributes['chancery.codes'], ['CH4201']);
    }
    assert.equal(receiver.trace(traceId).has('envoy'), false);
  });

  it('the wait for an approval is a span of its own, and the checks after it are in the same trace', async (t) => {
    const receiver = await OtlpReceiver.open();
    t.after(() => receiver.close());
    const { tracing } = await open(t, receiver.url);
    const { bring, gatekeeper } = await worldOf(t, tracing);
    await bring(readingOf('one', good));
    const without = { 'mesh.yaml': meshFile, 'services/a.yaml': serviceFile('a') };
    const traceId = await bring(readingOf('two', without));
    assert.equal(tracing.traceIdOf('two'), traceId);
    assert.equal(await gatekeeper.approve('two', 'ann'), true);
    await tracing.stop();
    const approval = receiver.trace(traceId).get('approval');
    assert.deepEqual(approval?.attributes['chancery.codes'], ['CH4207']);
    const guards = receiver.spans.filter(
      (span) => span.traceId === traceId && span.name === 'guard',
    );
    assert.equal(guards.length, 2);
  });

  it('a receiver that is away delays nothing, is said once, and its losses are counted', async (t) => {
    // How long it is tried; the library reads it from the environment of the process.
    process.env['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT'] = '300';
    t.after(() => delete process.env['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT']);
    const port = await freePort();
    const { tracing, metrics, said } = await open(t, `http://127.0.0.1:${port}`);
    const { bring, verdict } = await worldOf(t, tracing);
    await bring(readingOf('one', good));
    assert.equal(verdict('one'), 'accepted');
    const lost = () => /spans_lost_total\{reason="export"\} (\d+)/.exec(metrics.text())?.[1];
    await eventually(
      () => Number(lost()) > 0,
      20_000,
      () => metrics.text(),
    );
    assert.deepEqual(
      tracing.findings.map(({ code }) => code),
      ['CH5460'],
    );
    const before = lost();
    await bring(readingOf('two', { ...good, 'services/b.yaml': 'nonsense: 1\n' }));
    await eventually(
      () => lost() !== before,
      20_000,
      () => metrics.text(),
    );
    assert.deepEqual(said, ['traces are lost']);
    const receiver = await OtlpReceiver.open(port);
    t.after(() => receiver.close());
    await bring(readingOf('three', { ...good, 'services/b.yaml': 'nonsense: 2\n' }));
    await eventually(
      () => receiver.spans.length > 0,
      20_000,
      () => 'nothing came',
    );
    await eventually(
      () => tracing.findings.length === 0,
      5_000,
      () => 'it is still said',
    );
    assert.deepEqual(said, ['traces are lost', 'traces are exported again']);
  });

  it('an address that is none is said, and commits are not traced', async (t) => {
    const { tracing } = await open(t, 'nonsense');
    assert.deepEqual(
      tracing.findings.map(({ code }) => code),
      ['CH5460'],
    );
    const { bring } = await worldOf(t, tracing);
    assert.equal(await bring(readingOf('one', good)), '');
  });
});
