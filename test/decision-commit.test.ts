import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { someDecision } from '../src/agent/decision.fixture.ts';
import { PolicyDesk } from '../src/agent/policy-desk.ts';
import { ControlPlane } from '../src/app/control-plane.ts';
import { systemClock as clock } from '../src/base/clock.ts';
import { systemRandom as random } from '../src/base/random.ts';
import { whyCommand } from '../src/cli/why.ts';
import type { WorkloadId } from '../src/compile/inventory.ts';
import {
  CheckRequestSchema,
  CheckResponseSchema,
} from '../src/gen/envoy/service/auth/v3/external_auth_pb.js';
import { temporaryFolder } from '../src/git/temporary-repository.fixture.ts';
import { parseIntent } from '../src/model/parse.ts';
import type { AgentUpdate } from '../src/serve/api/wire.ts';
import { atOnce } from '../src/serve/authz/at-once.fixture.ts';
import { meshFile, serviceFile, silent, treeOf, workloadOf } from './support/gate-world.ts';

type PolicyUpdate = AgentUpdate & { readonly kind: 'policy' };

const rule = (path: string) => `allow:\n  - { id: r, from: b, to: GET ${path} }\n`;
const files = (path: string, more = '') => ({
  ...{ 'mesh.yaml': meshFile, 'services/b.yaml': serviceFile('b') },
  'services/a.yaml': serviceFile('a', rule(path) + more),
});
const timeout = 'routes:\n  - { to: v1, timeout: 7s }\n';

function planeOf(host: string = workloadOf('a').host) {
  const plane = new ControlPlane({
    ...{ clock, inventory: [workloadOf('a'), workloadOf('b')] },
    ...{ onReady: () => {}, onAccepting: () => {}, onStayed: () => {}, onAccepted: () => {} },
    sink: { publish: () => {}, retire: () => {} },
  });
  const accept = (commit: string, of: ReturnType<typeof files>): void => {
    const tree = treeOf(commit, of);
    const { intent } = parseIntent(tree.files);
    assert.ok(intent);
    plane.accept(tree, intent, { warnings: [], approved: false, compiled: undefined });
  };
  const told: PolicyUpdate[] = [];
  const subscribe = (): void => {
    plane.subscribe(host, (update) => {
      if (update.kind === 'policy') told.push(update);
    });
  };
  return { plane, accept, told, subscribe };
}

describe('the commit of a policy', () => {
  it('is told with it; a commit that leaves it as it is sends nothing, and is not named', () => {
    const { plane, accept, told, subscribe } = planeOf();
    accept('c1', files('/x'));
    subscribe();
    accept('c2', files('/x', timeout));
    plane.settle();
    assert.deepEqual(
      told.map(({ origin }) => origin),
      [{ commit: 'c1' }],
    );
    // Whoever comes later hears the same.
    subscribe();
    assert.deepEqual(
      told.map(({ origin }) => origin?.commit),
      ['c1', 'c1'],
    );
    accept('c3', files('/y', timeout));
    plane.settle();
    assert.deepEqual(
      told.slice(2).map(({ origin }) => origin),
      [{ commit: 'c3' }, { commit: 'c3' }],
    );
  });

  it('of proxies that are ahead is the one on its way', () => {
    const { plane, accept, told, subscribe } = planeOf();
    accept('c1', files('/x'));
    subscribe();
    accept('c2', files('/y'));
    plane.reach(new Set(['a-v1' as WorkloadId]));
    const { origin, ahead } = told.at(-1) ?? {};
    assert.deepEqual(origin, { commit: 'c1' });
    assert.deepEqual([ahead?.commit, ahead?.proxies], ['c2', ['a-v1']]);
  });

  it('of a proxy whose commit another one takes the place of is what runs, until that one comes to it', () => {
    const { plane, accept, told, subscribe } = planeOf();
    accept('c1', files('/x'));
    accept('c2', files('/y'));
    plane.reach(new Set(['a-v1' as WorkloadId]));
    accept('c3', files('/z'));
    // It is not durable yet.
    subscribe();
    assert.deepEqual([told.at(-1)?.origin, told.at(-1)?.ahead], [{ commit: 'c1' }, undefined]);
    plane.reach(new Set(['a-v1' as WorkloadId]));
    assert.deepEqual(told.at(-1)?.ahead?.commit, 'c3');
  });

  it('is in the line of each decision, by the proxy that asked', async (t) => {
    const dir = folder(t);
    const desk = new PolicyDesk({
      ...{ dir, allowRate: 1, env: {}, onNews: () => {}, clock, random, log: silent },
    });
    const { plane, accept, told, subscribe } = planeOf();
    accept('c1', files('/x'));
    subscribe();
    accept('c2', files('/y'));
    plane.reach(new Set(['a-v1' as WorkloadId]));
    for (const update of told) desk.take(update);
    for (const service of ['a', 'b']) desk.check(request(), service, `${service}-v1`);
    await desk.close();
    const lines = readFileSync(join(dir, 'decisions.jsonl'), 'utf8').trim().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)).map(({ service, commit }) => [service, commit]),
      [
        ['a', 'c2'],
        ['b', 'c1'],
      ],
    );
  });
});

