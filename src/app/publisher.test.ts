import assert from 'node:assert/strict';
import { it } from 'node:test';
import { intentOf, meshFile, serviceFile, workloadOf } from '../../test/support/gate-world.ts';
import { caller, wide, wideMesh } from '../../test/support/wide-mesh.ts';
import { systemClock as clock } from '../base/clock.ts';
import { newGrant } from '../breakglass/grant.ts';
import { type Snapshot, typeUrls } from '../compile/resource.ts';
import { compileRevision } from '../compile/revision.ts';
import type { MeshEvent } from '../serve/api/wire.ts';
import { Publisher } from './publisher.ts';

it('a change of what is only on demand goes to its proxies, and is live when they have taken it', () => {
  const events: MeshEvent[] = [];
  const published: Snapshot[] = [];
  const publisher = new Publisher({
    clock,
    emit: (event) => events.push(event),
    sink: {
      publish: (_proxy, _snapshot, onDemand) => void published.push(onDemand),
      retire: () => {},
    },
  });
  const files = wideMesh(wide);
  const { id } = workloadOf(caller);
  publisher.start(intentOf(files), [workloadOf(caller)], { id: 'one', subject: '' });
  const version = () => published.at(-1)?.get(typeUrls.cluster)?.get('api/v1')?.version;
  const before = version();
  assert.ok(before !== undefined);
  const slower = {
    ...files,
    'mesh.yaml': `${files['mesh.yaml']}defaults: { connect_timeout: 3s }\n`,
  };
  const touched = publisher.propose(intentOf(slower), { id: 'two', subject: '' });
  assert.deepEqual(
    touched.map(({ proxy }) => proxy),
    [id],
  );
  assert.equal(version(), before, 'nobody gets it yet');
  publisher.reach(new Set([id]));
  assert.notEqual(version(), before);
  publisher.converged(id);
  const [live] = events;
  assert.ok(live?.kind === 'live' && live.proxies[0]?.resources.includes('Cluster api/v1'));
});

it('what was tried out before anything ran is what starts, compiled for all who are there', () => {
  const sent: Snapshot[] = [];
  const publisher = new Publisher({
    clock,
    emit: () => {},
    sink: { publish: (_proxy, snapshot) => void sent.push(snapshot), retire: () => {} },
  });
  const intent = intentOf({ 'mesh.yaml': meshFile, 'services/a.yaml': serviceFile('a') });
  const inventory = [workloadOf('a')];
  const tried = publisher.tryOut(intent, inventory);
  publisher.start(intent, inventory, { id: 'c', subject: '' }, { compiled: tried });
  assert.equal(sent[0], tried.snapshots.get(workloadOf('a').id));
});

it('what was compiled of the same intent for equal workloads is taken as it is, and nothing else is', () => {
  const publisher = new Publisher({
    clock,
    emit: () => {},
    sink: { publish: () => {}, retire: () => {} },
  });
  const files = { 'mesh.yaml': meshFile, 'services/a.yaml': serviceFile('a') };
  const [first, second] = [
    intentOf(files),
    intentOf({ ...files, 'services/a.yaml': serviceFile('a', 'allow:\n  - from: a\n') }),
  ];
  const inventory = [workloadOf('a')];
  const { id } = workloadOf('a');
  const commit = { id: 'c', subject: '' };
  publisher.start(first, inventory, commit, { compiled: compileRevision(first, inventory) });
  const before = publisher.snapshots.get(id);
  assert.deepEqual(before, compileRevision(first, inventory).snapshots.get(id));

  const elsewhere = [{ ...workloadOf('a'), ingressPort: 9 }];
  publisher.propose(second, commit, compileRevision(second, elsewhere));
  const changed = compileRevision(second, inventory).snapshots.get(id);
  assert.deepEqual(publisher.snapshots.get(id), changed);
  assert.notDeepEqual(changed, before);
  publisher.propose(first, commit, compileRevision(second, inventory));
  assert.deepEqual(publisher.snapshots.get(id), before);
  const compiled = compileRevision(first, [workloadOf('a')]);
  assert.deepEqual(publisher.propose(first, commit, compiled), []);
  assert.equal(publisher.snapshots.get(id), compiled.snapshots.get(id));
});

