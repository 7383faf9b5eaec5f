import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { next } from '../../src/cli/wait-step.ts';
import type { CommitReply } from '../../src/client/gen/api.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { paths, type RevisionsReply, type StatusReply } from '../../src/serve/api/wire.ts';
import { intentFolder } from '../support/intents.ts';
import { noPostgres } from '../support/postgres.ts';
import { type ReplicaProcess, ReplicatedMesh } from '../support/replicated-mesh.ts';
import { rolloutBecomes } from '../support/rollout-becomes.ts';
import { eventually } from '../support/running-mesh.ts';
import {
  allowWeb,
  answeringApp,
  callees,
  denials,
  deniedSince,
  denyAll,
  evenSplit,
  reply,
  run,
  service,
  startLoads,
  versions,
  watchMs,
} from '../support/under-load.ts';

const api = 'services/api.yaml';
const files = {
  'mesh.yaml': 'mesh: twins\ntrust_domain: twins.test\n',
  [api]: service('api', 15_991, `${allowWeb}routes:\n  - ${evenSplit}\n${run(versions)}`),
  'services/web.yaml': service('web', 15_992, 'run: node app.js\n'),
  'app.js': answeringApp(),
};

const leaderOf = ({ replicas }: StatusReply): string | undefined =>
  replicas.find(({ leadsSinceMs }) => leadsSinceMs !== undefined)?.name;