describe('a commit of which only desks hear', () => {
  const conditional = (team: string) =>
    files(
      '/x',
      `  - { id: w, from: b, to: GET /w, when: 'request.headers["x-team"] == "${team}"' }\n`,
    );

  it('touches the proxies whose desk decides otherwise, and each desk answers them by one commit as a whole', async (t) => {
    const desk = new PolicyDesk({
      ...{ dir: folder(t), allowRate: 1, env: {}, onNews: () => {}, clock, random, log: silent },
    });
    const { plane, accept, told, subscribe } = planeOf();
    accept('c1', conditional('red'));
    subscribe();
    const { intent } = parseIntent(treeOf('c2', conditional('blue')).files);
    assert.ok(intent);
    accept('c2', conditional('blue'));
    const touched = plane.propose(intent, { id: 'c2', subject: '' }, undefined);
    assert.deepEqual(touched, [{ proxy: 'a-v1', service: 'a' }]);
    assert.equal(told.length, 1);

    plane.reach(new Set(['a-v1' as WorkloadId]));
    for (const update of told) desk.take(update);
    const answers = (team: string) =>
      [{ proxy: 'a-v1' }, { proxy: 'a-v2' }, {}].map(({ proxy }) => {
        const answer = atOnce(desk.check(request('/w', { 'x-team': team }), 'a', proxy));
        return answer.ok && isAllowed(answer.value);
      });
    // Of who does not say which proxy it is, the last one of the service counts.
    assert.deepEqual(answers('blue'), [true, false, false]);
    assert.deepEqual(answers('red'), [false, true, true]);
    plane.settle();
    desk.take(told.at(-1) as PolicyUpdate);
    assert.deepEqual(answers('blue'), [true, true, true]);
    await desk.close();
  });
});

describe('a desk of the pool while a commit is on its way', () => {
  const pool = {
    'mesh.yaml': `${meshFile}defaults: { desk: pool }\ndesk: { pool: { authz: 10.0.0.5:15012 } }\n`,
  };
  const proxyOf = (id: string, host: string) => ({
    ...workloadOf('a'),
    ...{ id: id as WorkloadId, host },
  });

  it('answers each proxy of any host by the commit that it has, and nobody by that of another service', async (t) => {
    const dir = folder(t);
    const desk = new PolicyDesk({
      ...{ dir, allowRate: 1, env: {}, onNews: () => {}, clock, random, log: silent },
      host: () => 'authz',
    });
    const { plane, accept, told, subscribe } = planeOf('authz');
    plane.report('h1', [proxyOf('a-1', 'h1'), proxyOf('a-2', 'h1')]);
    plane.report('h2', [proxyOf('a-3', 'h2')]);
    plane.report('local', [workloadOf('b')]);
    accept('c1', { ...files('/x'), ...pool });
    subscribe();
    accept('c2', { ...files('/y'), ...pool });
    const decides = (proxy: string | undefined, service = 'a') => {
      for (const update of told.splice(0)) desk.take(update);
      const answer = desk.check(request('/y', {}, proxy), service);
      return !(answer instanceof Promise) && answer.ok && isAllowed(answer.value);
    };
    plane.reach(new Set(['a-1', 'a-3'] as WorkloadId[]));
    assert.equal(told.at(-1)?.version, plane.policyVersion('authz'));
    assert.deepEqual(
      ['a-1', 'a-2', 'a-3', undefined].map((one) => decides(one)),
      [...[true, false, true, false]],
    );
    // A name of another service's proxy is no way to its policy.
    assert.equal(decides('a-1', 'b'), false);
    plane.reach(new Set(['a-1', 'a-2', 'a-3'] as WorkloadId[]));
    assert.deepEqual(
      ['a-2', undefined].map((one) => decides(one)),
      [true, true],
    );
    // It comes in the middle of it, and is told before it asks.
    plane.report('h2', [proxyOf('a-3', 'h2'), proxyOf('a-4', 'h2')]);
    assert.deepEqual(
      ['a-3', 'a-4', undefined].map((one) => decides(one)),
      [true, false, false],
    );
    await desk.close();
    const lines = readFileSync(join(dir, 'decisions.jsonl'), 'utf8').trim().split('\n');
    const [first, second] = lines.map((line) => JSON.parse(line));
    assert.deepEqual([first.desk, first.proxy, first.commit], ['authz', 'a-1', 'c2']);
    assert.deepEqual([second.desk, second.proxy, second.commit], ['authz', 'a-2', 'c1']);
  });

  it('holds nothing of a commit that was taken back', () => {
    const { plane, accept, told, subscribe } = planeOf('authz');
    accept('c1', { ...files('/x'), ...pool });
    subscribe();
    accept('c2', { ...files('/y'), ...pool });
    plane.reach(new Set(['a-v1' as WorkloadId]));
    assert.deepEqual(told.at(-1)?.ahead?.members, { a: ['a-v1'] });
    plane.withdraw('c2', 'it hurts');
    assert.equal(told.at(-1)?.ahead, undefined);
  });
});

