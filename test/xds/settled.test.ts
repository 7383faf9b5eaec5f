import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Resource, typeUrls } from '../../src/compile/resource.ts';
import { differingNames } from '../../src/compile/snapshot-changes.ts';
import { Quarantine } from '../../src/serve/xds/quarantine.ts';
import { TypeMemory } from '../../src/serve/xds/type-memory.ts';
import { TypeState } from '../../src/serve/xds/type-state.ts';
import { Seeded } from '../fuzz/mutate.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
const nobody: readonly string[] = [];

function named(name: string, version: string): Resource {
  const at = { file: 'services/a.yaml', line: 1, column: 1, length: 1 };
  return {
    typeUrl: typeUrls.endpoints,
    name,
    version,
    bytes: Buffer.from(version),
    from: [at],
  };
}

function mapOf(resources: readonly Resource[]): ReadonlyMap<string, Resource> {
  return new Map(resources.map((one) => [one.name, one]));
}

/** What a peer is to get, looked up name by name, for a type without refusals. */
class Plain {
  readonly wanted = new Set<string>();
  readonly sent = new Map<string, string>();
  readonly accepted = new Map<string, string>();
  readonly asked = new Set<string>();

  due(present: ReadonlyMap<string, Resource>): string[] {
    return [...present.values()]
      .filter(({ name }) => this.wanted.has(name))
      .filter(({ name, version }) => this.asked.has(name) || this.sent.get(name) !== version)
      .map(({ name }) => name);
  }

  gone(present: ReadonlyMap<string, Resource>): string[] {
    return [...this.sent.keys()].filter((name) => !present.has(name));
  }

  hasTaken(present: ReadonlyMap<string, Resource>): boolean {
    return [...present.values()]
      .filter(({ name }) => this.wanted.has(name))
      .every(({ name, version }) => this.accepted.get(name) === version);
  }

  forget(name: string): void {
    for (const held of [this.sent, this.accepted]) held.delete(name);
    this.asked.delete(name);
  }
}

/** A thousand things that happen to one type of one stream, each held against the plain account. */
function live(seed: number): void {
  const random = new Seeded(seed);
  const state = new TypeState({
    memory: new TypeMemory(),
    quarantine: new Quarantine(),
    refusalsSpread: false,
    nowMs: () => 0,
  });
  const plain = new Plain();
  let present = mapOf(names.map((name) => named(name, '1')));
  let inFlight: { resources: readonly Resource[]; removed: readonly string[] } | undefined;
  const request = { unsubscribe: nobody, versions: new Map<string, string>() };
  state.open({ ...request, subscribe: names, wildcardIfEmpty: false, present });
  for (const name of names) for (const set of [plain.wanted, plain.asked]) set.add(name);

  const change = (): void => {
    const kept = [...present.values()].filter(() => random.below(20) > 0);
    const changed = kept.map((one) =>
      random.below(3) > 0 ? one : named(one.name, String(random.below(3))),
    );
    const missing = names.filter((name) => !present.has(name) && random.below(3) === 0);
    present = mapOf([...changed, ...missing.map((name) => named(name, '1'))]);
  };
  const send = (): void => {
    if (inFlight !== undefined) return;
    const additions = state.dueAdditions(present);
    const due = additions.resources.length > 0 ? additions : state.dueRemovals(present);
    if (due.resources.length + due.removed.length === 0) return;
    inFlight = due;
    state.sent('n', due);
    for (const { name, version } of due.resources) {
      plain.sent.set(name, version);
      plain.asked.delete(name);
    }
    for (const name of due.removed) plain.forget(name);
  };
  const acknowledge = (): void => {
    if (inFlight === undefined) return;
    state.acknowledge('n', undefined, present);
    for (const { name, version } of inFlight.resources)
      if (plain.wanted.has(name)) plain.accepted.set(name, version);
    inFlight = undefined;
  };
  const subscribe = (): void => {
    const name = names[random.below(names.length)] ?? 'a';
    if (plain.wanted.has(name) && random.below(2) === 0) {
      state.change([], [name]);
      plain.wanted.delete(name);
      plain.forget(name);
    } else {
      state.change([name], []);
      plain.wanted.add(name);
      plain.asked.add(name);
    }
  };

  for (let step = 0; step < 1_000; step += 1) {
    const actions = [change, send, send, acknowledge, acknowledge, subscribe];
    const usual = actions[random.below(random.below(4) === 0 ? 6 : 5)];
    usual?.();
    const where = `seed ${seed}, step ${step}`;
    if (inFlight === undefined) {
      const due = state.dueAdditions(present).resources.map(({ name }) => name);
      assert.deepEqual(due.toSorted(), plain.due(present).toSorted(), where);
      if (due.length === 0)
        assert.deepEqual(state.dueRemovals(present).removed, plain.gone(present), where);
      assert.equal(state.hasDueAdditions(present), due.length > 0, where);
    }
    assert.equal(state.hasTaken(present, false), plain.hasTaken(present), where);
    const isAllAsked = [...present.keys()].every((name) => plain.wanted.has(name));
    assert.equal(state.wantsAll(present), isAllAsked, where);
  }
}

describe('what is settled is not looked at again', () => {
  it('and what is due, taken, gone and asked for is as if each name were looked up', () => {
    for (let seed = 1; seed <= 60; seed += 1) live(seed);
  });

  it('maps differ by the names whose resource is another one, and not at all comparably when names do', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => named(name, '1'));
    assert.ok(a && b && c);
    assert.deepEqual(differingNames(mapOf([a, b]), mapOf([a, named('b', '2')])), ['b']);
    assert.equal(differingNames(mapOf([a, b]), mapOf([b, a])), undefined, 'moved');
    assert.equal(differingNames(mapOf([a, b]), mapOf([a, c])), undefined, 'another');
    assert.equal(differingNames(mapOf([a]), mapOf([a, b])), undefined, 'one more');
    assert.equal(differingNames(undefined, mapOf([])), undefined, 'nothing is known');
  });
});