describe('commits while control planes die, under load', { skip: noPostgres() ?? false }, () => {
  let mesh: ReplicatedMesh;
  let removeFolder = (): void => {};
  let stopLoad = async (): Promise<void> => {};
  let count = 0;
  before(async () => {
    const [dir, remove] = intentFolder(files);
    removeFolder = remove;
    mesh = new ReplicatedMesh(dir);
    await mesh.start(2, ['--watch', `${watchMs}ms`]);
    await bothThere();
    await mesh.startWorkloads();
    await allGreen();
    stopLoad = await startLoads({ api: () => mesh.ask('web-v1', 'api', 'GET', '/') });
  });
  after(async () => {
    await stopLoad();
    await mesh.stop();
    removeFolder();
  });
  afterEach(async () => {
    for (const one of mesh.replicas) if ((await one.status()) === undefined) one.start();
    await bothThere();
    await allGreen();
    await delay(1_500);
  });

  const bothThere = async (): Promise<void> => {
    for (const one of mesh.replicas) {
      await mesh.until(one, 'both there and led', (status) => {
        const up = status.replicas.filter(({ state }) => state !== 'silent');
        return up.length === 2 && leaderOf(status) !== undefined;
      });
    }
  };
  const allGreen = async (): Promise<void> => {
    for (const one of mesh.replicas) {
      await mesh.until(
        one,
        'green',
        ({ workloads }) =>
          workloads.length === 4 &&
          workloads.every((two) => two.proxy === 'converged' && two.workload.state === 'ready'),
      );
    }
  };
  const roles = async (): Promise<{ leader: ReplicaProcess; other: ReplicaProcess }> => {
    const [one = assert.fail(), two = assert.fail()] = mesh.replicas;
    const name = leaderOf((await one.status()) ?? assert.fail());
    return name === one.name ? { leader: one, other: two } : { leader: two, other: one };
  };
  const get = <Reply>(at: ReplicaProcess, path: string): Promise<Reply> =>
    reply<Reply>(at.layout.controlSocket, path);
  const becomes = (
    at: ReplicaProcess,
    id: string,
    is: (rollout: Rollout) => boolean,
  ): Promise<Rollout> =>
    rolloutBecomes(at.layout.controlSocket, id, is, {
      withinMs: 30_000,
      more: () => `\n${at.output.slice(-4_000)}`,
    });
  const bad = (): string => mesh.push(api, (text) => text + denyAll, 'deny api');
  const good = (message?: string): string => {
    count += 1;
    const more = `allow:\n  - { id: more-${count}, from: web, to: POST /more-${count} }\n`;
    return mesh.push(api, (text) => text.replace('allow:\n', more), message ?? `permit ${count}`);
  };
  const hubHead = (): string => mesh.git('ls-remote', 'origin', 'main').split('\t')[0] ?? '';
  const follow = (): void => {
    mesh.git('fetch', '--quiet', 'origin', 'main');
    mesh.git('reset', '--quiet', '--hard', 'FETCH_HEAD');
  };
  const denied = async (during: () => Promise<void>): Promise<readonly string[]> => {
    const earlier = denials(mesh, callees);
    await during();
    return deniedSince(earlier, () => denials(mesh, callees));
  };
  /** What the branch holds runs everywhere, and denies nobody. */
  const isGoodAgain = async (at: ReplicaProcess): Promise<void> => {
    let last = '';
    await eventually(
      async () => {
        const status = await at.status();
        const [newest] = (await get<RevisionsReply>(at, paths.revisions)).revisions;
        last = JSON.stringify({ commit: status?.commit, warnings: status?.warnings, newest });
        const isCalm = newest?.state.kind === 'live' && status?.commit === hubHead();
        return isCalm && status.workloads.every(({ proxy }) => proxy === 'converged');
      },
      30_000,
      () => `the good state does not come back: ${last}\n${at.output.slice(-4_000)}`,
    );
    follow();
    assert.doesNotMatch(mesh.git('show', `HEAD:${api}`), /deny/);
    for (let request = 0; request < 12; request += 1) {
      assert.equal((await mesh.ask('web-v1', 'api', 'GET', '/')).status, 200);
    }
  };
  const waited = async (at: ReplicaProcess, id: string): Promise<number> => {
    const endMs = performance.now() + 20_000;
    for (;;) {
      const step = next(await get<CommitReply>(at, `${paths.verdicts}/${id}`), id);
      if ('end' in step) return step.code;
      if (performance.now() > endMs) assert.fail(`${id}: ${JSON.stringify(step)}`);
      await delay(50);
    }
  };
  const isTakenBack = ({ state }: Rollout): boolean => state.kind === 'taken-back';

  for (const afterMs of [0, 700, 1_400]) {
    it(`the leader dies ${afterMs} ms after the first proxy got a bad one: that is taken back`, async () => {
      const { leader, other } = await roles();
      const who = await denied(async () => {
        const id = bad();
        await becomes(leader, id, () => true);
        await delay(afterMs);
        await leader.end('SIGKILL');
        await becomes(other, id, isTakenBack);
        await isGoodAgain(other);
        assert.equal(await waited(other, id), 2);
      });
      assert.ok(who.length <= 1, who.join());
    });
  }

  it('the leader dies with a good one on top of a bad one: both go back', async () => {
    const { leader, other } = await roles();
    const who = await denied(async () => {
      const first = bad();
      await becomes(leader, first, () => true);
      const second = good();
      await becomes(leader, second, () => true).catch(() => {});
      await leader.end('SIGKILL');
      await eventually(
        async () => hubHead() !== second,
        30_000,
        () => `the branch does not follow\n${other.output.slice(-4_000)}`,
      );
      await isGoodAgain(other);
      assert.equal(await waited(other, first), 2);
      assert.equal(await waited(other, second), 2);
    });
    assert.ok(who.length <= 1, who.join());
  });

  it('the leader dies while it pushes what takes a bad one back: one commit does so', async () => {
    const { leader, other } = await roles();
    const [hook, mark] = [join(mesh.hub, 'hooks/pre-receive'), join(mesh.dir, 'pushing')];
    const ofOurs = 'read old new ref\n[ "$(git log -1 --format=%an $new)" = chancery ] || exit 0';
    writeFileSync(hook, `#!/bin/sh\n${ofOurs}\ntouch ${mark}; sleep 10\n`, { mode: 0o755 });
    const who = await denied(async () => {
      const id = bad();
      await eventually(
        () => existsSync(mark),
        20_000,
        () => `nothing is pushed\n${leader.output.slice(-4_000)}`,
      );
      await leader.end('SIGKILL');
      await eventually(
        () => hubHead() !== id,
        40_000,
        () => `the branch does not follow\n${other.output.slice(-4_000)}`,
      );
      rmSync(hook);
      await isGoodAgain(other);
      assert.equal(await waited(other, id), 2);
      assert.equal(mesh.git('rev-list', '--count', `${id}..HEAD`).trim(), '1');
    });
    assert.ok(who.length <= 1, who.join());
  });

  it('the leader dies in the last wave of a good one: it is live all the same, and no request fails', async () => {
    const { leader, other } = await roles();
    const before = denials(mesh, callees);
    const id = good();
    await becomes(leader, id, ({ state }) => 'wave' in state && state.wave === 1);
    await leader.end('SIGKILL');
    await becomes(other, id, ({ state }) => state.kind === 'live');
    await isGoodAgain(other);
    assert.equal(await waited(other, id), 0);
    assert.deepEqual(denials(mesh, callees), before);
  });

  it('an urgent mend of a bad one is everywhere although the leader dies with it', async () => {
    const { leader, other } = await roles();
    let mend = '';
    const who = await denied(async () => {
      const id = bad();
      await becomes(leader, id, () => true);
      mend = mesh.push(
        api,
        (text) => `${text.replace(denyAll, '')}# mended ${id}\n`,
        'mend\n\nChancery: urgent',
      );
      await delay(700);
      await leader.end('SIGKILL');
      await becomes(other, mend, ({ state }) => state.kind === 'live');
      await isGoodAgain(other);
      assert.equal(await waited(other, mend), 0);
    });
    assert.ok(who.length <= 1, who.join());
  });

  it('pushes on top of a taking back, one after the other, are live at both', async () => {
    const { leader, other } = await roles();
    const id = bad();
    await becomes(
      other,
      id,
      ({ state }) => state.kind === 'taken-back' && state.branch.kind === 'written',
    );
    follow();
    const ids = [good(), good(), good()];
    for (const at of [leader, other]) {
      for (const one of ids) assert.equal(await waited(at, one), 0);
      assert.equal(await waited(at, id), 2);
    }
    await isGoodAgain(leader);
  });
});
