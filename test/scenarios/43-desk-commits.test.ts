import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { badDeskCommits, deskFiles, tokenHeaders } from '../support/desk-commits.ts';
import { rolloutBecomes } from '../support/rollout-becomes.ts';
import type { RunningMesh } from '../support/running-mesh.ts';
import {
  callees,
  denials,
  deniedSince,
  isTakenBack,
  meshUnderLoad,
} from '../support/under-load.ts';

describe('commits that change only what desks decide, under load', () => {
  let mesh: RunningMesh;
  let stop = async (): Promise<void> => {};
  before(async () => {
    [mesh, stop] = await meshUnderLoad(deskFiles(15_975, 15_976), (to) => ({
      token: () => to.ask('web-v1', 'api', 'GET', '/token', undefined, tokenHeaders),
      team: () => to.ask('web-v1', 'api', 'GET', '/team', undefined, tokenHeaders),
    }));
  });
  after(() => stop());
  afterEach(() => delay(1_500));

  const commit = (name: string, from: string, to: string): string => {
    mesh.edit(name, (text) => text.replace(from, to));
    mesh.commit(`${from} becomes ${to}`.slice(0, 60));
    return mesh.git('rev-parse', 'HEAD').trim();
  };
  const becomes = (id: string, is: (rollout: Rollout) => boolean): Promise<Rollout> =>
    rolloutBecomes(mesh.layout.controlSocket, id, is);
  const denied = (): ReadonlyMap<string, number> => denials(mesh, callees, [401, 403]);

  for (const [name, file, from, to] of badDeskCommits) {
    it(`${name}: hurts one proxy and is taken back`, async () => {
      const before = denied();
      const id = commit(file, from, to);
      const { waves } = await becomes(id, isTakenBack);
      assert.equal(waves[0]?.filter((proxy) => proxy.startsWith('api-')).length, 1);
      const who = await deniedSince(before, denied);
      assert.equal(who.length, 1, who.join());
      for (const path of ['/token', '/team']) {
        const { status } = await mesh.ask('web-v1', 'api', 'GET', path, undefined, tokenHeaders);
        assert.equal(status, 200, path);
      }
    });
  }

  it('a good one goes to all, in waves, and denies nobody', async () => {
    const before = denied();
    const id = commit('services/api.yaml', `'source.team == "shop"'`, `'"shop" == source.team'`);
    const { waves } = await becomes(id, ({ state }) => state.kind === 'live');
    assert.deepEqual([...waves.flat()].sort(), callees);
    assert.deepEqual(denied(), before);
  });
});
