import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf, workloadOf } from '../../test/support/gate-world.ts';
import type { Rollout } from './rollout.ts';
import { runChanges, withRunChanges } from './run-changes.ts';
import { wavesAfter, wavesAtOnce } from './waves-after.ts';

const mesh = 'mesh: m\ntrust_domain: m.test\n';
const api = [
  'service: api',
  'owner: t',
  'protocol: http',
  'port: 8001',
  'health: GET /',
  'routes: [{ to: v1 }]',
  'run:',
  '  v1: node a.js',
  '  v2: node a.js',
  '',
].join('\n');
const before = intentOf({ 'mesh.yaml': mesh, 'services/api.yaml': api });
const inventory = ['v1', 'v2'].map((version) => ({
  ...workloadOf('api'),
  id: `api-${version}` as never,
  version: version as never,
}));

function changed(from: string | RegExp, to: string): string[] {
  const text = api.replace(from, to);
  assert.notEqual(text, api);
  const after = intentOf({ 'mesh.yaml': mesh, 'services/api.yaml': text });
  return runChanges(before, after, inventory).map(
    ({ proxy, run }) => `${proxy} ${run?.at}${run?.isNew ? ' new' : ''}`,
  );
}

describe('changes of how applications are run', () => {
  it('touch whoever has another command, environment, port or health check, at the line of it', () => {
    const [v1, v2] = ['api-v1 services/api.yaml:8', 'api-v2 services/api.yaml:9'];
    assert.deepEqual(changed('v2: node a.js', 'v2: node b.js'), [v2]);
    assert.deepEqual(changed('v2: node a.js', 'v2: { command: node a.js, env: { A: b } }'), [v2]);
    assert.deepEqual(changed('v2: node a.js', 'v2: { command: node a.js, port: 8009 }'), [v2]);
    assert.deepEqual(changed('8001', '8002'), [v1]);
    assert.deepEqual(changed('GET /', 'GET /healthz'), [v1, v2]);
    assert.deepEqual(changed('owner: t', 'owner: u'), []);
  });

  it('name what is new, and not what runs no more', () => {
    const fresh = changed('  v2: node a.js\n', '  v2: node a.js\n  v3: node a.js\n');
    assert.deepEqual(fresh, ['api-v3 services/api.yaml:10 new']);
    assert.deepEqual(changed('  v2: node a.js\n', ''), []);
  });

  it('what is new has a wave of its own before all others; everybody is touched once', () => {
    const proxies = ['api-v1', 'api-v2', 'api-v3'].map((id) => id as never);
    const [v1, v2, v3] = proxies.map((proxy) => ({ proxy, service: 'api' as never }));
    assert.ok(v1 && v2 && v3);
    const at = 'services/api.yaml:9';
    const touched = withRunChanges(
      [v1, v2],
      [
        { ...v2, run: { at, isNew: false } },
        { ...v3, run: { at, isNew: true } },
      ],
    );
    assert.deepEqual(
      touched.map(({ proxy, run }) => [proxy, run?.isNew]),
      [
        ['api-v1', undefined],
        ['api-v2', false],
        ['api-v3', true],
      ],
    );
    assert.deepEqual(wavesAtOnce(touched), [['api-v3'], ['api-v1', 'api-v2']]);
    assert.deepEqual(wavesAtOnce(touched.slice(0, 2)), [['api-v1', 'api-v2']]);
    const waves = wavesAfter(undefined, touched, 'c1', () => 0);
    assert.deepEqual(waves[0], ['api-v3']);
    assert.deepEqual(
      waves.slice(1).map(({ length }) => length),
      [1, 1],
    );
    const before = {
      ...{ commit: 'c1', subject: '', base: 'c0', startedMs: 0, waves: [['api-v1', 'api-v2']] },
      state: { kind: 'watching', wave: 0, sinceMs: 0 },
    } as unknown as Rollout;
    assert.deepEqual(
      wavesAfter(before, touched, 'c2', () => 0).map(({ length }) => length),
      [1, 1, 1],
    );
  });
});