it('who had what another commit took the place of has nothing of that one until its wave comes', () => {
  const published = new Map<string, string>();
  const publisher = new Publisher({
    clock,
    emit: () => assert.fail('nobody has the second one'),
    sink: {
      publish: (proxy, _snapshot, _onDemand, commit) => void published.set(proxy, commit),
      retire: () => {},
    },
  });
  const permitting = (rule: string) =>
    intentOf({
      'mesh.yaml': meshFile,
      'services/a.yaml': serviceFile('a', `allow:\n  - { from: b, to: GET /${rule} }\n`),
      'services/b.yaml': serviceFile('b'),
    });
  const second = { ...workloadOf('a'), id: 'a-v2' as never, ingressPort: 15_102 };
  const inventory = [workloadOf('a'), second];
  const all = new Set(inventory.map(({ id }) => id));
  publisher.start(permitting('one'), inventory, { id: 'one', subject: '' });
  publisher.propose(permitting('two'), { id: 'two', subject: '' });
  publisher.reach(all);
  assert.deepEqual([...published.values()], ['two', 'two']);
  publisher.propose(permitting('three'), { id: 'three', subject: '' });
  // Before its first wave is durable an endpoint comes, and proxies tell that they have what they were sent.
  publisher.update([...inventory, workloadOf('b')]);
  publisher.update([workloadOf('a'), { ...second, ingressPort: 15_103 }, workloadOf('b')]);
  for (const proxy of all) publisher.converged(proxy);
  assert.ok(![...published.values()].includes('three'), [...published].join('; '));
  publisher.reach(new Set([second.id]));
  assert.deepEqual([published.get('a-v1'), published.get('a-v2')], ['one', 'three']);
});

/** Two workloads of a service of which rules change, and what is said of commits. */
function riding() {
  const live: string[] = [];
  const sent: string[] = [];
  const publisher = new Publisher({
    clock,
    emit: (event) => void (event.kind === 'live' && live.push(event.commit)),
    sink: { publish: (proxy) => void sent.push(proxy), retire: () => {} },
  });
  const permitting = (rule: string) =>
    intentOf({
      'mesh.yaml': meshFile,
      'services/a.yaml': serviceFile('a', `allow:\n  - { from: b, to: GET /${rule} }\n`),
      'services/b.yaml': serviceFile('b'),
    });
  const [one, two] = [workloadOf('a'), { ...workloadOf('a'), id: 'a-v2' as never }];
  publisher.start(permitting('one'), [one, two], { id: 'one', subject: '' });
  const propose = (rule: string, id: string) =>
    publisher.propose(permitting(rule), { id, subject: '' });
  return { publisher, propose, live, sent, one, two, both: new Set([one.id, two.id]) };
}

it('who has the same of a commit that was replaced is not waited for: it is sent nothing and confirms nothing', () => {
  const { publisher, propose, live, sent, one, two, both } = riding();
  propose('two', 'two');
  publisher.reach(new Set([one.id]));
  publisher.converged(one.id);
  // The bad one between them was overtaken, and this takes out what that changed.
  propose('two', 'three');
  sent.length = 0;
  publisher.reach(new Set([one.id]));
  assert.deepEqual([sent, publisher.pending], [[], 'three']);
  publisher.reach(both);
  publisher.settle();
  assert.deepEqual([sent, live], [[two.id], []]);
  publisher.converged(two.id);
  assert.deepEqual([live, publisher.pending], [['three'], undefined]);
});

it('who has the same of a commit that was replaced, and did not confirm it yet, is waited for', () => {
  const { publisher, propose, live, one, both } = riding();
  propose('two', 'two');
  publisher.reach(both);
  for (const id of both) if (id !== one.id) publisher.converged(id);
  propose('two', 'three');
  publisher.reach(both);
  publisher.settle();
  assert.deepEqual(live, []);
  publisher.converged(one.id);
  assert.deepEqual(live, ['three']);
});

