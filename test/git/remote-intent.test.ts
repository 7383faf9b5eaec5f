import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gitWebhook } from '../../src/app/git-webhook.ts';
import type { TreeReading } from '../../src/app/intent-source.ts';
import { RemoteIntent, type RemoteIntentOptions } from '../../src/app/remote-intent.ts';
import type { Noticed } from '../../src/app/tracing/arrival.ts';
import { listenForWebhooks, webhookCalls, webhookPath } from '../../src/app/webhook-listener.ts';
import { systemClock } from '../../src/base/clock.ts';
import { jsonLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { CommitId } from '../../src/git/commit.ts';
import { temporaryFolder } from '../../src/git/temporary-repository.fixture.ts';
import { mirrorOf, type Origin, origin, refusal, value } from '../support/mirrored.ts';
import { eventually } from '../support/running-mesh.ts';

const silentLog = jsonLog('test', systemClock, () => {});
/** So rarely that only what is asked for fetches. */
const neverMs = 3_600_000;

async function remote(t: TestContext, from: Origin, more: Partial<RemoteIntentOptions> = {}) {
  const source = new RemoteIntent({
    mirror: await mirrorOf(from),
    ...{ pollMs: neverMs, signers: undefined, allowRewind: false, signingKey: undefined },
    ...{ clock: systemClock, random: systemRandom, log: silentLog },
    ...more,
  });
  let changes = 0;
  let heard = (): void => {};
  const unwatch = source.watch(() => {
    changes += 1;
    heard();
  });
  t.after(unwatch);
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      heard = resolve;
    });
  return { source, changes: () => changes, changed };
}

function commitOf(reading: TreeReading): string {
  assert.equal(reading.kind, 'tree', JSON.stringify(reading));
  return reading.kind === 'tree' ? reading.tree.commit : '';
}

function codesOf(reading: TreeReading): readonly string[] {
  assert.equal(reading.kind, 'unreadable');
  return reading.kind === 'unreadable' ? reading.findings.map(({ code }) => code) : [];
}

test('polling alone brings a new commit', async (t) => {
  const from = origin(t);
  const { source, changed } = await remote(t, from, { pollMs: 50 });
  await source.accepted(commitOf(await source.read()));
  const heard = changed();
  const second = from.push('Second');
  await heard;
  assert.equal(commitOf(await source.read()), second);
});

test('after a restart with the remote away, what was accepted goes on and the problem is said', async (t) => {
  const from = origin(t);
  const before = await remote(t, from);
  const first = commitOf(await before.source.read());
  await before.source.accepted(first);
  from.push('Refused by a gate');
  await before.source.refresh();
  renameSync(from.hub, `${from.hub}.away`);
  const after = await remote(t, from);
  assert.equal(commitOf(await after.source.read()), first);
  await after.source.refresh();
  assert.deepEqual(
    after.source.findings.map(({ code }) => code),
    ['CH5320'],
  );
  assert.equal(after.changes(), 0);
  renameSync(`${from.hub}.away`, from.hub);
  await after.source.refresh();
  assert.deepEqual(after.source.findings, []);
  assert.equal(after.changes(), 1);
});

test('a first start without the remote waits for it', async (t) => {
  const from = origin(t);
  renameSync(from.hub, `${from.hub}.away`);
  const { source, changed } = await remote(t, from, { pollMs: 50 });
  assert.deepEqual(codesOf(await source.read()), ['CH5320']);
  const heard = changed();
  renameSync(`${from.hub}.away`, from.hub);
  await heard;
  commitOf(await source.read());
});

test('a force-push is CH5324 until the branch stands on what was accepted, or it is allowed', async (t) => {
  const from = origin(t);
  const second = from.push('Second');
  const { source } = await remote(t, from);
  await source.accepted(commitOf(await source.read()));
  from.work.git(['reset', '-q', '--hard', 'HEAD~1']);
  const other = from.push('Other', '--force');
  await source.refresh();
  const refused = await source.read();
  assert.deepEqual(codesOf(refused), ['CH5324']);
  assert.equal(refused.kind === 'unreadable' && refused.commit, other);
  assert.equal(refused.kind === 'unreadable' && refused.subject, 'Other');
  const bold = await remote(t, from, { allowRewind: true });
  assert.equal(commitOf(await bold.source.read()), second, 'first what was accepted');
  await bold.source.refresh();
  assert.equal(commitOf(await bold.source.read()), other);
  from.work.git(['merge', '-q', '--no-ff', '-m', 'merged', second]);
  const merged = from.push('Merged');
  await source.refresh();
  assert.equal(commitOf(await source.read()), merged);
});

