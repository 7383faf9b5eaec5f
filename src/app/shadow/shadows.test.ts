import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { intentOf, meshFile, serviceFile, silent } from '../../../test/support/gate-world.ts';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import { systemRandom as random } from '../../base/random.ts';
import { noTotals, type ShadowRow } from '../../policy/shadow.ts';
import type { AgentUpdate } from '../../serve/api/wire.ts';
import { openStore } from '../../store/open.ts';
import type { Follower } from '../replicas/feed.ts';
import type { LeaderPart } from '../replicas/role.ts';
import { filesToSend, unpackFiles } from './shadow-files.ts';
import { Shadows } from './shadows.ts';

const hourMs = 3_600_000;
const files = new Map([
  ['mesh.yaml', meshFile],
  ['services/web.yaml', serviceFile('web')],
  ['services/pay.yaml', serviceFile('pay', 'deny:\n  - { id: none, from: "*" }\n')],
]);
const intent = intentOf(Object.fromEntries(files));
const wanted = {
  ...{ branch: 'tighten', commit: 'c'.repeat(40), subject: 's', by: 'ann', forMs: hourMs },
  ...{ files, intent },
};
const row: ShadowRow = {
  ...{ effect: 'newly denied', service: 'pay', caller: 'spiffe://m.test/web', callee: 'pay' },
  ...{ method: 'GET', path: '/a', live: 'allow', shadow: 'deny', shadowRule: 'none' },
  ...{ requests: 2, lastMs: 5, samples: [{ atMs: 5, path: '/a' }] },
};
const totals = { ...noTotals, compared: 3, newlyDenied: 2 };
const pay = new Set(['pay']);

async function world() {
  const store = await openStore(':memory:');
  const clock = new FakeClock();
  const open = async (name: string, isLeading = true) => {
    const followers = new Map<string, Follower>();
    const parts: LeaderPart[] = [];
    const shadows = await Shadows.open({
      ...{ store, fenced: store, clock, random, log: silent },
      replica: {
        ...{ name, isLeading },
        feed: { follow: (kind: string, _: unknown, one: Follower) => followers.set(kind, one) },
        role: { add: async (part: LeaderPart) => void parts.push(part) },
      } as never,
      running: () => intent,
      hosts: () => 2,
    });
    const updates: AgentUpdate[] = [];
    shadows.follow((update) => updates.push(update));
    const hear = async (): Promise<void> => {
      for (const [kind, follower] of followers) {
        const all = await store.list(kind);
        await follower(all.map((document) => ({ id: document.id, document })));
      }
    };
    return { shadows, updates, hear, lead: () => parts[0]?.lead() };
  };
  return { store, clock, open };
}

const rides = (update: AgentUpdate | undefined): boolean =>
  update?.kind === 'shadow' && update.shadow !== undefined;
/** Packing and writes take real time, and nobody waits for them. */
const eventually = async (holds: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 500 && !holds(); turn += 1) await sleep(2);
};

