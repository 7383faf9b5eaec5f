import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { BranchState } from '../../src/rollout/rollout.ts';
import { callApi } from '../../src/serve/api/client.ts';
import { paths, type StatusReply } from '../../src/serve/api/wire.ts';
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
  from.work.git(['reset', '-q', '--hard', from.good]);
  await branchIs(plane, id, 'as before');
  await plane.until('nothing is said any more', isCalm);
});

/** The branch holds the bad one, which is tried again, and `status` says so. */
async function isRefused(plane: Plane, bad: string): Promise<void> {
  await plane.until('status says so', ({ warnings }) =>
    warnings.some(({ code }) => code === 'CH5331'),
  );
  assert.equal((await branchOf(plane, bad))?.kind, 'open');
}

/** A remote elsewhere that holds what was taken back and lets nobody of ours push; `hook` runs at each push. */
async function refusing(t: TestContext, hook: string) {
  const from = goodOrigin(t);
  from.home.write('state/.keep', '');
  const repo = ['--repo', from.hub, '--branch', 'main', '--poll', '1s'];
  const plane = await repoServer(t, join(from.home.dir, 'state'), [...repo, ...watch]);
  const { id } = await takenBack(from, plane, from.hub);
  await plane.until('the bad commit runs', ({ commit }) => commit === id);
  const hookFile = join(from.hub, 'hooks', 'pre-receive');
  writeFileSync(hookFile, `#!/bin/sh\n${hook}\n`, { mode: 0o755 });
  await rollBack(plane);
  await plane.until('the good commit runs', ({ commit }) => commit === from.good);
  return { from, plane, id, hookFile };
}

const isCalm = ({ warnings, refused }: StatusReply): boolean =>
  refused === undefined && warnings.every(({ code }) => !/^CH53/.test(code));

/** As a server that lets people push, and not us. */
const ofOurs = 'read old new ref; [ "$(git log -1 --format=%an $new)" = chancery ]';

test('a remote that refuses the push: the mesh stays on the good commit, also after a restart', async (t) => {
  const { from, plane, id } = await refusing(t, 'echo nobody may push >&2; exit 1');
  await isRefused(plane, id);
  await plane.kill();
  plane.start();
  await isRefused(plane, id);
  await plane.until('the good commit runs', ({ commit }) => commit === from.good);
  assert.equal(from.home.git(['rev-parse', 'main'], from.hub), id);
});

test('a remote that refuses the push and takes it later: the branch is brought back by itself', async (t) => {
  const { from, plane, id, hookFile } = await refusing(t, 'echo nobody may push >&2; exit 1');
  await isRefused(plane, id);
  rmSync(hookFile);
  const back = await branchIs(plane, id, 'written');
  const head = from.home.git(['rev-parse', 'main'], from.hub);
  assert.equal(back?.kind === 'written' && back.commit, head);
  await plane.until('it runs, and nothing is said any more', (status) =>
    Boolean(status.commit === head && isCalm(status)),
  );
});

test('a branch that people put back to what runs by force is nothing to approve, and nothing to warn of', async (t) => {
  const { from, plane, id } = await refusing(t, `${ofOurs} && exit 1; exit 0`);
  await isRefused(plane, id);
  from.work.git(['reset', '-q', '--hard', from.good]);
  from.work.git(['push', '-q', '--force', from.hub, 'HEAD:refs/heads/main']);
  await branchIs(plane, id, 'as before');
  await plane.until('nothing is said any more', (status) =>
    Boolean(status.commit === from.good && isCalm(status)),
  );
  from.work.write('services/payments.yaml', `${serviceFile('payments')}# mended\n`);
  const mended = from.push('Mended');
  await plane.until('what comes on top runs', (status) =>
    Boolean(status.commit === mended && isCalm(status)),
  );
});

test('a commit without what was taken back stands on what runs, although the branch was forced to it', async (t) => {
  const { from, plane, id } = await refusing(t, `${ofOurs} && exit 1; exit 0`);
  await isRefused(plane, id);
  from.work.git(['reset', '-q', '--hard', from.good]);
  from.work.write('services/payments.yaml', `${serviceFile('payments')}# mended\n`);
  const mended = from.push('Mended', '--force');
  await plane.until('it runs', (status) => Boolean(status.commit === mended && isCalm(status)));
});

test('a push that hangs keeps nobody from hearing of newer commits, nor the server from ending', async (t) => {
  const { from, plane, id } = await refusing(t, `${ofOurs} && exec sleep 600; exit 0`);
  await new Promise((wake) => setTimeout(wake, 1_500));
  from.work.write('services/payments.yaml', `${serviceFile('payments')}# mended\n`);
  const mended = from.push('Mended');
  await plane.until('the newer commit runs', ({ commit }) => commit === mended);
  assert.equal((await branchOf(plane, id))?.kind, 'open');
  const tookMs = await plane.end();
  assert.ok(tookMs < 8_000, `${tookMs} ms`);
});
