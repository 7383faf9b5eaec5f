import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf } from '../../test/support/gate-world.ts';
import { planSides, type RunRevision, sparePort } from './host-plan.ts';

const mesh = 'mesh: m\ntrust_domain: m.test\n';

function revision(commit: string, run: readonly string[]): RunRevision {
  const api = `service: api\nowner: t\nprotocol: http\nport: 8001\nroutes: [{ to: v1 }]\nrun:\n${run.map((line) => `  ${line}\n`).join('')}`;
  return { commit, intent: intentOf({ 'mesh.yaml': mesh, 'services/api.yaml': api }) };
}

const base = revision('c1', ['v1: node a.js', 'v2: node a.js', 'v3: node a.js']);
const next = revision('c2', ['v1: node b.js', 'v2: node b.js', 'v4: node b.js']);
const book = { workloads: {} };

function planned(ahead: readonly string[]): string[] {
  const set = new Set(ahead as never[]);
  const { workloads } = planSides({ base, next, ahead: set }, book, () => true);
  return workloads
    .map(({ workload, commit, command }) => `${workload.id} ${commit} ${command[1]}`)
    .sort();
}

describe('the plan of a host while a commit is on its way', () => {
  it('runs whoever is ahead as the commit says, and all others as before', () => {
    assert.deepEqual(planned([]), ['api-v1 c1 a.js', 'api-v2 c1 a.js', 'api-v3 c1 a.js']);
    assert.deepEqual(planned(['api-v4', 'api-v2']), [
      ...['api-v1 c1 a.js', 'api-v2 c2 b.js', 'api-v3 c1 a.js', 'api-v4 c2 b.js'],
    ]);
  });

  it('gives no port twice, and keeps those of both sides', () => {
    const ahead = new Set(['api-v4'] as never[]);
    const { workloads } = planSides({ base, next, ahead }, book, () => true);
    const ports = workloads.flatMap(({ workload: { egressPort, ingressPort, appPort } }) => [
      ...[egressPort, ingressPort, appPort],
    ]);
    assert.equal(new Set(ports).size, ports.length);
  });

  it('ends what has left when nothing is on its way any more', () => {
    const sides = { base: next, next: undefined, ahead: new Set<never>() };
    const { workloads } = planSides(sides, book, () => true);
    assert.deepEqual(
      workloads.map(({ workload }) => workload.id),
      ['api-v1', 'api-v2', 'api-v4'],
    );
  });

  it('has no spare port where none is free', () => {
    assert.equal(
      sparePort(() => false),
      undefined,
    );
  });
});
