import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, beforeEach, describe, it } from 'node:test';
import { realEnvoyGate } from '../src/app/gate/gates.ts';
import { systemClock as clock } from '../src/base/clock.ts';
import type { Code } from '../src/base/finding.ts';
import { type Files, gateWorld, readingOf, workloadOf } from './support/gate-world.ts';

const names = ['checkout', 'inventory', 'ledger', 'payments', 'reports', 'storefront'];
const shop: Files = Object.fromEntries(
  ['mesh.yaml', ...names.map((name) => `services/${name}.yaml`)].map((file) => [
    file,
    readFileSync(`examples/shop/${file}`, 'utf8'),
  ]),
);

type Change = (files: Record<string, string>) => void;
interface BadCommit {
  readonly kind: string;
  readonly change: Change;
  /** Any of its findings. */
  readonly code?: Code;
  readonly verdict?: 'waiting';
}

function edit(file: string, from: string | RegExp, to: string): Change {
  return (files) => {
    const text = files[file] ?? '';
    const changed = text.replace(from, to);
    assert.notEqual(changed, text, `the edit of ${file} changes nothing`);
    files[file] = changed;
  };
}
const payments = 'services/payments.yaml';
const route = (match: string): Change =>
  edit(payments, 'routes:\n', `routes:\n  - { match: ${match}, to: v1 }\n`);
const gone =
  (...services: readonly string[]): Change =>
  (files) => {
    for (const name of services) delete files[`services/${name}.yaml`];
  };

const bad: readonly BadCommit[] = [
  // What is no YAML, or not the language.
  { kind: 'syntax', change: edit(payments, 'owner:', 'owner: [') },
  { kind: 'syntax', change: edit('mesh.yaml', /^mesh:/m, '\tmesh:') },
  { kind: 'syntax', change: edit(payments, 'protocol: http', 'protocol: http\nprotocol: grpc') },
  { kind: 'unknown field', change: edit(payments, 'allow:', 'allows:') },
  { kind: 'unknown field', change: edit(payments, 'timeout: 2s', 'timeot: 2s') },
  { kind: 'unknown field', change: edit('mesh.yaml', 'defaults:', 'default:') },
  // Names of nothing.
  { kind: 'dangling name', change: edit(payments, 'from: checkout', 'from: chekout') },
  { kind: 'dangling name', change: edit(payments, 'role:back-office', 'role:nobody') },
  { kind: 'dangling name', change: gone('checkout') },
  { kind: 'dead version', change: edit(payments, 'to: v2', 'to: v9') },
  { kind: 'dead version', change: edit(payments, '{ v1: 90, v2: 10 }', '{ v1: 90, v3: 10 }') },
  { kind: 'weights', change: edit(payments, '{ v1: 90, v2: 10 }', '{ v1: 90, v2: 90 }') },
  { kind: 'weights', change: edit(payments, '{ v1: 90, v2: 10 }', '{ v1: -1, v2: 101 }') },
  { kind: 'value', change: edit(payments, 'timeout: 2s', 'timeout: 2') },
  { kind: 'value', change: edit(payments, 'attempts: 2', 'attempts: 200') },
  { kind: 'value', change: edit(payments, 'port: 8082', 'port: 80820') },
  { kind: 'clash', change: edit(payments, 'port: 8082', 'port: 8083') },
  { kind: 'clash', change: edit(payments, 'service: payments', 'service: ledger') },
  // What is right in itself and decides otherwise than its owner said.
  { kind: 'deny all', change: edit(payments, '"* /internal/**"', '"* /**"'), code: 'CH4201' },
  {
    kind: 'allow all',
    change: edit(payments, 'to: POST /v1/charges', 'to: "* /**"\n  - from: "*"\n    to: "* /**"'),
    code: 'CH4201',
  },
  {
    kind: 'lost rule',
    change: edit(payments, 'POST /v1/charges', 'PUT /v1/charges'),
    code: 'CH4201',
  },
  { kind: 'lost rule', change: edit('mesh.yaml', '[reports]', '[storefront]'), code: 'CH4201' },
  {
    kind: 'wrong path',
    change: edit('services/ledger.yaml', 'POST /v1/entries', 'POST /v2/entries'),
    code: 'CH4201',
  },
  // What only the real Envoy refuses.
  { kind: 'regex', change: route(`{ path: ${'/*'.repeat(400)} }`), code: 'CH4204' },
  { kind: 'regex', change: route(`{ path: /v1${'/*'.repeat(300)}/x }`), code: 'CH4204' },
  { kind: 'query', change: route(`{ query: { "": "1" } }`), code: 'CH4204' },
  { kind: 'query', change: route(`{ query: { ${'q'.repeat(1100)}: "1" } }`), code: 'CH4204' },
  // What takes away something in use.
  {
    kind: 'removal',
    change: (files) => removeShopFloor(files),
    code: 'CH4207',
    verdict: 'waiting',
  },
  { kind: 'removal', change: (files) => removeReports(files), code: 'CH4207', verdict: 'waiting' },
  { kind: 'edge in use', change: (files) => cutLedger(files), code: 'CH4208', verdict: 'waiting' },
  { kind: 'empty tree', change: gone(...names) },
  { kind: 'empty tree', change: (files) => void delete files['mesh.yaml'] },
];

