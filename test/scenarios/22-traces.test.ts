import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';

const run = promisify(execFile);
const payments = 'services/payments.yaml';

describe('traces of commits of a running mesh', () => {
  let mesh: RunningMesh;
  let receiver: OtlpReceiver;
  before(async () => {
    receiver = await OtlpReceiver.open();
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.url;
    mesh = new RunningMesh('examples/shop');
    await mesh.up('--watch', '1s');
  });
  after(async () => {
    delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
    await mesh.remove();
    receiver.close();
  });

  const chancery = async (...args: readonly string[]): Promise<string> => {
    const words = ['bin/chancery.js', ...args, mesh.dir];
    const { stdout } = await run(process.execPath, words).catch((e: { stdout: string }) => e);
    return stdout;
  };
  const idIn = (text: string): string => /^trace ([0-9a-f]{32})$/m.exec(text)?.[1] ?? '';
  const ended = async (traceId: string): Promise<ReadonlyMap<string, ReceivedSpan>> => {
    await eventually(
      () => receiver.trace(traceId).has('commit'),
      20_000,
      () => `no whole trace ${traceId}: ${[...receiver.trace(traceId).keys()]}`,
    );
    return receiver.trace(traceId);
  };

  it('a commit is one trace to the last ACK, with its waves and the slowest proxy of each', async () => {
    mesh.edit(payments, (text) => text.replace(/v1: \d+, v2: \d+/, 'v1: 60, v2: 40'));
    mesh.commit('sixty');
    const traceId = idIn(await chancery('wait', 'HEAD'));
    assert.equal(
      idIn(await chancery('revision', 'show', mesh.git('rev-parse', 'HEAD').trim())),
      traceId,
    );
    const spans = await ended(traceId);
    for (const name of ['read', 'parse', 'compile', 'tests', 'references', 'envoy', 'guard']) {
      assert.ok(spans.has(name), name);
    }
    const root = spans.get('commit');
    assert.equal(root?.attributes['chancery.outcome'], 'live');
    assert.ok(root?.events.some(({ name }) => name === 'last ACK'));
    const waves = Number(root?.attributes['chancery.waves']);
    assert.ok(waves >= 1);
    const last = spans.get(`wave ${waves} of ${waves}`);
    assert.equal(last?.parentId, root?.spanId);
    const push = spans.get('push');
    assert.equal(push?.parentId, last?.spanId);
    assert.equal(push?.attributes['chancery.proxies_behind'], 0);
    const slowest = push?.events.find(({ name }) => name === 'slowest ACK');
    assert.match(String(slowest?.attributes['chancery.proxy']), /-v\d$/);
    assert.equal(spans.get('watch')?.parentId, last?.spanId);
  });

  it('a commit that Envoy refuses is an error at the gate, and the log names its trace', async () => {
    mesh.edit(payments, (text) =>
      text.replace('routes:\n', `routes:\n  - { match: { path: ${'/*'.repeat(400)} }, to: v1 }\n`),
    );
    mesh.commit('a long pattern');
    const traceId = idIn(await chancery('wait', 'HEAD'));
    const gate = (await ended(traceId)).get('envoy');
    assert.equal(gate?.isError, true);
    assert.deepEqual(gate?.attributes['chancery.codes'], ['CH4204']);
    const lines = readFileSync(join(mesh.layout.logsDir, 'control-plane.log'), 'utf8').trim();
    const refused = lines
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find(({ message }) => message === 'a commit was refused');
    assert.equal(refused?.['level'], 'warn');
    assert.equal(refused?.['component'], 'server');
    assert.equal(refused?.['code'], 'CH4204');
    assert.equal(refused?.['commit'], mesh.git('rev-parse', 'HEAD').trim());
    assert.equal(refused?.['traceId'], traceId);
  });
});