describe('a workload that comes while its commit is on its way', () => {
  it('is told to its desk as ahead: what a wave waits for is what the desk was told', () => {
    const { plane, accept, told, subscribe } = planeOf();
    accept('c1', files('/x'));
    subscribe();
    accept('c2', files('/y'));
    const late = { ...workloadOf('a'), id: 'a-v2' as WorkloadId };
    plane.reach(new Set(['a-v1' as WorkloadId, late.id]));
    assert.deepEqual(told.at(-1)?.ahead?.proxies, ['a-v1']);
    plane.report('local', [workloadOf('a'), late, workloadOf('b')]);
    assert.deepEqual(told.at(-1)?.ahead?.proxies, ['a-v1', 'a-v2']);
    assert.equal(told.at(-1)?.version, plane.policyVersion('local'));
  });
});

describe('a policy that a desk cannot read', () => {
  it('is told as refused until it has another one, and the last one holds', async (t) => {
    const desk = new PolicyDesk({
      ...{ dir: folder(t), allowRate: 1, env: {}, onNews: () => {}, clock, random, log: silent },
    });
    const { accept, told, subscribe } = planeOf();
    accept('c1', files('/y'));
    subscribe();
    const [good] = told;
    assert.ok(good);
    desk.take(good);
    desk.take({ kind: 'policy', version: 'later', document: { version: 99 } as never });
    assert.equal(desk.report.policy, good.version);
    assert.equal(desk.report.policyRefused?.version, 'later');
    const answer = atOnce(desk.check(request(), 'a', 'a-v1'));
    assert.ok(answer.ok && isAllowed(answer.value));
    desk.take(good);
    assert.equal(desk.report.policyRefused, undefined);
    await desk.close();
  });
});

describe('chancery why --decision', () => {
  it('finds the line, names the commit and says what the engine says by it', async (t) => {
    const repository = temporaryFolder(t);
    repository.git(['init', '-q']);
    for (const [path, text] of Object.entries(files('/x'))) repository.write(path, text);
    repository.commitAll('first');
    const commit = repository.git(['rev-parse', 'HEAD']).trim();
    for (const [path, text] of Object.entries(files('/y'))) repository.write(path, text);
    repository.commitAll('second');
    const line = {
      ...{ ...someDecision, id: 'd-77', service: 'a', rule: 'r', commit },
      ...{ principal: 'spiffe://m.test/b', method: 'GET', path: '/x', host: 'a', desk: 'authz-1' },
    };
    const log = join(folder(t), 'decisions.jsonl');
    writeFileSync(log, `not JSON d-77\n${JSON.stringify(line)}\n`);
    const written: string[] = [];
    const take = (text: string): void => void written.push(text);
    const terminal = {
      color: false,
      json: false,
      width: 120,
      out: take,
      err: take,
      findings: () => {},
    };
    const args = ['--in', repository.dir, '--decision'];
    assert.equal(await whyCommand([...args, 'd-77', '--log', log], terminal), 0);
    const text = written.join('\n');
    assert.match(text, new RegExp(`policy {4}v-1, of commit ${commit.slice(0, 12)}`));
    assert.match(text, /desk +authz-1, of the pool/);
    assert.match(text, /ALLOW {2}b -> a GET \/x {2}at commit/);
    assert.match(text, /allow rule r +services\/a\.yaml:\d+/);

    mkdirSync(join(repository.dir, '.chancery', 'logs'), { recursive: true });
    writeFileSync(join(repository.dir, '.chancery', 'logs', 'decisions.jsonl'), '');
    await assert.rejects(whyCommand([...args, 'd-78'], terminal), /there is no decision "d-78"/);
  });
});

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'decision-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function request(
  path = '/y',
  headers: Readonly<Record<string, string>> = {},
  proxy?: string,
): Uint8Array {
  const raw = Object.entries(headers).map(([key, value]) => ({
    key,
    rawValue: Buffer.from(value),
  }));
  const http = { method: 'GET', path, host: 'a', headerMap: { headers: raw } };
  return toBinary(
    CheckRequestSchema,
    create(CheckRequestSchema, {
      attributes: {
        source: { principal: 'spiffe://m.test/b' },
        ...(proxy === undefined ? {} : { destination: { labels: { proxy } } }),
        request: { http },
        contextExtensions: { 'chancery.side': 'ingress' },
      },
    }),
  );
}

function isAllowed(answer: Uint8Array): boolean {
  return fromBinary(CheckResponseSchema, answer).httpResponse.case === 'okResponse';
}
