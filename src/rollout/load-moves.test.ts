import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf } from '../../test/support/gate-world.ts';
import type { ServiceName } from '../model/types.ts';
import { loadMoves } from './load-moves.ts';

const files = {
  'mesh.yaml': 'mesh: m\ntrust_domain: m.test\n',
  'services/api.yaml': [
    'service: api\nowner: t\nprotocol: http\nport: 8001\nhealth: GET /\nallow: [{ from: web }]',
    'routes:\n  - match: { path: /b/** }\n    to: v2\n  - split: { v1: 90, v2: 10 }\n    timeout: 2s',
    'run:\n  v1: node a.js\n  v2: node a.js\n  v3: node a.js\n',
  ].join('\n'),
  'services/web.yaml': 'service: web\nowner: t\nprotocol: http\nport: 8002\n',
};
const before = intentOf(files);

function movesAfter(change: (files: Record<string, string>) => void): readonly string[] {
  const changed: Record<string, string> = { ...files };
  change(changed);
  const moves = loadMoves(before, intentOf(changed));
  return ['api', 'web'].filter((name) => moves(name as ServiceName));
}

function edited(from: string, to: string): readonly string[] {
  return movesAfter((changed) => {
    const text = changed['services/api.yaml'] ?? '';
    assert.ok(text.includes(from));
    changed['services/api.yaml'] = text.replace(from, to);
  });
}

describe('a commit means to give a service other requests', () => {
  it('where it splits or matches them anew', () => {
    assert.deepEqual(edited('{ v1: 90, v2: 10 }', '{ v1: 10, v2: 90 }'), ['api']);
    assert.deepEqual(edited('/b/**', '/c/**'), ['api']);
  });

  it('and everywhere where it takes away a service or a version, which may have sent them', () => {
    assert.deepEqual(edited('  v3: node a.js\n', ''), ['api', 'web']);
    const gone = movesAfter((changed) => {
      delete changed['services/web.yaml'];
      changed['services/api.yaml'] = files['services/api.yaml'].replace('from: web', 'from: api');
    });
    assert.deepEqual(gone, ['api', 'web']);
  });

  it('but not where it says how long they may take, where they are in the file, or who may send them', () => {
    assert.deepEqual(edited('timeout: 2s', 'timeout: 3s'), []);
    assert.deepEqual(edited('owner: t', 'owner: t\ndescription: what for'), []);
    assert.deepEqual(edited('[{ from: web }]', '[{ from: web, to: GET /** }]'), []);
    assert.deepEqual(edited('port: 8001', 'port: 8009'), []);
  });
});
