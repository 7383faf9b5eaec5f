import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { paths, type RevisionsReply, type StatusReply } from '../../src/serve/api/wire.ts';
import type { CommitReply } from '../../src/serve/api/wire-gate.ts';
import { rolloutBecomes } from '../support/rollout-becomes.ts';
import { eventually, type RunningMesh } from '../support/running-mesh.ts';
import {
  allowWeb,
  answeringApp,
  callees,
  denials,
  deniedSince,
  denyAll,
  evenSplit,
  isTakenBack,
  meshUnderLoad,
  reply,
  run,
  service,
  versions,
} from '../support/under-load.ts';

const files = {
  'mesh.yaml': 'mesh: sequences\ntrust_domain: sequences.test\n',
  'services/api.yaml': service(
    'api',
    15_971,
    `${allowWeb}routes:\n  - ${evenSplit}\n${run(versions)}`,
  ),
  'services/solo.yaml': service('solo', 15_972, `${allowWeb}run: node app.js\n`),
  'services/web.yaml': service('web', 15_973, `${allowWeb}run: node app.js\n`),
  'app.js': answeringApp(),
};
const urgent = '\n\nChancery: urgent';
const proxies = [...callees, 'solo-v1'];

describe('commits that come while a bad one is on its way, under load', () => {
  let mesh: RunningMesh;
  let stop = async (): Promise<void> => {};
  let count = 0;
  before(async () => {
    [mesh, stop] = await meshUnderLoad(files, (to) => ({
      api: () => to.ask('web-v1', 'api', 'GET', '/'),
      solo: () => to.ask('web-v1', 'solo', 'GET', '/'),
    }));
  });
  after(() => stop());
  afterEach(() => delay(1_500));

  const head = (): string => mesh.git('rev-parse', 'HEAD').trim();
  const get = <Reply>(path: string): Promise<Reply> =>
    reply<Reply>(mesh.layout.controlSocket, path);
  const commit = (name: string, change: (text: string) => string, message: string): string => {
    mesh.edit(`services/${name}.yaml`, change);
    mesh.commit(message);
    return head();
  };
  const bad = (name: string): string => commit(name, (text) => text + denyAll, `deny ${name}`);
  /** Of `web`, which nobody calls. */
  const good = (name = 'web'): string => {
    count += 1;
    const more = `allow:\n  - { id: more-${count}, from: web, to: POST /more-${count} }\n`;
    return commit(name, (text) => text.replace('allow:\n', more), `permit ${count}`);
  };
  const becomes = (id: string, is: (rollout: Rollout) => boolean): Promise<Rollout> =>
    rolloutBecomes(mesh.layout.controlSocket, id, is);
  const verdict = async (id: string): Promise<string> => {
    const { verdict: known } = await get<CommitReply>(`${paths.verdicts}/${id}`);
    const said = known?.verdict;
    if (said?.kind === 'superseded') return `superseded by ${said.by}`;
    return said?.kind === 'refused'
      ? said.findings.map(({ code }) => code).join()
      : `${said?.kind}`;
  };
  /** Who denied anything while `during` ran. */
  const denied = async (during: () => Promise<void>): Promise<readonly string[]> => {
    const earlier = denials(mesh, proxies);
    await during();
    return deniedSince(earlier, () => denials(mesh, proxies));
  };
  const isGoodAgain = async (): Promise<void> => {
    let last = '';
    await eventually(
      async () => {
        const status = await get<StatusReply>(paths.status);
        const [newest] = (await get<RevisionsReply>(paths.revisions)).revisions;
        last = JSON.stringify({ commit: status.commit, newest });
        const isCalm = newest?.state.kind === 'live' && status.commit === head();
        return isCalm && status.workloads.every(({ proxy }) => proxy === 'converged');
      },
      20_000,
      () => `the good state does not come back: ${last}`,
    );
    for (const name of ['api', 'solo']) {
      assert.doesNotMatch(mesh.git('show', `HEAD:services/${name}.yaml`), /deny/);
      const { status } = await mesh.ask('web-v1', name, 'GET', '/');
      assert.equal(status, 200);
    }
  };

  it('good ones that follow each other on a bad one do not carry it to a second proxy, and go back with it', async () => {
    let [first, last] = ['', ''];
    const who = await denied(async () => {
      first = bad('api');
      for (let number = 0; number < 8; number += 1) {
        await delay(150);
        last = good();
      }
      await eventually(
        async () => !mesh.git('show', 'HEAD:services/api.yaml').includes('deny'),
        25_000,
        () => `the branch holds it: ${mesh.git('log', '--oneline', '-12')}`,
      );
      await isGoodAgain();
    });
    assert.ok(who.length <= 1, who.join());
    assert.match(await verdict(first), /^(superseded by|CH4221)/);
    assert.match(await verdict(last), /^(superseded by|CH4221|accepted)/);
  });

  it('one that changes nothing more is live when all have what it took the place of', async () => {
    await becomes(good('api'), ({ state }) => state.kind === 'watching');
    mesh.commit('nothing');
    await mesh.live();
    await isGoodAgain();
    assert.equal(await verdict(head()), 'accepted');
  });

  it('a bad one that comes while the last wave takes a good one reaches one proxy', async () => {
    const who = await denied(async () => {
      const before = good('api');
      await becomes(before, ({ state }) => 'wave' in state && state.wave === 1);
      await becomes(bad('api'), isTakenBack);
      await isGoodAgain();
    });
    assert.equal(who.length, 1, who.join());
  });

  it('one that only one proxy has, of the only instance of its service, is looked at whatever follows', async () => {
    let [first, next] = ['', ''];
    const who = await denied(async () => {
      first = bad('solo');
      // What it does is found within a tenth of a second at times.
      await becomes(first, () => true);
      next = good();
      await eventually(
        async () => /CH4221/.test((await verdict(first)) + (await verdict(next))),
        20_000,
        () => 'neither is taken back',
      );
      await isGoodAgain();
    });
    assert.deepEqual(who, ['solo-v1']);
  });

  it('an urgent mend of a bad one in its first wave is everywhere within seconds, and stays when another one follows', async () => {
    let mend = '';
    const who = await denied(async () => {
      const first = bad('api');
      await becomes(first, () => true);
      const startMs = performance.now();
      mend = commit('api', (text) => `${text.replace(denyAll, '')}# mended\n`, `mend${urgent}`);
      await becomes(mend, ({ state }) => state.kind === 'watching' || state.kind === 'live');
      const tookMs = performance.now() - startMs;
      assert.ok(tookMs < 5_000, `${tookMs} ms`);
      await becomes(good(), ({ state }) => state.kind === 'live');
      await isGoodAgain();
    });
    assert.ok(who.length <= 1, who.join());
    assert.equal(await verdict(mend), 'accepted');
  });

  it('a server that is killed while a good one is on top of a bad one takes both back when it is there again', async () => {
    const who = await denied(async () => {
      const first = bad('api');
      await becomes(first, () => true);
      const next = good('api');
      await becomes(next, () => true).catch(() => {});
      process.kill(mesh.pidOf('chancery.js server'), 'SIGKILL');
      await eventually(
        async () => {
          const held = mesh.git('show', 'HEAD:services/api.yaml').includes('deny');
          return !held;
        },
        30_000,
        () => mesh.git('log', '--oneline', '-5'),
      );
      await isGoodAgain();
    });
    assert.ok(who.length <= 1, who.join());
  });
});
