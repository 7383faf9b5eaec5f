import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { workloadAgentSocket } from '../../src/app/layout.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { callApi } from '../../src/serve/api/client.ts';
import { paths } from '../../src/serve/api/wire.ts';
import type { StatusReply } from '../../src/serve/api/wire-status.ts';
import { badDeskCommits, deskFiles, tokenHeaders } from '../support/desk-commits.ts';
import { intentFolder } from '../support/intents.ts';
import { askPool, PoolMember } from '../support/pool-member.ts';
import { rolloutBecomes } from '../support/rollout-becomes.ts';
import { eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';
import { askDesk, stolenSvid } from '../support/stolen-svid.ts';
import { callees, isTakenBack } from '../support/under-load.ts';

/** What a desk of the pool says that it decided. */
type Decision = Readonly<Record<string, unknown>>;

/** The kinds are one to the pool as to an agent (scenario 43): one in a service, one in its caller, one in mesh.yaml. */
const bad = badDeskCommits.filter((_, index) => index % 2 === 1);
const askedPaths = ['/token', '/team'];

describe('commits that change only what desks of a pool decide, under load', () => {
  let mesh: RunningMesh;
  let removeFolder = (): void => {};
  let loads: readonly ReturnType<typeof startLoad>[] = [];
  const members: PoolMember[] = [];
  const second = (): PoolMember => members[1] ?? assert.fail();
  const ask = (path: string) => mesh.ask('web-v1', 'api', 'GET', path, undefined, tokenHeaders);

  before(async () => {
    const [dir, remove] = intentFolder(deskFiles(15_977, 15_978));
    removeFolder = remove;
    mesh = new RunningMesh(dir);
    await mesh.up('--watch', '2s');
    for (const host of ['authz-1', 'authz-2']) {
      members.push(await PoolMember.invite(host, mesh.dir, join(mesh.dir, '..')));
    }
    await Promise.all(members.map((member) => member.start()));
    await askPool(mesh, members);
    loads = askedPaths.map((path) =>
      startLoad({ everyMs: 15, requestsMax: 100_000, send: () => ask(path), key: () => path }),
    );
    // What commits are held against.
    await delay(6_000);
  });
  after(async () => {
    await Promise.all(loads.map((load) => load.stop()));
    await Promise.all(members.map((member) => member.end('SIGKILL')));
    await mesh.remove();
    removeFolder();
  });
  afterEach(() => delay(1_500));

  const commit = (name: string, from: string, to: string): string => {
    mesh.edit(name, (text) => text.replace(from, to));
    mesh.commit(`${from} becomes ${to}`.slice(0, 60));
    return mesh.git('rev-parse', 'HEAD').trim();
  };
  const becomes = (id: string, is: (rollout: Rollout) => boolean, withinMs = 25_000) =>
    rolloutBecomes(mesh.layout.controlSocket, id, is, { withinMs });
  const isLive = ({ state }: Rollout): boolean => state.kind === 'live';
  const step = (kind: 'halt' | 'resume' | 'rollback') =>
    callApi(mesh.layout.controlSocket, {
      method: 'POST',
      path: paths.revisionSteps,
      body: { step: kind, by: 'test' },
    });
  const status = (): Promise<StatusReply> => mesh.status();
  const denials = () =>
    new Map(
      callees.map((one) => [
        one,
        mesh.log(one).filter((line) => [401, 403].includes(Number(line['status']))),
      ]),
    );
  const decisions = async (of: readonly PoolMember[] = members): Promise<readonly Decision[]> => {
    // Decisions are written by 20 ms.
    await delay(300);
    return of.flatMap((one) => one.decisions()).filter(({ service }) => service === 'api');
  };
  const later = (all: readonly Decision[], sinceMs: number): readonly Decision[] =>
    all.filter(({ timeMs }) => Number(timeMs) >= sinceMs);
  /** Who was answered by a commit. */
  const answeredBy = (all: readonly Decision[], id: string): readonly unknown[] =>
    [...new Set(all.flatMap(({ commit: by, proxy }) => (by === id ? [proxy] : [])))].sort();

  /** A commit that stays where its first wave is. */
  const halted = async (
    from: string,
    to: string,
  ): Promise<{ readonly id: string; readonly first: string }> => {
    const id = commit('services/api.yaml', from, to);
    await becomes(id, ({ state }) => state.kind === 'watching');
    await step('halt');
    const { waves, state } = await becomes(id, (one) => one.state.kind === 'halted');
    assert.ok('wave' in state && state.wave === 0, JSON.stringify(state));
    const [first, ...more] = waves[0] ?? [];
    assert.deepEqual([typeof first, more], ['string', []]);
    return { id, first: first as string };
  };

  it('each question says which proxy asks', async () => {
    const seen = new Set((await decisions()).slice(-200).map(({ proxy }) => proxy));
    assert.deepEqual([...seen].sort(), callees);
  });

  it('who holds the SVID of one service hears no rule of another, whatever it calls itself', async () => {
    const svid = await stolenSvid(workloadAgentSocket(mesh.layout, 'web-v1'));
    const sinceMs = Date.now();
    for (const side of ['ingress', 'egress']) {
      const { httpResponse } = await askDesk(svid, second().port, {
        ...{ principal: 'spiffe://desks.test/web', proxy: 'api-v1', side },
        ...{ host: 'api', path: '/team' },
      });
      assert.ok(httpResponse.case === 'deniedResponse', side);
      const { body } = httpResponse.value;
      assert.match(body, /"code":"CH2[0-9]+"/);
      assert.doesNotMatch(body, /by-team|by-token|api\.yaml|source\.team|login/, side);
    }
    await delay(300);
    const asked = later(second().decisions(), sinceMs).filter(({ proxy }) => proxy === 'api-v1');
    const ofWeb = asked.filter(({ service }) => service === 'web');
    assert.equal(ofWeb.length, 2);
  });

  for (const [name, file, from, to] of bad) {
    it(`${name}: hurts one proxy and is taken back`, async () => {
      const before = denials();
      const id = commit(file, from, to);
      const { waves } = await becomes(id, isTakenBack);
      const first = waves[0]?.filter((proxy) => proxy.startsWith('api-')) ?? [];
      assert.equal(first.length, 1);
      await delay(1_200);
      const news = [...denials()].map(
        ([one, lines]) => [one, lines.slice(before.get(one)?.length)] as const,
      );
      assert.deepEqual(
        news.flatMap(([one, lines]) => (lines.length === 0 ? [] : [one])),
        first,
      );
      // Each says which desk has it in its log.
      const hosts = news.flatMap(([, lines]) =>
        lines.map(({ decision }) => (decision as Record<string, unknown>)['desk']),
      );
      assert.ok(hosts.length > 0 && hosts.every((host) => /^authz-[12]$/.test(String(host))));
      assert.deepEqual(answeredBy(await decisions(), id), first);
      for (const path of askedPaths) assert.equal((await ask(path)).status, 200, path);
    });
  }

  it('a good one goes to all, in waves, and denies nobody', async () => {
    const before = denials();
    const id = commit('services/api.yaml', `'source.team == "shop"'`, `'"shop" == source.team'`);
    const { waves } = await becomes(id, isLive);
    assert.deepEqual([...waves.flat()].sort(), callees);
    assert.deepEqual(denials(), before);
    const { desks = [] } = await status();
    assert.deepEqual(
      desks.map(({ host, state }) => [host, state]),
      [
        ['authz-1', 'taken'],
        ['authz-2', 'taken'],
      ],
    );
    assert.equal(new Set(desks.map(({ policy }) => policy)).size, 1);
  });

  for (const [what, comes] of [
    ['is killed and started again', (): Promise<void> => second().end('SIGKILL')],
    ['ends and comes', (): Promise<void> => second().end('SIGTERM')],
    ['stands still', (): Promise<void> => second().hang()],
  ] as const) {
    it(`a desk that ${what} in the middle of a wave answers each proxy by the commit that it has`, async () => {
      const { id, first } = await halted(`'"shop" == source.team'`, `'source.team in ["shop"]'`);
      const before = (await decisions([second()])).length;
      const sinceMs = Date.now();
      await comes();
      await delay(3_500);
      if (what === 'stands still') second().resume();
      else await second().start();
      const asked = async (): Promise<readonly Decision[]> =>
        (await decisions([second()])).slice(before);
      // Each proxy leaves it out for some time of its own.
      await eventually(
        async () => {
          const counts = Map.groupBy(await asked(), ({ proxy }) => proxy);
          return callees.every((one) => (counts.get(one)?.length ?? 0) > 20);
        },
        15_000,
        () => second().output,
      );
      const wrong = (await asked()).filter(
        ({ proxy, commit: by }) => (proxy === first) !== (by === id),
      );
      assert.deepEqual(wrong, [], `${second().output}\n${first} has ${id} since ${sinceMs}`);
      await step('rollback');
      await becomes(id, isTakenBack);
      // It is told to desks and not waited for.
      await delay(500);
      const backMs = Date.now();
      await delay(1_000);
      assert.deepEqual(answeredBy(later(await decisions(), backMs), id), []);
    });
  }

  it('a desk that hangs holds up a commit for less than half a minute, and is named', async () => {
    await second().hang();
    const id = commit('services/api.yaml', `'"shop" == source.team'`, `'source.team == "shop"'`);
    const sinceMs = performance.now();
    await becomes(id, ({ state }) => state.kind === 'pushing');
    const states = async () => (await status()).desks?.map(({ state }) => state).join();
    await eventually(
      async () => (await states()) === 'taken,behind',
      10_000,
      () => 'it is not waited for',
    );
    await becomes(id, isLive, 60_000);
    const tookMs = performance.now() - sinceMs;
    assert.ok(tookMs > 5_000 && tookMs < 45_000, `${tookMs}`);
    await eventually(
      async () => (await status()).warnings.some(({ code }) => code === 'CH5445'),
      20_000,
      () => 'it is not named',
    );
    const { desks = [] } = await status();
    assert.deepEqual(
      desks.map(({ state }) => state),
      ['taken', 'away'],
    );
    const before = (await decisions([second()])).length;
    const resumedMs = Date.now();
    second().resume();
    await eventually(
      async () => (await decisions([second()])).length > before + 50,
      15_000,
      () => second().output,
    );
    // What it decided last before it hung is written now.
    const since = later(await decisions([second()]), resumedMs);
    const wrong = since.filter(({ commit: by }) => by !== id);
    assert.deepEqual(wrong, []);
    await eventually(
      async () => (await status()).desks?.every(({ state }) => state === 'taken') === true,
      5_000,
      () => 'it does not come back',
    );
  });
});
