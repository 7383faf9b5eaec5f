import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { intentFolder } from '../support/intents.ts';
import { eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';

const run = promisify(execFile);
const versions = ['v1', 'v2', 'v3', 'v4'];

const app =
  "require('node:http').createServer((q, s) => s.end(process.env.SERVICE_VERSION)).listen(process.env.PORT, '127.0.0.1');\n";
const files = {
  'mesh.yaml': 'mesh: waves\ntrust_domain: waves.test\n',
  'services/api.yaml': [
    'service: api\nowner: t\nprotocol: http\nport: 15961\nhealth: GET /',
    'allow:\n  - { id: web, from: web, to: GET /** }',
    'routes:\n  - split: { v1: 25, v2: 25, v3: 25, v4: 25 }',
    `run:\n${versions.map((version) => `  ${version}: node app.js`).join('\n')}\n`,
  ].join('\n'),
  'services/web.yaml':
    'service: web\nowner: t\nprotocol: http\nport: 15962\nhealth: GET /\nrun: node app.js\n',
  'app.js': app,
};

describe('waves of a commit, on proxies under load', () => {
  let mesh: RunningMesh;
  let removeFolder = (): void => {};
  /** The commit that is taken back, and why. */
  let bad = '';
  let reason = '';
  before(async () => {
    const [dir, remove] = intentFolder(files);
    removeFolder = remove;
    mesh = new RunningMesh(dir);
    await mesh.up('--watch', '3s');
  });
  after(async () => {
    await mesh.remove();
    removeFolder();
  });

  const revisions = async (): Promise<readonly Rollout[]> => {
    const words = ['bin/chancery.js', 'revision', 'list', mesh.dir, '--json'];
    const { stdout } = await run(process.execPath, words).catch(
      (error: { stdout: string }) => error,
    );
    const known = JSON.parse(stdout) as readonly { readonly rollout?: Rollout }[];
    return known.flatMap(({ rollout }) => rollout ?? []);
  };
  const status = async (): Promise<string> => {
    const words = ['bin/chancery.js', 'status', mesh.dir, '--json'];
    const { stdout } = await run(process.execPath, words).catch(
      (error: { stdout: string }) => error,
    );
    return stdout;
  };
  const of = async (commit: string): Promise<Rollout | undefined> =>
    (await revisions()).find((one) => one.commit === commit);
  const newest = async (kind: Rollout['state']['kind'], withinMs: number): Promise<Rollout> => {
    let last: readonly Rollout[] = [];
    await eventually(
      async () => {
        last = await revisions();
        return last[0]?.state.kind === kind;
      },
      withinMs,
      () => JSON.stringify(last[0]?.state),
    );
    return last[0] as Rollout;
  };
  const load = () =>
    startLoad({
      everyMs: 10,
      requestsMax: 100_000,
      send: () => mesh.ask('web-v1', 'api', 'GET', '/'),
      key: ({ body }) => body,
    });

  it('a good commit goes from one proxy to all, and no request fails', async (t) => {
    const running = load();
    t.after(() => running.stop());
    mesh.edit('services/api.yaml', (text) => text.replace('GET /**', '"* /**"'));
    mesh.commit('let web do more');
    const { waves } = await newest('live', 20_000);
    assert.deepEqual(
      waves.map(({ length }) => length),
      [1, 3],
    );
    const { failures } = await running.stop();
    assert.deepEqual(failures, []);
  });

  it('a commit that denies everything reaches one proxy and is taken back, with its reason', async (t) => {
    const running = load();
    t.after(() => running.stop());
    // What it is held against.
    await new Promise((wake) => setTimeout(wake, 6_000));
    mesh.edit('services/api.yaml', (text) => `${text}deny:\n  - { from: "*" }\n`);
    mesh.commit('nobody may call api');
    bad = mesh.git('rev-parse', 'HEAD').trim();
    let last: Rollout | undefined;
    await eventually(
      async () => {
        last = await of(bad);
        return last?.state.kind === 'taken-back' && last.state.branch.kind === 'written';
      },
      15_000,
      () => JSON.stringify(last?.state),
    );
    const state = last?.state;
    reason = state?.kind === 'taken-back' ? state.reason : '';
    assert.match(reason, /^api-v\d has \d+ denials/);
    assert.equal(last?.waves[0]?.length, 1);
    await new Promise((wake) => setTimeout(wake, 1_000));
    const { failures, counts } = await running.stop();
    const share =
      failures.length / (failures.length + [...counts.values()].reduce((a, b) => a + b));
    assert.ok(failures.length > 0 && share < 0.25, `${failures.length} failed, ${share}`);
    for (const one of failures) assert.match(one, /^403 /);
    assert.deepEqual([...counts.keys()].sort(), versions);
  });

  it('the branch follows by a commit that says why, and that changes nothing for any proxy', async () => {
    const [author, subject, ...body] = mesh.git('log', '-1', '--format=%an%n%B').split('\n');
    assert.equal(author, 'chancery');
    assert.match(subject ?? '', new RegExp(`^Take back ${bad.slice(0, 12)}: intent as of `));
    assert.ok(body.includes(reason), body.join('\n'));
    assert.ok(body.includes(`Taken-Back: ${bad}`));
    assert.equal(mesh.git('rev-parse', 'HEAD~1').trim(), bad);
    assert.equal(mesh.git('diff', 'HEAD', 'HEAD~2'), '');
    const { waves, commit } = await newest('live', 15_000);
    assert.deepEqual([waves, commit], [[], mesh.git('rev-parse', 'HEAD').trim()]);
    const shown = await run(process.execPath, [
      'bin/chancery.js',
      'revision',
      'show',
      bad,
      mesh.dir,
    ])
      .then(({ stdout }) => stdout)
      .catch((error: { stdout: string }) => error.stdout);
    assert.match(shown, new RegExp(`on the branch it is taken back by ${commit.slice(0, 12)}`));
    assert.doesNotMatch(await status(), /CH4221/);
  });

  it('the same commit is not tried again, also by a control plane that was killed', async () => {
    mesh.git('reset', '--quiet', '--hard', bad);
    process.kill(mesh.pidOf('chancery.js server'), 'SIGKILL');
    await eventually(
      () =>
        revisions().then(
          () => true,
          () => false,
        ),
      15_000,
      () => 'the control plane stays away',
    );
    await new Promise((wake) => setTimeout(wake, 4_000));
    for (let request = 0; request < 40; request += 1) {
      assert.equal((await mesh.ask('web-v1', 'api', 'GET', '/')).status, 200);
    }
    assert.match(await status(), /CH4221/);
  });

  it('the commit that mends it goes on from what runs', async () => {
    mesh.edit('services/api.yaml', (text) => text.replace(/deny:\n.*\n/, ''));
    mesh.commit('take it out again');
    await newest('live', 20_000);
    assert.equal((await mesh.ask('web-v1', 'api', 'POST', '/')).status, 200);
  });
});
