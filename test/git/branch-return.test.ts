import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { BranchState } from '../../src/rollout/rollout.ts';
import { callApi } from '../../src/serve/api/client.ts';
import { paths } from '../../src/serve/api/wire.ts';
import { meshFile, serviceFile } from '../support/gate-world.ts';
import { type Origin, origin } from '../support/mirrored.ts';
import { rememberProxy, repoServer } from '../support/repo-server.ts';
import { eventually } from '../support/running-mesh.ts';

const watch = ['--watch', '600s'];

/** A repository with a mesh whose first commit is good. */
function goodOrigin(t: TestContext): Origin & { readonly good: string } {
  const from = origin(t);
  from.work.write('mesh.yaml', meshFile);
  from.work.git(['rm', '-q', '--cached', '-r', 'services']);
  from.work.write('services/payments.yaml', serviceFile('payments'));
  return { ...from, good: from.push('Good') };
}

/** A commit that a person takes back while it is watched. */
function bad(from: Origin): string {
  const open = 'allow: [{ from: "*", to: "* /**" }]\n';
  from.work.write('services/payments.yaml', serviceFile('payments', open));
  return from.push('Open payments');
}

type Plane = Awaited<ReturnType<typeof repoServer>>;

async function rollBack(plane: Plane): Promise<void> {
  const body = { step: 'rollback', by: 'ann' };
  await callApi(plane.controlSocket, { method: 'POST', path: paths.revisionSteps, body });
}

async function branchOf(plane: Plane, commit: string): Promise<BranchState | undefined> {
  const found = (await plane.revisions()).find((one) => one.commit === commit);
  return found?.state.kind === 'taken-back' ? found.state.branch : undefined;
}

/** Resolves when the branch of this revision is in this state. */
async function branchIs(plane: Plane, commit: string, kind: BranchState['kind']) {
  let branch: BranchState | undefined;
  await eventually(
    async () => {
      branch = await branchOf(plane, commit);
      return branch?.kind === kind;
    },
    20_000,
    () => `${kind} expected, ${JSON.stringify(branch)}\n${plane.said()}`,
  );
  return branch;
}

/** From a good commit to one that is taken back, until the commit that does so runs like any other. */
async function takenBack(from: ReturnType<typeof goodOrigin>, plane: Plane, dir: string) {
  await rememberProxy(plane.dir, 'payments');
  plane.start();
  await plane.until('the good commit runs', ({ commit }) => commit === from.good);
  const id = bad(from);
  return {
    id,
    back: async (): Promise<void> => {
      await plane.until('the bad commit runs', ({ commit }) => commit === id);
      await rollBack(plane);
      const branch = await branchIs(plane, id, 'written');
      const head = from.home.git(['rev-parse', 'HEAD'], dir);
      assert.equal(branch?.kind === 'written' && branch.commit, head);
      assert.equal(from.home.git(['rev-parse', 'HEAD~1'], dir), id, 'nothing is lost');
      const [message = ''] = [from.home.git(['log', '-1', '--format=%an %B'], dir)];
      assert.match(message, /^chancery Take back/);
      assert.match(message, /taken back by ann/);
      assert.match(message, new RegExp(`Taken-Back: ${id}\nIntent-Of: ${from.good}`));
      await plane.until('the commit that takes it back runs', ({ commit }) => commit === head);
      const [newest, before] = await plane.revisions();
      assert.deepEqual([newest?.commit, newest?.waves], [head, []], 'no proxy is touched');
      assert.equal(before?.commit, id);
    },
  };
}

test('a local repository: the commit that takes back comes through the gates and touches nobody', async (t) => {
  const from = goodOrigin(t);
  const plane = await repoServer(t, from.work.dir, watch);
  const { back, id } = await takenBack(from, plane, from.work.dir);
  await back();
  assert.equal(from.work.git(['status', '--porcelain', '--untracked-files=no']), '');
  from.work.git(['reset', '-q', '--hard', id]);
  await plane.until('what hurt once is refused', ({ refused }) => refused?.commit === id);
  await plane.kill();
  plane.start();
  await plane.until('also after a restart', ({ refused }) =>
    Boolean(refused?.commit === id && refused.codes.includes('CH4221')),
  );
});

test('a bare repository', async (t) => {
  const from = goodOrigin(t);
  from.home.git(['symbolic-ref', 'HEAD', 'refs/heads/main'], from.hub);
  const plane = await repoServer(t, from.hub, watch);
  const { back } = await takenBack(from, plane, from.hub);
  await back();
});

test('a repository elsewhere', async (t) => {
  const from = goodOrigin(t);
  from.home.git(['symbolic-ref', 'HEAD', 'refs/heads/main'], from.hub);
  from.home.write('state/.keep', '');
  const repo = ['--repo', from.hub, '--branch', 'main', '--poll', '1s'];
  const plane = await repoServer(t, join(from.home.dir, 'state'), [...repo, ...watch]);
  const { back } = await takenBack(from, plane, from.hub);
  await back();
});

test('a commit that changed the intent meanwhile stays, and it is said that a person must look', async (t) => {
  const from = goodOrigin(t);
  const plane = await repoServer(t, from.work.dir, watch);
  const { id } = await takenBack(from, plane, from.work.dir);
  await plane.until('the bad commit runs', ({ commit }) => commit === id);
  from.work.write('services/broken.yaml', 'service: [\n');
  const meanwhile = from.push('Refused by a gate');
  await plane.until('it is refused', ({ refused }) => refused?.commit === meanwhile);
  await rollBack(plane);
  const branch = await branchIs(plane, id, 'left');
  assert.equal(branch?.kind === 'left' && branch.problem.code, 'CH5330');
  assert.equal(from.work.git(['rev-parse', 'HEAD']), meanwhile);
  await plane.until('status says so', ({ commit, warnings }) =>
    Boolean(commit === from.good && warnings.some(({ code }) => code === 'CH5330')),
  );
});

test('a remote that refuses the push: the mesh stays on the good commit, also after a restart', async (t) => {
  const from = goodOrigin(t);
  from.home.write('state/.keep', '');
  const repo = ['--repo', from.hub, '--branch', 'main', '--poll', '1s'];
  const plane = await repoServer(t, join(from.home.dir, 'state'), [...repo, ...watch]);
  const { id } = await takenBack(from, plane, from.hub);
  await plane.until('the bad commit runs', ({ commit }) => commit === id);
  const hook = '#!/bin/sh\necho nobody may push >&2\nexit 1\n';
  writeFileSync(join(from.hub, 'hooks', 'pre-receive'), hook, { mode: 0o755 });
  await rollBack(plane);
  await branchIs(plane, id, 'left');
  const isSaid = (): Promise<unknown> =>
    plane.until('status says so', ({ commit, warnings }) =>
      Boolean(commit === from.good && warnings.some(({ code }) => code === 'CH5331')),
    );
  await isSaid();
  await plane.kill();
  plane.start();
  await isSaid();
  assert.equal(from.home.git(['rev-parse', 'main'], from.hub), id);
});