test('an operator may approve one rewinding, of the newest commit and of no other', async (t) => {
  const from = origin(t);
  const second = from.push('Second');
  const { source } = await remote(t, from);
  await source.accepted(commitOf(await source.read()));
  assert.equal(await source.approve(second, 'ada'), undefined, 'nothing was refused');
  from.work.git(['reset', '-q', '--hard', 'HEAD~1']);
  const other = from.push('Other', '--force');
  await source.refresh();
  assert.deepEqual(codesOf(await source.read()), ['CH5324']);
  assert.equal(await source.approve(second, 'ada'), undefined);
  assert.equal(commitOf((await source.approve(other, 'ada')) ?? (await source.read())), other);
  assert.equal(commitOf(await source.read()), other);
  await source.accepted(other);
  from.work.git(['reset', '-q', '--hard', 'HEAD~1']);
  from.push('Third', '--force');
  await source.refresh();
  assert.deepEqual(codesOf(await source.read()), ['CH5324']);
});

test('a commit that was refused for itself may be taken out of the history again', async (t) => {
  const from = origin(t);
  const { source } = await remote(t, from);
  await source.accepted(commitOf(await source.read()));
  from.push('Bad, refused by a gate');
  await source.refresh();
  from.work.git(['reset', '-q', '--hard', 'HEAD~1']);
  const mended = from.push('Mended', '--force');
  await source.refresh();
  assert.equal(commitOf(await source.read()), mended);
});

test('unsigned commits are refused where signatures are asked for; taking back needs a key', async (t) => {
  const from = origin(t);
  const sshFile = join(from.home.dir, 'none');
  writeFileSync(sshFile, '');
  const { source } = await remote(t, from, { signers: { sshFile, gpgFolder: undefined } });
  assert.deepEqual(codesOf(await source.read()), ['CH5325']);
  const id = from.work.git(['rev-parse', 'HEAD']) as CommitId;
  assert.equal(refusal(await source.takeBack({ from: id, to: id, reason: 'x' })).code, 'CH5334');
});

test('a folder of intent that vanishes is CH5312 and changes nothing; it may come back', async (t) => {
  const from = origin(t);
  const { source } = await remote(t, from);
  await source.accepted(commitOf(await source.read()));
  from.work.git(['mv', 'mesh.yaml', 'old.yaml']);
  from.work.git(['mv', 'services', 'elsewhere']);
  const gone = from.push('Moved');
  await source.refresh();
  const reading = await source.read();
  assert.deepEqual(codesOf(reading), ['CH5312']);
  assert.equal(reading.kind === 'unreadable' && reading.commit, gone);
  from.work.git(['mv', 'elsewhere', 'services']);
  const back = from.push('Back');
  await source.refresh();
  assert.equal(commitOf(await source.read()), back);
});

test('a taking back is pushed and then read', async (t) => {
  const from = origin(t);
  const { source, changed } = await remote(t, from);
  const good = commitOf(await source.read()) as CommitId;
  await source.accepted(good);
  from.work.write('mesh.yaml', 'mesh: bad\n');
  const bad = from.push('Bad') as CommitId;
  await source.refresh();
  const heard = changed();
  const done = value(await source.takeBack({ from: bad, to: good, reason: '5xx' }));
  await heard;
  const reading = await source.read();
  assert.equal(commitOf(reading), done.commit);
  assert.equal(reading.kind === 'tree' && reading.tree.files.get('mesh.yaml'), 'mesh: shop\n');
});

