import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it, type TestContext } from 'node:test';
import { callApi } from '../../src/serve/api/client.ts';
import type { LedgerReply } from '../../src/serve/api/ledger-wire.ts';
import { paths, type RevisionsReply, type StatusReply } from '../../src/serve/api/wire.ts';
import type { UpgradeReply } from '../../src/serve/api/wire-upgrade.ts';
import { Installation, putChanged, putPresent } from '../support/installation.ts';
import { eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';

type Changes = Parameters<typeof putChanged>[1];
const file = 'src/compile/routes-ingress.ts';
const version = (name: string): Changes => [
  ['package.json', '"version": "0.1.0"', `"version": "${name}"`],
];
/** Each is seen in the configuration of a proxy that has it. */
const marked = (mark: string): Changes => [
  [file, '[...forgedInAnswers]', `[...forgedInAnswers, '${mark}']`],
];
const answersNothing: Changes = [
  [
    file,
    `              case: 'route',
              value: {
                clusterSpecifier: { case: 'cluster', value: appCluster },
                // The caller's route owns the timeout; the stream idle timeout guards this side.
                timeout: duration(0),
                retryPolicy: retryUnsent,
              },`,
    "              case: 'directResponse', value: { status: 503 },",
  ],
];
const namesNothing: Changes = [
  [file, "{ case: 'cluster', value: appCluster }", "{ case: 'cluster', value: 'nowhere' }"],
];

describe('an upgrade to a version that compiles what runs otherwise, under load', () => {
  let installation: Installation<'present' | 'better' | 'bad' | 'broken'>;
  let mesh: RunningMesh;
  before(async () => {
    installation = new Installation({
      present: putPresent,
      better: (dir) => putChanged(dir, [...version('0.2.0'), ...marked('x-better')]),
      bad: (dir) => putChanged(dir, [...version('0.3.0'), ...marked('x-bad'), ...answersNothing]),
      broken: (dir) =>
        putChanged(dir, [...version('0.4.0'), ...marked('x-broken'), ...namesNothing]),
    });
    mesh = new RunningMesh('examples/shop', installation.entry);
    await mesh.up('--watch', '2s');
  });
  after(async () => {
    await mesh.remove();
    installation.remove();
  });

  const status = (): Promise<StatusReply | undefined> => mesh.status().catch(() => undefined);
  const upgrade = async (): Promise<UpgradeReply | undefined> =>
    (await mesh.get<RevisionsReply>(paths.revisions).catch(() => undefined))?.upgrade;
  const said = (reply: StatusReply | undefined): readonly string[] =>
    reply?.warnings.map(({ code }) => code).filter((code) => /^CH425[01]$/.test(code)) ?? [];
  /** Proxies of the shop that have what this version made. */
  const have = async (mark: string): Promise<readonly string[]> => {
    const { workloads = [] } = (await status()) ?? {};
    const dumps = await Promise.all(
      workloads.map(async ({ workload: { id } }) => {
        const dump = await mesh.admin(id, '/config_dump?resource=dynamic_route_configs');
        return dump.includes(mark) ? [id as string] : [];
      }),
    );
    return dumps.flat();
  };
  const until = (holds: () => Promise<boolean>, withinMs = 60_000): Promise<void> =>
    eventually(holds, withinMs, () => mesh.output.slice(-40).join(''));
  const recorded = (kind: string) => async (): Promise<readonly string[]> => {
    const { entries } = await mesh.get<LedgerReply>(`${paths.ledger}?kind=${kind}`);
    return entries.map(({ subject }) => subject);
  };
  const load = (t: TestContext) => {
    const running = startLoad({
      everyMs: 20,
      requestsMax: 20_000,
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: () => 'ok',
    });
    t.after(() => running.stop());
    return running;
  };
  const install = async (to: Parameters<typeof installation.install>[0]): Promise<void> => {
    installation.install(to);
    await mesh.restart('chancery.js server');
  };
  const state = async (): Promise<string | undefined> => (await upgrade())?.rollout?.state.kind;

  const inSync = async (): Promise<boolean> =>
    (await status())?.workloads.every((one) => one.proxy === 'converged') === true;
  /** All have it, and were looked at: nobody would go back to what was before. */
  const settled = (): Promise<void> =>
    until(async () => {
      const reply = await upgrade();
      return reply?.rollout?.state.kind === 'live' && reply.before === undefined;
    });

  it('what it compiles otherwise goes to proxies in waves, and no request fails', async (t) => {
    const running = load(t);
    // What is running was written down.
    await until(inSync);
    await install('better');
    await until(async () => (await state()) === 'watching');
    const some = await have('x-better');
    const reply = await upgrade();
    assert.ok(some.includes('payments-v1') !== some.includes('payments-v2'), some.join(', '));
    assert.deepEqual([reply?.version, reply?.before, reply?.proxies], ['0.2.0', '0.1.0', 7]);
    assert.deepEqual(reply?.resources, ['RouteConfiguration ingress']);
    assert.deepEqual(said(await status()), ['CH4251']);
    await settled();
    assert.equal((await have('x-better')).length, 7);
    assert.deepEqual(await recorded('upgrade-live')(), ['0.2.0']);
    assert.deepEqual((await running.stop()).failures, []);
  });

  it('what hurts is taken back from the few that had it, and a restart holds the others as before', async (t) => {
    const running = load(t);
    await install('bad');
    await until(async () => (await state()) === 'taken-back');
    assert.deepEqual(await recorded('upgrade-taken-back')(), ['0.3.0']);
    await until(async () => (await have('x-bad')).length === 0);
    const again = (await callApi(mesh.layout.controlSocket, {
      ...{ method: 'POST', path: paths.revisionSteps },
      body: { step: 'resume', by: 'ann' },
    })) as RevisionsReply;
    assert.equal(again.upgrade?.rollout?.state.kind, 'pushing');
    await until(async () => (await state()) === 'taken-back');
    await until(async () => (await have('x-bad')).length === 0);
    await running.stop();
    const list = [installation.entry, 'revision', 'list', mesh.layout.intentDir];
    const { stdout, status: code } = spawnSync(process.execPath, list, { encoding: 'utf8' });
    assert.match(stdout, /what version 0\.3\.0 compiles otherwise: taken back: .*-v[12] has/);
    assert.match(stdout, /7 of 7 proxies go on with what version 0\.2\.0 compiled/);
    assert.equal(code, 2);
    const calm = load(t);
    await until(async () => said(await status()).join() === 'CH4250');
    const reply = await upgrade();
    assert.deepEqual([reply?.held, reply?.before], [7, '0.2.0']);
    assert.match(JSON.stringify(reply?.rollout), /-v[12] has \d+ answers of 500/);
    const bornMs = (await status())?.replicas[0]?.startedMs;
    process.kill(mesh.pidOf('chancery.js server'), 'SIGKILL');
    await until(async () => {
      const startedMs = (await status())?.replicas[0]?.startedMs;
      return startedMs !== undefined && startedMs !== bornMs && (await inSync());
    });
    assert.deepEqual(await have('x-bad'), []);
    assert.deepEqual(said(await status()), ['CH4250']);
    assert.deepEqual((await calm.stop()).failures, []);
  });

  it('what a real Envoy would refuse, or names nothing, reaches nobody', async (t) => {
    const running = load(t);
    await install('broken');
    await until(async () => (await upgrade())?.refused !== undefined);
    assert.deepEqual(said(await status()), ['CH4250']);
    assert.deepEqual(await have('x-broken'), []);
    assert.deepEqual((await running.stop()).failures, []);
  });

  it('the version before goes on with what all have; one back takes waves, too', async (t) => {
    const running = load(t);
    await install('better');
    await until(inSync);
    assert.deepEqual(said(await status()), []);
    assert.equal((await upgrade())?.held ?? 0, 0);
    await install('present');
    await settled();
    assert.deepEqual(await have('x-better'), []);
    assert.deepEqual((await running.stop()).failures, []);
  });
});