describe('shadows at the control plane', () => {
  it('one rides at a time, is told to hosts, is a notice, and outlives a restart', async () => {
    const { open, store, clock } = await world();
    const { shadows, updates } = await open('a:1');
    assert.deepEqual(updates, [{ kind: 'shadow' }]);
    assert.ok((await shadows.start(wanted)).ok);
    assert.ok(rides(updates.at(-1)));
    const again = await shadows.start(wanted);
    assert.equal(again.ok ? '' : again.error.code, 'CH4244');
    assert.deepEqual(
      shadows.findings.map(({ code }) => code),
      ['CH4245'],
    );
    const restarted = await open('a:1');
    assert.ok(rides(restarted.updates[0]));
    assert.equal(restarted.shadows.info?.branch, 'tighten');
    await store.flush();
    const [started] = await store.ledger({ kind: 'shadow-started', limit: 1 });
    assert.equal(started?.facts['by'], 'ann');
    assert.equal(started?.atMs, clock.nowMs());
  });

  it('ends by itself, also one whose end nobody led through', async () => {
    const { open, store, clock } = await world();
    const { shadows, updates } = await open('a:1');
    await shadows.start(wanted);
    const idle = await open('b:1', false);
    clock.advance(hourMs);
    await eventually(() => shadows.info?.endedBy !== undefined);
    assert.ok(!rides(updates.at(-1)) && !rides(idle.updates.at(-1)));
    assert.equal(shadows.info?.endedBy, 'its end');
    assert.deepEqual(shadows.findings, []);
    await store.flush();
    assert.equal((await store.ledger({ kind: 'shadow-ended', limit: 5 })).length, 1);
    assert.ok((await shadows.start(wanted)).ok);
    await shadows.flushed();
    clock.advance(2 * hourMs);
    const later = await open('c:1');
    assert.ok(!rides(later.updates[0]));
    await later.lead();
    assert.equal(later.shadows.info?.endedMs, clock.nowMs() - hourMs);
  });

  it('is stopped by whoever may, once', async () => {
    const { open } = await world();
    const { shadows, updates } = await open('a:1');
    assert.equal((await shadows.stop('bob')).ok, false);
    await shadows.start(wanted);
    assert.ok((await shadows.stop('bob')).ok);
    assert.ok(!rides(updates.at(-1)));
    assert.equal(shadows.info?.endedBy, 'bob');
  });

  it('counts add up over hosts and control planes, with the lines of the rules', async () => {
    const { open } = await world();
    const [a, b] = [await open('a:1'), await open('b:1', false)];
    await a.shadows.start(wanted);
    await b.hear();
    const id = a.shadows.info?.id ?? '';
    const report = { id, totals, rows: [row], isPartial: false };
    a.shadows.take('h1', pay, report);
    a.shadows.take('h1', pay, report);
    b.shadows.take('h2', pay, report);
    await Promise.all([a.shadows.flushed(), b.shadows.flushed()]);
    await a.hear();
    await b.hear();
    for (const { shadows } of [a, b, await open('a:1')]) {
      const { info } = shadows;
      assert.equal(info?.totals.compared, 9);
      assert.equal(info.hosts, 2);
      assert.equal(info.differences.length, 1);
      assert.equal(info.differences[0]?.requests, 6);
      assert.match(info.differences[0]?.shadowAt ?? '', /^services\/pay\.yaml:\d+$/);
      assert.equal(info.unlisted, 0);
    }
  });

  it('a host speaks of its own services only, in the shape of a report, and of this shadow', async () => {
    const { open } = await world();
    const { shadows } = await open('a:1');
    await shadows.start(wanted);
    const id = shadows.info?.id ?? '';
    const take = (more: object): void =>
      shadows.take('h1', pay, { ...{ id, totals, rows: [row], isPartial: false }, ...more });
    take({ id: 'another' });
    take({ rows: 'none' });
    take({ totals: { ...totals, compared: -1 } });
    take({ totals: undefined });
    take({ totals: null });
    take({ id: null });
    assert.equal(shadows.info?.totals.compared, 0);
    const others = { service: 'web', callee: 'web' };
    const forged = { callee: 'web', caller: 'spiffe://m.test/web' };
    take({
      rows: [
        { ...row, ...others },
        { ...row, ...forged },
        { ...row, requests: 'many' },
        null,
        7,
        row,
      ],
    });
    assert.equal(shadows.info?.differences.length, 1);
  });

  it('a mesh of another trust domain does not ride', async () => {
    const { open } = await world();
    const { shadows } = await open('a:1');
    const other = Object.fromEntries(files);
    other['mesh.yaml'] = meshFile.replace(/^trust_domain:.*$/m, 'trust_domain: other.test');
    const started = await shadows.start({ ...wanted, intent: intentOf(other) });
    assert.equal(started.ok ? '' : started.error.code, 'CH4243');
  });

  it('files that are sent come as they were; what is none is none', async () => {
    const sent = await filesToSend(files);
    assert.deepEqual(await unpackFiles(Buffer.from(sent, 'base64')), files);
    assert.equal(await unpackFiles(Buffer.from('nonsense')), undefined);
  });
});
