import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf, meshFile, serviceFile, workloadOf } from '../../test/support/gate-world.ts';
import type { MadePlace } from '../base/ledger.ts';
import { egressRoutes } from './names.ts';
import { refusedFrom } from './refused-parts.ts';
import { type Resource, typeUrls } from './resource.ts';
import { compileRevision } from './revision.ts';

const allow = 'allow:\n  - { id: all, from: web, to: GET /** }\n';
const routes = [
  'routes:',
  '  - match: { path: /slow/*/all }',
  '    to: v1',
  '    timeout: 9s',
  '    retry: { attempts: 2 }',
  '  - to: v1',
  '',
].join('\n');
const files = {
  'mesh.yaml': meshFile,
  'services/web.yaml': serviceFile('web'),
  'services/pay.yaml': serviceFile('pay', allow + routes),
  'services/stock.yaml': serviceFile('stock', allow),
};

function egressOfWeb(): Resource {
  const inventory = ['web', 'pay', 'stock'].map((name) => workloadOf(name));
  const { snapshots } = compileRevision(intentOf(files), inventory);
  const made = snapshots.get(workloadOf('web').id)?.get(typeUrls.routes)?.get(egressRoutes);
  assert.ok(made);
  return made;
}

const lines = (message: string): string[] =>
  refusedFrom(egressOfWeb(), message).map(({ file, line, part = '' }) =>
    `${file}:${line} ${part}`.trim(),
  );
const lineOf = (text: string): number =>
  files['services/pay.yaml'].split('\n').findIndex((line) => line.includes(text)) + 1;
const caller = 'services/web.yaml:1';
const slow = `services/pay.yaml:${lineOf('/slow')} pay/slow-any-all`;
const rest = `services/pay.yaml:${lineOf('- to: v1')} pay/default`;
const stock = 'services/stock.yaml:1 stock/default';

describe('the lines of the routes of a caller', () => {
  it('are those of the entries of `routes:`, and of the file where it has none', () => {
    assert.deepEqual(lines('anything'), [caller, slow, rest, stock]);
  });

  it('begin with the route that Envoy counts to', () => {
    // Both routes of the intent that retries only what is safe are two of Envoy's.
    const at = (host: number, route: number): string =>
      `Proto constraint validation failed (RouteConfigurationValidationError.VirtualHosts[${host}]: embedded message failed validation | caused by VirtualHostValidationError.Routes[${route}]: embedded message failed validation | caused by field: "action", reason: is required)`;
    for (const first of [0, 1]) assert.deepEqual(lines(at(0, first)), [slow, caller, rest, stock]);
    assert.deepEqual(lines(at(0, 2)), [rest, caller, slow, stock]);
    assert.deepEqual(lines(at(1, 0)), [stock, caller, slow, rest]);
    assert.deepEqual(lines(at(7, 0)), [caller, slow, rest, stock]);
  });

  it('begin with all of a callee, if that is what Envoy counts to', () => {
    const message = 'RouteConfigurationValidationError.VirtualHosts[0]: value is required';
    assert.deepEqual(lines(message), [slow, rest, caller, stock]);
  });

  it('begin with those that have what Envoy quotes', () => {
    assert.deepEqual(lines("regex '/slow/[^/]+/all' is too large"), [slow, caller, rest, stock]);
    assert.deepEqual(lines('bad repetition operator: /slow/[^/]+/all'), [
      slow,
      caller,
      rest,
      stock,
    ]);
    assert.deepEqual(lines("route: unknown cluster 'stock/v1'"), [stock, caller, slow, rest]);
    assert.deepEqual(lines("route: unknown cluster 'nobody/v1'"), [caller, slow, rest, stock]);
  });

  it('a resource without parts has its places in the order that they have', () => {
    const from: readonly MadePlace[] = [{ file: 'a', line: 1 }];
    assert.equal(refusedFrom({ bytes: new Uint8Array([255]), from }, "'a'"), from);
  });
});
