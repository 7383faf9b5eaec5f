import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  gateWorld,
  meshFile,
  readingOf,
  serviceFile,
  silent,
  workloadOf,
} from '../../../test/support/gate-world.ts';
import { systemClock as clock } from '../../base/clock.ts';
import type { Gate } from './candidate.ts';
import { Verdicts } from './verdicts.ts';

const a = serviceFile('a', 'allow:\n  - { from: b, to: GET /x }\n');
const b = serviceFile('b');
const good = { 'mesh.yaml': meshFile, 'services/a.yaml': a, 'services/b.yaml': b };
const withTest = (expect: string) => ({
  ...good,
  'services/a.yaml': `${a}tests:\n  - { from: b, request: GET /x, expect: ${expect} }\n`,
});

describe('the gatekeeper', () => {
  it('lets a commit through that passes every gate, and says how long each took', async () => {
    const world = await gateWorld();
    world.gatekeeper.offer(readingOf('one', withTest('allow')));
    await world.gatekeeper.settled();
    assert.equal(world.running(), 'one');
    const gates = world.verdicts.get('one')?.gates.map(({ gate }) => gate);
    assert.deepEqual(gates, ['parse', 'compile', 'tests', 'references', 'guard']);
  });

  it('refuses a commit as a whole and goes on with the last good one', async () => {
    const world = await gateWorld();
    for (const [commit, files] of [
      ['one', good],
      ['broken', { ...good, 'services/b.yaml': `${b}nonsense: 1\n` }],
      ['untrue', withTest('deny')],
    ] as const) {
      world.gatekeeper.offer(readingOf(commit, files));
      await world.gatekeeper.settled();
    }
    assert.equal(world.running(), 'one');
    assert.equal(world.verdict('broken'), 'refused');
    const untrue = world.verdicts.get('untrue');
    assert.ok(untrue?.verdict.kind === 'refused');
    const [finding] = untrue.verdict.findings;
    assert.equal(finding?.code, 'CH4201');
    assert.equal(finding?.at?.file, 'services/a.yaml');
    const lines = untrue.sources['services/a.yaml']?.split('\n') ?? [];
    assert.match(lines[(finding?.at?.line ?? 0) - 1] ?? '', /expect: deny/);
  });

  it('is superseded what is overtaken, and the last of a hundred commits runs', async () => {
    const slow: Gate = {
      name: 'envoy',
      onErrors: 'refuse',
      check: async () => {
        await new Promise((wake) => setTimeout(wake, 3));
        return [];
      },
    };
    const world = await gateWorld({ gates: [slow, slow] });
    for (let n = 1; n <= 100; n += 1) {
      world.gatekeeper.offer(readingOf(`commit-${n}`, good));
      if (n % 3 === 0) await new Promise((wake) => setTimeout(wake, 2));
    }
    await world.gatekeeper.settled();
    assert.equal(world.running(), 'commit-100');
    const kinds = world.verdicts.all.map(({ verdict }) => verdict.kind);
    assert.equal(kinds.length, 100);
    assert.ok(kinds.every((kind) => kind === 'accepted' || kind === 'superseded'));
    assert.ok(kinds.filter((kind) => kind === 'accepted').length > 1, 'a stream holds nothing up');
  });

  it('what is on its way is superseded by what takes its place; what ran before stays accepted', async () => {
    const world = await gateWorld({ settles: false });
    const said: string[] = [];
    world.plane.events.follow((event) => {
      if (event.kind === 'superseded') said.push(`${event.commit} by ${event.by}`);
    });
    for (const commit of ['one', 'two', 'three', 'four']) {
      if (commit === 'four') world.plane.settle();
      world.gatekeeper.offer(readingOf(commit, good));
      await world.gatekeeper.settled();
    }
    const kinds = ['one', 'two', 'three', 'four'].map((commit) => world.verdict(commit));
    assert.deepEqual(kinds, ['accepted', 'superseded', 'accepted', 'accepted']);
    assert.deepEqual(said, ['two by three']);
  });

  it('what runs stays accepted where the branch was at it for a moment that nobody read', async () => {
    const world = await gateWorld();
    world.gatekeeper.offer(readingOf('one', good));
    await world.gatekeeper.settled();
    for (const commit of ['two', 'one', 'three']) world.gatekeeper.offer(readingOf(commit, good));
    await world.gatekeeper.settled();
    assert.deepEqual([world.running(), world.verdict('one')], ['three', 'accepted']);
  });

  it('says nothing more of what is being checked when another one begins to lead', async () => {
    let leads = true;
    const ends: Gate = {
      ...{ name: 'envoy', onErrors: 'refuse' },
      check: () => {
        leads = false;
        return [];
      },
    };
    const world = await gateWorld({ gates: [ends], isLeading: () => leads });
    world.gatekeeper.offer(readingOf('one', good));
    await world.gatekeeper.settled();
    assert.deepEqual([world.running(), world.verdicts.all], [undefined, []]);
  });

  it('lets nothing through when a gate fails itself', async () => {
    const broken: Gate = {
      name: 'envoy',
      onErrors: 'refuse',
      check: () => {
        throw new Error('out of paper');
      },
    };
    const world = await gateWorld({ gates: [broken] });
    world.gatekeeper.offer(readingOf('one', good));
    await world.gatekeeper.settled();
    assert.equal(world.running(), undefined);
    const verdict = world.verdicts.get('one')?.verdict;
    assert.ok(verdict?.kind === 'refused' && verdict.findings[0]?.code === 'CH4209');
  });

  it('holds a removal until somebody approves it', async () => {
    const world = await gateWorld({ inventory: [workloadOf('a'), workloadOf('b')] });
    const without = { 'mesh.yaml': meshFile, 'services/a.yaml': serviceFile('a') };
    world.gatekeeper.offer(readingOf('one', good));
    await world.gatekeeper.settled();
    world.gatekeeper.offer(readingOf('two', without));
    await world.gatekeeper.settled();
    assert.equal(world.verdict('two'), 'waiting');
    assert.equal(world.gatekeeper.waiting?.commit, 'two');
    assert.equal(world.running(), 'one');
    assert.equal(await world.gatekeeper.approve('one', 'ann'), false);
    assert.equal(await world.gatekeeper.approve('two', 'ann'), true);
    assert.equal(world.running(), 'two');
    const verdict = world.verdicts.get('two')?.verdict;
    assert.ok(verdict?.kind === 'accepted' && verdict.approvedBy === 'ann');
    assert.equal(world.gatekeeper.waiting, undefined);
  });

  it('lets a removal pass whose commit says that it is meant, and only that word', async () => {
    for (const [word, kind] of [
      ['removal', 'accepted'],
      ['everything', 'waiting'],
    ] as const) {
      const world = await gateWorld({ inventory: [workloadOf('a'), workloadOf('b')] });
      const without = { 'mesh.yaml': meshFile, 'services/a.yaml': serviceFile('a') };
      world.gatekeeper.offer(readingOf('one', good));
      await world.gatekeeper.settled();
      const trailers = new Map([['chancery-approve', [word]]]);
      world.gatekeeper.offer(readingOf('two', without, trailers));
      await world.gatekeeper.settled();
      assert.equal(world.verdict('two'), kind);
    }
  });

  it('a commit that takes the removal back ends the wait', async () => {
    const world = await gateWorld({ inventory: [workloadOf('a'), workloadOf('b')] });
    const without = { 'mesh.yaml': meshFile, 'services/a.yaml': serviceFile('a') };
    for (const [commit, files] of [
      ['one', good],
      ['two', without],
      ['three', good],
    ] as const) {
      world.gatekeeper.offer(readingOf(commit, files));
      await world.gatekeeper.settled();
    }
    assert.equal(world.verdict('two'), 'superseded');
    assert.equal(world.running(), 'three');
    assert.equal(await world.gatekeeper.approve('two', 'ann'), false);
  });

  it('what is back at the running commit is refused no longer', async () => {
    const world = await gateWorld();
    for (const [commit, files] of [
      ['one', good],
      ['two', withTest('deny')],
      ['one', good],
    ] as const) {
      world.gatekeeper.offer(readingOf(commit, files));
      await world.gatekeeper.settled();
    }
    assert.ok(world.plane.intent.kind === 'running' && world.plane.intent.refused === undefined);
    assert.equal(world.verdict('one'), 'accepted');
  });

  it('verdicts outlive the process, and are known to whoever follows', async () => {
    const world = await gateWorld();
    for (const [commit, files] of [
      ['one', good],
      ['two', withTest('deny')],
    ] as const) {
      world.gatekeeper.offer(readingOf(commit, files));
      await world.gatekeeper.settled();
    }
    await world.verdicts.flushed();
    const again = await Verdicts.open({ store: world.store, clock, log: silent });
    assert.equal(again.get('one')?.verdict.kind, 'accepted');
    assert.equal(again.refused?.commit, 'two');
    world.gatekeeper.offer(readingOf('three', good));
    await world.gatekeeper.settled();
    await world.verdicts.flushed();
    again.take([{ id: 'three', document: await world.store.get('verdict', 'three') }]);
    assert.deepEqual(
      again.all.map(({ commit }) => commit),
      ['three', 'two', 'one'],
    );
    assert.equal(again.refused, undefined);
  });

  it('what the store does not take since another replica leads is not accepted', async () => {
    const world = await gateWorld({ keep: async () => false });
    world.gatekeeper.offer(readingOf('one', good));
    await world.gatekeeper.settled();
    assert.equal(world.running(), undefined);
    assert.equal(world.verdict('one'), undefined);
  });
});
