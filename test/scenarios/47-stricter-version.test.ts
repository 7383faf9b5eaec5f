import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Finding } from '../../src/base/finding.ts';
import { callText } from '../../src/client/transport.ts';
import { nodeTransport } from '../../src/serve/api/client.ts';
import { paths, type StatusReply } from '../../src/serve/api/wire.ts';
import { Installation, putChanged, putPresent } from '../support/installation.ts';
import { eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';

/** A version to come, with a rule against what is understood, and one of which it says that it is not. */
const stricter: Parameters<typeof putChanged>[1] = [
  [
    'src/model/service-file.ts',
    "  const protocol = readWord(file, fields.get('protocol'),",
    `  if (name === 'ledger' && !owner.includes('@')) file.report('CH1018', ownerNode, 'an owner has an address');
  const protocol = readWord(file, fields.get('protocol'),`,
  ],
  [
    'src/model/rule-file.ts',
    '  const isRestMisread = misread(beforeRest);',
    `  if (description?.includes('nobody else')) file.report('CH1034', descriptionNode, 'a description promises nothing');
  const isRestMisread = misread(beforeRest);`,
  ],
];
const mended = (mesh: RunningMesh): void => {
  mesh.edit('services/ledger.yaml', (text) => text.replace(/^owner: .*/m, 'owner: a@shop.test'));
  mesh.edit('services/payments.yaml', (text) => text.replace(' and nobody else', ''));
};

describe('an upgrade to a version that would refuse what runs, under load', () => {
  let installation: Installation<'present' | 'next'>;
  let mesh: RunningMesh;
  before(async () => {
    installation = new Installation({
      present: putPresent,
      next: (dir) => putChanged(dir, stricter),
    });
    mesh = new RunningMesh('examples/shop', installation.entry);
    await mesh.up('--watch', '1s');
  });
  after(async () => {
    await mesh.remove();
    installation.remove();
  });

  const status = (): Promise<StatusReply | undefined> => mesh.status().catch(() => undefined);
  const carried = (reply: StatusReply | undefined): readonly Finding[] =>
    reply?.warnings.filter(({ code }) => code === 'CH4246' || code === 'CH4247') ?? [];
  const head = (): string => mesh.git('rev-parse', 'HEAD').trim();
  const until = async (holds: (reply: StatusReply) => boolean): Promise<StatusReply> => {
    let last: StatusReply | undefined;
    await eventually(
      async () => {
        last = await status();
        return last !== undefined && holds(last);
      },
      40_000,
      () => `${JSON.stringify({ ...last, recent: [] })}\n${mesh.output.join('')}`,
    );
    return last as StatusReply;
  };
  const inSync = (): Promise<StatusReply> =>
    until(({ workloads }) =>
      workloads.every((one) => one.proxy === 'converged' && one.workload.state === 'ready'),
    );
  const load = (t: TestContext) => {
    const running = startLoad({
      everyMs: 20,
      requestsMax: 20_000,
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: () => 'ok',
    });
    t.after(() => running.stop());
    return running;
  };
  const charge = async (): Promise<number> =>
    (await mesh.ask('checkout-v1', 'payments', 'POST', '/v1/charges')).status;

  it('goes on with what ran, but for the rule that it does not understand, and says both', async (t) => {
    const running = load(t);
    const before = head();
    assert.notEqual(await charge(), 403);
    installation.install('next');
    await mesh.restart('chancery.js server');
    const reply = await inSync();
    assert.equal(reply.commit, before);
    assert.deepEqual(
      carried(reply).map(({ code, at, found }) => [code, at?.file, at?.line, found]),
      [
        ['CH4247', 'services/payments.yaml', 12, 'the rule allows nothing'],
        ['CH4246', 'services/ledger.yaml', 2, 'what is written goes on as it stands'],
      ],
    );
    const call = { method: 'GET', path: paths.metrics, body: undefined, answer: 'whole' } as const;
    const metrics = await callText(nodeTransport(mesh.layout.controlSocket), {
      ...call,
      signal: undefined,
    });
    assert.match(metrics, /chancery_intent_carried_errors\{part="closed"\} 1/);
    // What it serves is not only what there was: hosts come back, and their proxies get what is due.
    await mesh.restart('chancery.js agent');
    await inSync();
    // The desk of the host comes back a moment after its agent.
    await eventually(
      async () => (await charge()) === 403,
      10_000,
      () => 'a charge is not refused',
    );
    assert.deepEqual((await running.stop()).failures, []);
  });

  it('what comes is judged by its own rules; a revert to what runs is taken', async (t) => {
    const running = load(t);
    const before = head();
    mesh.edit('services/reports.yaml', (text) => `${text}# looked at\n`);
    mesh.commit('mends nothing');
    const { refused, commit } = await until((reply) => reply.refused?.commit === head());
    assert.deepEqual(refused?.codes.toSorted(), ['CH1018', 'CH1034']);
    assert.equal(commit, before);
    mesh.git('revert', '--no-edit', 'HEAD');
    await mesh.live();
    // It brings along what this version compiles otherwise; until all have that, two commits are carried.
    const reply = await until((one) => one.commit === head() && carried(one).length === 2);
    assert.equal(reply.refused, undefined);
    assert.deepEqual((await running.stop()).failures, []);
  });

  it('what mends it and hurts is taken back to it, also on the branch; what mends it goes live', async (t) => {
    const running = load(t);
    mended(mesh);
    mesh.edit('services/reports.yaml', (text) => text.replace(/^/, '# and more\n'));
    mesh.edit('services/payments.yaml', (text) => text.replaceAll('timeout: 2s', 'timeout: 1ms'));
    mesh.commit('mends it, and lets nothing end');
    const bad = head();
    await until((reply) =>
      reply.recent.some(
        (one) =>
          one.kind === 'rollout' &&
          one.rollout.commit === bad &&
          one.rollout.state.kind === 'taken-back',
      ),
    );
    const back = await until((one) => head() !== bad && one.commit === head());
    assert.equal(carried(back).length, 2);
    await running.stop();
    mended(mesh);
    mesh.commit('mends it');
    await mesh.live();
    // Until its last wave was looked at, what ran before is what it goes back to.
    await until((one) => one.commit === head() && carried(one).length === 0);
    assert.notEqual(await charge(), 403);
  });

  it('the version before goes on with it, too', async (t) => {
    const running = load(t);
    installation.install('present');
    await mesh.restart('chancery.js server');
    const reply = await inSync();
    assert.equal(reply.commit, head());
    assert.deepEqual(carried(reply), []);
    assert.deepEqual((await running.stop()).failures, []);
  });

  it('a machine that is started anew with it comes up with what ran', async () => {
    mesh.edit('services/ledger.yaml', (text) => text.replace('a@shop.test', 'team-ledger'));
    mesh.commit('as it was');
    await mesh.live();
    await until((reply) => reply.commit === head());
    await mesh.end();
    installation.install('next');
    mesh.output.length = 0;
    await mesh.up();
    assert.match(mesh.output.join(''), /the last good commit goes on/);
    const reply = await inSync();
    assert.equal(reply.commit, head());
    assert.deepEqual(
      carried(reply).map(({ code }) => code),
      ['CH4246'],
    );
    assert.equal((await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges')).status, 200);
  });
});