/** Whole, as a person would do it: nothing of it is left anywhere. */
function removeReports(files: Record<string, string>): void {
  gone('reports')(files);
  for (const [file, text] of Object.entries(files)) files[file] = withoutTestsOf(text, 'reports');
  edit('mesh.yaml', /\n {2}back-office: .*/, '')(files);
  edit(payments, / {2}- from: role:back-office\n.*\n.*\n/, '')(files);
}

function removeShopFloor(files: Record<string, string>): void {
  removeReports(files);
  gone('storefront')(files);
  for (const [file, text] of Object.entries(files))
    files[file] = withoutRulesOf(text, 'storefront');
  edit('mesh.yaml', '[storefront, checkout]', '[checkout]')(files);
}

function cutLedger(files: Record<string, string>): void {
  edit('services/ledger.yaml', /allow:[\s\S]*?\n\n/, '')(files);
  edit('services/ledger.yaml', /tests:[\s\S]*/, '')(files);
}

function withoutTestsOf(text: string, service: string): string {
  return text.replaceAll(new RegExp(`^ {2}- \\{[^}]*from: ${service},.*\\n`, 'gm'), '');
}

function withoutRulesOf(text: string, service: string): string {
  const tests = text.replaceAll(/^tests:[\s\S]*/gm, '');
  return tests.replaceAll(new RegExp(`^ {2}- from: ${service}\\n(?: {4}.*\\n)*`, 'gm'), '');
}

describe('bad commits', () => {
  const published: string[] = [];
  let world: Awaited<ReturnType<typeof gateWorld>>;
  before(async () => {
    const inventory = names.map((name) => workloadOf(name));
    const envoy = realEnvoyGate({
      ...{ accepted: new Set<string>(), env: process.env, clock },
      onProgress: () => {},
    });
    const use = () => ({ requests: 1, lastMs: clock.nowMs() });
    const traffic = { edge: use, rule: use };
    world = await gateWorld({
      inventory,
      envoy,
      traffic,
      onPublish: (proxy) => published.push(proxy),
    });
    world.gatekeeper.offer(readingOf('good', shop));
    await world.gatekeeper.settled();
    assert.equal(world.verdict('good'), 'accepted');
    published.length = 0;
  });

  // Each by itself: one that came through would hide the next.
  beforeEach(async () => {
    world.gatekeeper.offer(readingOf('good', shop));
    await world.gatekeeper.settled();
    published.length = 0;
  });

  it('there are 30 of 10 kinds at least', () => {
    assert.ok(bad.length >= 30);
    assert.ok(new Set(bad.map(({ kind }) => kind)).size >= 10);
  });

  for (const [index, { kind, change, code, verdict = 'refused' }] of bad.entries()) {
    it(`${kind} (${index + 1}) reaches no proxy, and is told with its code`, async () => {
      const files = { ...shop };
      change(files);
      const commit = `bad-${index + 1}`;
      world.gatekeeper.offer(readingOf(commit, files));
      await world.gatekeeper.settled();
      assert.deepEqual(published, []);
      assert.equal(world.running(), 'good');
      const found = world.verdicts.get(commit)?.verdict;
      assert.equal(found?.kind, verdict, JSON.stringify(found));
      assert.ok(found?.kind === 'refused' || found?.kind === 'waiting');
      const codes = found.findings.map((finding) => finding.code);
      assert.ok(codes.length > 0 && (code === undefined || codes.includes(code)), codes.join());
      if (code === 'CH4204') assert.match(found.findings[0]?.at?.file ?? '', /payments/);
    });
  }

  it('and a good one after all of them goes through', async () => {
    const files = { ...shop };
    edit(payments, '{ v1: 90, v2: 10 }', '{ v1: 80, v2: 20 }')(files);
    world.gatekeeper.offer(readingOf('better', files));
    await world.gatekeeper.settled();
    assert.equal(world.verdict('better'), 'accepted');
    assert.deepEqual(published, ['checkout-v1', 'reports-v1']);
  });
});