test('a signed webhook fetches at once, and a hundred of them are a few fetches', async (t) => {
  const from = origin(t);
  const { source, changed } = await remote(t, from);
  commitOf(await source.read());
  const secretFile = join(from.home.dir, 'secret');
  writeFileSync(secretFile, 's3cret\n', { mode: 0o600 });
  const hook = gitWebhook({ secretFile, onPush: () => void source.refresh(), log: silentLog });
  const outcomes: string[] = [];
  const count = (outcome: string): void => void outcomes.push(outcome);
  const server = await listenForWebhooks(webhookCalls(hook, { clock: systemClock, count }), 0);
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${webhookPath}`;
  const post = async (token: string, path = url): Promise<number> => {
    const headers = { 'x-gitlab-token': token };
    return (await fetch(path, { method: 'POST', headers, body: '{}' })).status;
  };
  const second = from.push('Second');
  assert.equal(await post('wrong'), 401);
  const heard = changed();
  const startedMs = performance.now();
  assert.equal(await post('s3cret'), 202);
  await heard;
  assert.ok(performance.now() - startedMs < 2_000);
  assert.equal(commitOf(await source.read()), second);
  assert.equal(await post('s3cret', `${url}/x`), 404);
  assert.equal((await fetch(url)).status, 405);
  const large = { method: 'POST', body: new Uint8Array(26 * 1024 * 1024) };
  assert.equal(
    await fetch(url, large).then(
      ({ status }) => status,
      () => 413,
    ),
    413,
  );
  const statuses = new Set<number>();
  for (let round = 0; round < 100; round += 1) statuses.add(await post('s3cret'));
  assert.deepEqual(statuses, new Set([202, 429]));
  assert.equal(outcomes.length, 103);
  assert.deepEqual(outcomes.slice(0, 3), ['refused', 'taken', 'refused']);
});

test('what a webhook brought says so, with the trace that its header names and how long the fetch took', async (t) => {
  const from = origin(t);
  const source = new RemoteIntent({
    mirror: await mirrorOf(from),
    ...{ pollMs: neverMs, signers: undefined, allowRewind: false, signingKey: undefined },
    ...{ clock: systemClock, random: systemRandom, log: silentLog },
  });
  commitOf(await source.read());
  const secretFile = join(from.home.dir, 'secret');
  writeFileSync(secretFile, 's3cret\n', { mode: 0o600 });
  const onPush = (traceparent: string | undefined): void =>
    void source.refresh({ by: 'webhook', traceparent });
  const hook = gitWebhook({ secretFile, onPush, log: silentLog });
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const heard: Noticed[] = [];
  t.after(source.watch((noticed) => heard.push(noticed)));
  // Nothing is under way any more that could bring it first.
  await source.refresh();
  from.push('Second');
  const headers = { 'x-gitlab-token': 's3cret', traceparent };
  await hook.handle({ headers, body: new Uint8Array() });
  await eventually(
    () => heard.length > 0,
    10_000,
    () => 'nothing came',
  );
  const [noticed] = heard;
  assert.ok(noticed);
  assert.deepEqual([noticed.by, noticed.traceparent], ['webhook', traceparent]);
  assert.ok((noticed.fetched?.endMs ?? 0) >= (noticed.fetched?.startMs ?? Number.NaN));
});

test('a remote that is away is asked less and less often', async (t) => {
  const from = origin(t);
  renameSync(from.hub, `${from.hub}.away`);
  const waits: number[] = [];
  const clock = {
    ...systemClock,
    after: (delayMs: number, run: () => void) => {
      if (delayMs >= 9_000) {
        waits.push(delayMs);
        return systemClock.after(1, run);
      }
      return systemClock.after(delayMs, run);
    },
  };
  const random = { ...systemRandom, fraction: () => 0.5 };
  const { source } = await remote(t, from, { pollMs: 10_000, clock, random });
  await eventually(
    () => waits.length >= 7,
    10_000,
    () => 'it is not asked again',
  );
  assert.deepEqual(
    waits.slice(0, 7),
    [20, 40, 80, 160, 300, 300, 300].map((s) => s * 1_000),
  );
  // Whoever has mended it knows how long to wait.
  const [, next = ''] = /asked again at (.+)$/.exec(source.findings[0]?.notes?.[0] ?? '') ?? [];
  assert.ok(Date.parse(next) > Date.now() + 250_000, next);
});

test('a copy that is new takes what stands on what was accepted elsewhere, however far back, and nothing else', async (t) => {
  for (const between of [1, 60]) {
    const from = origin(t);
    const accepted = from.work.git(['rev-parse', 'HEAD']);
    const other = from.push('Accepted by nobody');
    for (let count = 1; count < between; count += 1) {
      from.work.git(['commit', '-q', '--allow-empty', '-m', `Between ${count}`]);
    }
    const head = from.push('Came while nobody led');
    const { source } = await remote(t, from);
    source.stand?.(accepted);
    assert.equal(commitOf(await source.read()), head);

    from.work.git(['reset', '-q', '--hard', accepted]);
    const aside = from.push('Another history', '--force');
    const second = await remote(t, { ...from, home: temporaryFolder(t) });
    second.source.stand?.(other);
    assert.deepEqual(codesOf(await second.source.read()), ['CH5324']);
    assert.equal((await second.source.place(aside)).head, aside);
  }
});
