import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { intentFolder } from '../support/intents.ts';
import { askPool, PoolMember } from '../support/pool-member.ts';
import { type Answer, eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';

const app =
  "require('node:http').createServer((_q, s) => s.end('ok')).listen(process.env.PORT, '127.0.0.1');\n";
const meshText = 'mesh: pool\ntrust_domain: pool.test\n';

function serviceFile(name: string, port: number, rest = ''): string {
  return `service: ${name}\nowner: t\nprotocol: http\nport: ${port}\nrun: node app.js\nhealth: GET /\n${rest}`;
}

/** What `asked` is asked is asked at a desk; what `plain` allows its proxy allows by itself. */
const files = {
  'mesh.yaml': meshText,
  'app.js': app,
  'services/web.yaml': serviceFile('web', 15_971),
  'services/asked.yaml': serviceFile(
    'asked',
    15_972,
    'decide: desk\nallow: [{ from: web, to: GET /yes }]\n',
  ),
  'services/plain.yaml': serviceFile('plain', 15_973, 'allow: [{ from: web, to: GET /yes }]\n'),
};

/** As long as a question may take, and a machine under test may be slow. */
const detectionMs = 3_000;
/** A ping without an answer, and from then on handshakes without one. */
const hangDetectionMs = 6_000;
const everyMs = 10;
/** How long a proxy keeps connections of a listener that was replaced. */
const drainMs = 10_000;

describe('policy desks of a pool', { timeout: 180_000 }, () => {
  const [dir, removeFolder] = intentFolder(files);
  const mesh = new RunningMesh(dir);
  const members: PoolMember[] = [];
  const [first, second] = [() => at(0), () => at(1)];
  function at(index: number): PoolMember {
    return members[index] ?? assert.fail();
  }
  const asked = (path = '/yes'): Promise<Answer> => mesh.ask('web-v1', 'asked', 'GET', path);
  const plain = (): Promise<Answer> => mesh.ask('web-v1', 'plain', 'GET', '/yes');
  const passes = async (): Promise<boolean> => (await asked()).status === 200;
  const asks = (): number => members.reduce((sum, one) => sum + one.decisions().length, 0);
  let proxy = 0;

  before(async () => {
    await mesh.up();
    for (const host of ['authz-1', 'authz-2']) {
      members.push(await PoolMember.invite(host, mesh.dir, join(mesh.dir, '..')));
    }
    await Promise.all(members.map((member) => member.start()));
    proxy = mesh.proxyPid('asked-v1');
  });
  after(async () => {
    await Promise.all(members.map((member) => member.end('SIGKILL')));
    await mesh.remove();
    removeFolder();
  });

  it('proxies ask them as soon as mesh.yaml says so, under load and without an error', async () => {
    const load = startLoad({ everyMs, requestsMax: 20_000, send: () => asked(), key: () => 'ok' });
    await askPool(mesh, members);
    await eventually(
      () => members.every((member) => member.decisions().length > 10),
      10_000,
      () => members.map(({ output }) => output).join('\n'),
    );
    const { failures } = await load.stop();
    assert.deepEqual(failures, []);
    const denied = await asked('/no');
    assert.deepEqual([denied.status, denied.headers['x-chancery-code']], [403, 'CH2101']);
  });

  it('who asks is the workload, by its SVID; the desk of the host is asked nothing', async () => {
    const file = join(mesh.layout.stateDir, 'logs', 'decisions.jsonl');
    await settled();
    const before = linesIn(file);
    const told = members.map((member) => member.decisions().length);
    for (let count = 0; count < 20; count += 1) await asked();
    await settled();
    assert.equal(linesIn(file), before);
    const news = members.flatMap((member, index) => member.decisions().slice(told[index]));
    assert.equal(news.length, 20);
    assert.ok(
      news.every(
        (one) => one['service'] === 'asked' && one['principal'] === 'spiffe://pool.test/web',
      ),
      JSON.stringify(news[0]),
    );
  });

  it('one is killed under load: nothing is allowed that should not be, and failures end with its detection', async (t) => {
    const failed: number[] = [];
    const codes = new Set<string>();
    const wrong: string[] = [];
    let killedMs = Number.POSITIVE_INFINITY;
    const check = (want: number) => (answer: Answer) => {
      if (answer.status === 503) {
        failed.push(performance.now() - killedMs);
        codes.add(String(answer.headers['x-chancery-code']));
      } else if (answer.status !== want) wrong.push(`${answer.status} for ${want}: ${answer.body}`);
      return 'seen';
    };
    const loads = [
      startLoad({ everyMs, requestsMax: 5_000, send: () => asked(), key: check(200) }),
      startLoad({ everyMs, requestsMax: 5_000, send: () => asked('/no'), key: check(403) }),
    ];
    await pause(1_000);
    killedMs = performance.now();
    await first().end('SIGKILL');
    await pause(4_000);
    const results = await Promise.all(loads.map((load) => load.stop()));
    const sent = loads.reduce((sum, load) => sum + load.sent(), 0);
    const counted = await mesh.stats('asked-v1', 'authz-pool.*(retry$|ejections_enforced_total)');
    const counts = [...counted].map(([name, count]) => `${name.replace(/.*\./, '')} ${count}`);
    t.diagnostic(counts.join(', '));
    t.diagnostic(
      `${sent} requests, ${failed.length} failed, the last ${Math.max(0, ...failed)} ms after the kill`,
    );
    assert.deepEqual(wrong, []);
    assert.ok(
      failed.every((ms) => ms >= 0 && ms < detectionMs),
      failed.join(),
    );
    assert.ok(
      [...codes].every((code) => code === 'CH2190'),
      [...codes].join(),
    );
    // Whoever was refused was no allow; whoever was allowed got its answer.
    const answers = results.flatMap(({ failures }) =>
      failures.filter((text) => !/^(?:403|503) /.test(text)),
    );
    assert.deepEqual(answers, []);
  });

  it('both are killed: 503 with CH2190, and what the proxy allows by itself goes on', async () => {
    await second().end('SIGKILL');
    const answer = await asked();
    assert.deepEqual([answer.status, answer.headers['x-chancery-code']], [503, 'CH2190']);
    assert.equal((await asked('/no')).status, 503);
    assert.equal((await plain()).status, 200);
    const load = startLoad({ everyMs, requestsMax: 2_000, send: plain, key: () => 'ok' });
    await pause(2_000);
    assert.deepEqual((await load.stop()).failures, []);
  });

  it('they come back with what they kept, and are asked again without a restart of a proxy', async (t) => {
    await first().start();
    const sinceMs = performance.now();
    await eventually(passes, 10_000, () => first().output);
    t.diagnostic(`asked again ${Math.round(performance.now() - sinceMs)} ms after it serves`);
    assert.doesNotMatch(first().output, /proves itself/);
    await second().start();
    const before = second().decisions().length;
    await eventually(
      async () => (await passes()) && second().decisions().length > before,
      15_000,
      () => second().output,
    );
    assert.equal(mesh.proxyPid('asked-v1'), proxy);
  });

  it('one that hangs without a word is left out, too', async (t) => {
    const failedMs: number[] = [];
    const sinceMs = performance.now();
    const seen = (answer: Answer): string => {
      if (answer.status !== 200) failedMs.push(performance.now() - sinceMs);
      return 'seen';
    };
    const load = startLoad({ everyMs, requestsMax: 5_000, send: () => asked(), key: seen });
    const told = members.map((member) => member.decisions().length);
    await pause(2_000);
    // Both are asked before one hangs.
    assert.ok(
      members.every((member, index) => member.decisions().length > (told[index] ?? 0) + 20),
    );
    const hungMs = performance.now() - sinceMs;
    await second().hang();
    await pause(8_000);
    second().resume();
    await load.stop();
    const stats = await mesh.stats('asked-v1', 'cluster.authz-pool.upstream_rq_per_try_timeout');
    const late = [...stats.values()][0] ?? 0;
    t.diagnostic(`${late} questions were asked again elsewhere for want of an answer`);
    assert.ok(late > 0);
    const lastMs = Math.round(Math.max(hungMs, ...failedMs) - hungMs);
    t.diagnostic(`${load.sent()} requests, ${failedMs.length} failed, the last after ${lastMs} ms`);
    assert.ok(lastMs < hangDetectionMs, failedMs.join());
  });

  it('a member that ends in order is missed by nobody', async () => {
    const load = startLoad({ everyMs, requestsMax: 5_000, send: () => asked(), key: () => 'ok' });
    await pause(500);
    await second().end('SIGTERM');
    await pause(1_500);
    assert.deepEqual((await load.stop()).failures, []);
    await second().start();
  });

  it('a changed rule reaches them like any agent', async () => {
    mesh.edit('services/asked.yaml', (text) => text.replace('GET /yes', '[GET /yes, GET /no]'));
    mesh.commit('allow more');
    await mesh.live();
    await eventually(
      async () => (await asked('/no')).status === 200,
      5_000,
      () => first().output,
    );
  });

  it('the desk of the host takes over again', async () => {
    const load = startLoad({ everyMs, requestsMax: 5_000, send: () => asked(), key: () => 'ok' });
    mesh.edit('mesh.yaml', (text) => text.replace('desk: pool', 'desk: agent'));
    mesh.commit('ask the agent');
    await mesh.live();
    // Until its old connections have ended, a proxy asks on them as it did.
    await eventually(
      async () => {
        await settled();
        const before = asks();
        await pause(1_500);
        return asks() === before;
      },
      drainMs + 10_000,
      () => 'the pool is still asked',
    );
    assert.deepEqual((await load.stop()).failures, []);
    await Promise.all(members.map((member) => member.end('SIGKILL')));
    assert.equal((await asked()).status, 200);
    assert.equal(mesh.proxyPid('asked-v1'), proxy);
  });
});

function linesIn(file: string): number {
  return readFileSync(file, 'utf8').split('\n').length;
}

/** Decisions are written by 20 ms. */
const settled = (): Promise<void> => pause(300);

function pause(delayMs: number): Promise<void> {
  return new Promise((done) => setTimeout(done, delayMs));
}
