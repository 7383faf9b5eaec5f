import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  candidateOf,
  type Files,
  meshFile,
  serviceFile,
} from '../../../test/support/gate-world.ts';
import { err, ok } from '../../base/result.ts';
import { type EnvoyBinary, resolveEnvoy } from '../../envoy/resolve.ts';
import { validateBootstrap } from '../../envoy/validate.ts';
import { envoyGate, type Judge } from './envoy-gate.ts';

const called = (more = '') => `allow:\n  - { from: x, to: GET /x/** }\n${more}`;
/** Two routes, the second with a header of this name. */
const routes = (header: string) =>
  called(
    `routes:\n  - { match: { path: /x/y }, to: v1 }\n  - { match: { header: { ${header}: "1" } }, to: v1 }\n  - split: { v1: 100 }\n`,
  );
function mesh(services: Readonly<Record<string, string>>): Files {
  const files = Object.entries(services).map(([name, rest]) => [
    `services/${name}.yaml`,
    serviceFile(name, rest),
  ]);
  return {
    'mesh.yaml': meshFile,
    'services/x.yaml': serviceFile('x'),
    ...Object.fromEntries(files),
  };
}
const many = Object.fromEntries('abcdefgh'.split('').map((name) => [name, called()]));

let envoy: EnvoyBinary;
let runs = 0;
const judge: Judge = async (bootstrap) => {
  runs += 1;
  const judged = await validateBootstrap(envoy, bootstrap);
  return judged.ok ? undefined : judged.error;
};
const open = (one: Judge = judge) =>
  envoyGate({ find: async () => ok(one), known: (commit) => commit === 'known' });

before(async () => {
  envoy = await resolveEnvoy({ env: process.env, onProgress: () => {} });
});

describe('the gate of the real Envoy', () => {
  it('takes a good commit in one run, and asks nothing twice', async () => {
    const gate = open();
    runs = 0;
    assert.deepEqual(await gate.check(candidateOf(undefined, mesh(many), [])), []);
    assert.equal(runs, 1);
    assert.deepEqual(await gate.check(candidateOf(undefined, mesh(many), [])), []);
    assert.equal(runs, 1);
    const changed = { ...many, b: routes('x-beta') };
    assert.deepEqual(await gate.check(candidateOf(undefined, mesh(changed), [])), []);
    assert.equal(runs, 2);
  });

  it('a word that only a judge refuses is traced to its route, among good ones', async () => {
    // Whatever Envoy may refuse: a judge that takes all but one header stands for it.
    const picky: Judge = async (bootstrap) =>
      Buffer.from(bootstrap).includes('x-poison') ? 'invalid header x-poison' : undefined;
    const files = mesh({ ...many, d: routes('x-poison'), g: routes('x-poison') });
    const findings = await open(picky).check(candidateOf(undefined, files, []));
    assert.deepEqual(findings.map(({ code, at }) => `${code} ${at?.file}:${at?.line}`).sort(), [
      'CH4204 services/d.yaml:9',
      'CH4204 services/g.yaml:9',
    ]);
    assert.match(findings[0]?.message ?? '', /^Envoy refuses the route [dg]\//);
    assert.equal(findings[0]?.found, 'invalid header x-poison');
  });

  it('a gate without Envoy says so once', async () => {
    const gate = envoyGate({ find: async () => err('no network'), known: () => false });
    const candidate = candidateOf(undefined, mesh(many), []);
    const said = await gate.check(candidate);
    assert.deepEqual(
      said.map(({ code, severity }) => [code, severity]),
      [['CH4205', 'warning']],
    );
    assert.deepEqual(await gate.check(candidate), []);
  });

  it('an Envoy without a verdict lets nothing through', async () => {
    const gate = open(async () => {
      throw new Error('it did not end within 20 s');
    });
    await assert.rejects(async () => gate.check(candidateOf(undefined, mesh(many), [])), /20 s/);
  });
});
