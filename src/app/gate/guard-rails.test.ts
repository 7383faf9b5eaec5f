import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  candidateOf,
  type Files,
  meshFile,
  noTraffic,
  serviceFile,
  workloadOf,
} from '../../../test/support/gate-world.ts';
import { partnerBundle, partnerRoot } from '../../../test/support/partner-bundle.ts';
import { guardFindings } from './guard-rails.ts';
import { referenceCheck } from './references.ts';

const callees = ['a', 'b', 'c', 'd'];
const rule = 'allow:\n  - { from: x, to: GET /x }\n';
/** x may call these of a to d. */
function world(...called: readonly string[]): Files {
  const services = callees.map((name) => [
    `services/${name}.yaml`,
    serviceFile(name, called.includes(name) ? rule : ''),
  ]);
  return {
    'mesh.yaml': meshFile,
    'services/x.yaml': serviceFile('x'),
    ...Object.fromEntries(services),
  };
}
const inventory = [workloadOf('a'), workloadOf('b', 'unhealthy'), workloadOf('x')];
const nowMs = 1_000_000_000;
const quiet = { traffic: noTraffic, nowMs };
const codes = (
  before: Files | undefined,
  after: Files,
  evidence: Parameters<typeof guardFindings>[1],
) => guardFindings(candidateOf(before, after, inventory), evidence).map(({ code }) => code);

describe('guard rails', () => {
  it('nothing is held before anything runs, nor what only adds', () => {
    assert.deepEqual(codes(undefined, world(), quiet), []);
    assert.deepEqual(codes(world('a'), world('a', 'b', 'c', 'd'), quiet), []);
  });

  it('K1: more than a fifth of a proxy is held, from three on; two are not', () => {
    const all = world('a', 'b', 'c', 'd');
    assert.deepEqual(codes(all, world('a', 'b'), quiet), []);
    assert.deepEqual(codes(all, world('a'), quiet), ['CH4206', 'CH4206']);
    const [clusters] = guardFindings(candidateOf(all, world('a'), inventory), quiet);
    assert.match(clusters?.message ?? '', /^proxies of x would lose 3 of 5 clusters$/);
    assert.equal(clusters?.at?.file, 'services/x.yaml');
  });

  it('a bundle of a peer that loses roots is held, one that gains some is not', () => {
    const [one, other] = [partnerRoot(), partnerRoot()];
    const believes = (...roots: readonly string[]): Files => ({
      ...world(),
      'mesh.yaml': `${meshFile}peers:\n  partner.test:\n    endpoint: https://p.test/\n    profile: https_web\n${
        roots.length === 0 ? '' : `    bundle: '${partnerBundle(...roots)}'\n`
      }`,
    });
    assert.deepEqual(codes(world(), believes(one), quiet), []);
    assert.deepEqual(codes(believes(one), believes(other), quiet), ['CH4224']);
    assert.deepEqual(codes(believes(one, other), believes(other), quiet), ['CH4224']);
    assert.deepEqual(codes(believes(), believes(other), quiet), ['CH4224']);
    assert.deepEqual(codes(believes(one), believes(other, one), quiet), []);
    assert.deepEqual(codes(believes(one), believes(), quiet), []);
  });

  it('certificates that end before an outage is over are held, where they lived longer', () => {
    const lives = (ttl: string): Files => ({
      ...world(),
      'mesh.yaml': `${meshFile}defaults:\n  svid_ttl: ${ttl}\n`,
    });
    assert.deepEqual(codes(lives('1h'), lives('5m'), quiet), ['CH4220']);
    assert.deepEqual(codes(lives('5m'), lives('10s'), quiet), ['CH4220']);
    assert.deepEqual(codes(lives('1h'), lives('10m'), quiet), []);
    assert.deepEqual(codes(lives('10s'), lives('10s'), quiet), []);
    assert.deepEqual(codes(lives('10s'), lives('5m'), quiet), []);
  });

  it('a service is held while a workload of it is ready', () => {
    const without = (name: string): Files =>
      Object.fromEntries(
        Object.entries(world()).filter(([file]) => file !== `services/${name}.yaml`),
      );
    assert.deepEqual(codes(world(), without('a'), quiet), ['CH4207']);
    assert.deepEqual(codes(world(), without('b'), quiet), []);
    assert.deepEqual(codes(world(), without('c'), quiet), []);
  });

  it('a service that runs does not become one of tcp, or of requests, unseen', () => {
    const a = (protocol: string): Files => ({
      ...world(),
      'services/a.yaml': serviceFile('a').replace('protocol: http', `protocol: ${protocol}`),
    });
    assert.deepEqual(codes(a('http'), a('tcp'), quiet), ['CH4219']);
    assert.deepEqual(codes(a('tcp'), a('grpc'), quiet), ['CH4219']);
    assert.deepEqual(codes(a('http'), a('http2'), quiet), []);
    const b = { ...world(), 'services/b.yaml': serviceFile('b').replace(': http', ': tcp') };
    assert.deepEqual(codes(world(), b, quiet), []);
  });

  it('a way in use is held, but not in files that are followed as they lie', () => {
    const use = () => ({ requests: 1, lastMs: nowMs });
    const busy = { traffic: { edge: use, rule: use }, nowMs };
    const candidate = candidateOf(world('a', 'b'), world('b'), inventory);
    assert.deepEqual(
      guardFindings(candidate, busy).map(({ code }) => code),
      ['CH4208'],
    );
    const tree = { ...candidate.tree, commit: 'working-1' };
    assert.deepEqual(guardFindings({ ...candidate, tree }, busy), []);
  });
});

describe('references', () => {
  it('K2: what is compiled holds together, also for services that do not run', () => {
    const candidate = candidateOf(undefined, world('a', 'b'), inventory);
    assert.equal(candidate.samples.size, 5);
    assert.equal(candidate.snapshots.size, 3);
    assert.deepEqual(referenceCheck()(candidate), []);
  });

  it('a local port that the workload listens on already is told with its line', () => {
    const tcp = 'service: t\nowner: team\nprotocol: tcp\nport: 9000\nallow:\n  - from: x\n';
    const files = (port: number): Files => ({
      ...world(),
      'services/t.yaml': tcp,
      'services/x.yaml': serviceFile('x', `calls:\n  - { service: t, local_port: ${port} }\n`),
    });
    assert.deepEqual(referenceCheck()(candidateOf(undefined, files(7_000), inventory)), []);
    const [finding, ...more] = referenceCheck()(candidateOf(undefined, files(15_001), inventory));
    assert.deepEqual(more, []);
    assert.equal(finding?.code, 'CH4203');
    assert.equal(finding?.at?.file, 'services/x.yaml');
  });

  it('so is one that another workload of the same host listens on; on another host it is free', () => {
    const other = { ...workloadOf('a'), egressPort: 15_044 };
    const files: Files = {
      ...world(),
      'services/t.yaml':
        'service: t\nowner: team\nprotocol: tcp\nport: 9000\nallow:\n  - from: x\n',
      'services/x.yaml': serviceFile('x', 'calls:\n  - { service: t, local_port: 15044 }\n'),
    };
    const found = (host: string) =>
      referenceCheck()(candidateOf(undefined, files, [{ ...other, host }, workloadOf('x')]));
    assert.match(found(other.host)[0]?.message ?? '', /15044 of x-v1 for t is taken by the a-v1/);
    assert.deepEqual(found('elsewhere'), []);
  });
});