it('who goes away before it has taken a commit is not waited for', () => {
  const { publisher, propose, live, one, two, both } = riding();
  propose('two', 'two');
  publisher.reach(both);
  publisher.converged(one.id);
  publisher.settle();
  assert.deepEqual(live, []);
  publisher.update([one]);
  assert.deepEqual(live, ['two']);
  publisher.update([one, two]);
  assert.deepEqual([live, publisher.pending], [['two'], undefined]);
});

it('what is granted beside Git goes to its proxies at once, and no commit is held against it', () => {
  const published: (readonly [string, Snapshot])[] = [];
  const publisher = new Publisher({
    clock,
    emit: () => {},
    sink: {
      publish: (proxy, snapshot) => void published.push([proxy, snapshot]),
      retire: () => {},
    },
  });
  const files = {
    'mesh.yaml': meshFile,
    'services/a.yaml': serviceFile('a'),
    'services/x.yaml': serviceFile('x'),
  };
  const commit = { id: 'one', subject: '' };
  publisher.start(intentOf(files), [workloadOf('a'), workloadOf('x')], commit);
  const clusters = (snapshots: ReadonlyMap<string, Snapshot>): readonly string[] => [
    ...(snapshots.get('x-v1')?.get(typeUrls.cluster)?.keys() ?? []),
  ];
  assert.ok(!clusters(publisher.snapshots).includes('a/v1'));
  publisher.propose(intentOf(files), { id: 'two', subject: '' });
  published.length = 0;
  const asked = { id: 'ab12', who: 'x', callee: 'a', operations: [], forMs: 1_000 };
  const grant = newGrant({ ...asked, reason: 'r', by: 'b', askedMs: 0 }, { approvals: 1 });
  publisher.grant([grant]);
  // The callee asks its desk about everybody whom no rule of its own lets in, and has nothing new.
  assert.deepEqual(
    published.map(([proxy]) => proxy),
    ['x-v1'],
  );
  assert.ok(clusters(publisher.snapshots).includes('a/v1'));
  assert.ok(!clusters(publisher.bareSnapshots).includes('a/v1'));
  publisher.settle();
  assert.ok(clusters(publisher.snapshots).includes('a/v1'), 'a commit does not end it');
  publisher.grant([]);
  assert.ok(!clusters(publisher.snapshots).includes('a/v1'));
  assert.equal(publisher.bareSnapshots.size, publisher.snapshots.size);
});

it('a commit that changes nothing is live when those are back who had what it took the place of', () => {
  const events: MeshEvent[] = [];
  const publisher = new Publisher({
    clock,
    emit: (event) => events.push(event),
    sink: { publish: () => {}, retire: () => {} },
  });
  const files = { 'mesh.yaml': meshFile, 'services/a.yaml': serviceFile('a') };
  const other = { ...files, 'services/a.yaml': serviceFile('a', 'allow:\n  - from: a\n') };
  const [first, second, third] = [intentOf(files), intentOf(other), intentOf(files)];
  const { id } = workloadOf('a');
  const live = (): readonly string[] =>
    events.flatMap((event) => (event.kind === 'live' ? [event.commit] : []));
  publisher.start(first, [workloadOf('a')], { id: 'one', subject: '' });
  publisher.propose(second, { id: 'two', subject: '' });
  publisher.reach(new Set([id]));
  publisher.converged(id);
  assert.deepEqual(live(), ['two']);
  assert.deepEqual(publisher.propose(third, { id: 'three', subject: '' }), []);
  publisher.reach(new Set());
  assert.deepEqual([live(), publisher.pending], [['two'], 'three']);
  publisher.converged(id);
  assert.deepEqual([live(), publisher.pending], [['two', 'three'], undefined]);
  // And nobody is waited for who has it already.
  publisher.propose(intentOf(files), { id: 'four', subject: '' });
  publisher.settle();
  assert.deepEqual([live(), publisher.pending], [['two', 'three', 'four'], undefined]);
});
