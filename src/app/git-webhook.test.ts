import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { jsonLog } from '../base/log.ts';
import { gitWebhook } from './git-webhook.ts';

const silentLog = jsonLog('test', systemClock, () => {});
const body = Buffer.from('{"ref":"refs/heads/elsewhere"}');

function webhook(t: TestContext, secrets = 'old secret\nnew secret\n') {
  const dir = mkdtempSync(join(tmpdir(), 'chancery-webhook-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const secretFile = join(dir, 'secret');
  writeFileSync(secretFile, secrets, { mode: 0o600 });
  let pushes = 0;
  const onPush = (): void => {
    pushes += 1;
  };
  const handler = gitWebhook({ secretFile, onPush, log: silentLog });
  const call = async (headers: Record<string, string>) =>
    (await handler.handle({ headers, body })).status;
  return { call, handler, secretFile, pushes: () => pushes };
}

function hex(secret: string, data: Uint8Array = body): string {
  return createHmac('sha256', secret).update(data).digest('hex');
}

test('GitHub, Gitea, Forgejo and GitLab are known by the secret, the old and the new one', async (t) => {
  const { call, pushes } = webhook(t);
  for (const secret of ['old secret', 'new secret']) {
    assert.equal(await call({ 'x-hub-signature-256': `sha256=${hex(secret)}` }), 202);
    assert.equal(await call({ 'x-gitea-signature': hex(secret) }), 202);
    assert.equal(await call({ 'x-forgejo-signature': hex(secret) }), 202);
    assert.equal(await call({ 'x-gitlab-token': secret }), 202);
  }
  const both = {
    'x-hub-signature-256': `sha256=${hex('old secret')}`,
    'x-gitea-signature': hex('old secret'),
  };
  assert.equal(await call(both), 202);
  assert.equal(pushes(), 9);
});

test('what is not signed, or wrongly, is 401, counted, and fetches nothing', async (t) => {
  const { call, pushes } = webhook(t);
  const right = hex('old secret');
  const wrong: readonly Record<string, string>[] = [
    {},
    { 'x-hub-signature': `sha1=${right.slice(0, 40)}` },
    { 'x-hub-signature-256': '' },
    { 'x-hub-signature-256': 'sha256=' },
    { 'x-hub-signature-256': `sha256=${hex('wrong')}` },
    { 'x-hub-signature-256': `sha256=${hex('old secret', Buffer.from('other'))}` },
    { 'x-hub-signature-256': `sha256=${right.slice(0, 62)}` },
    { 'x-gitea-signature': `${right}00` },
    { 'x-gitlab-token': '' },
    { 'x-gitlab-token': 'old secre' },
    { 'x-gitlab-token': 'old secret\nnew secret' },
    { 'x-gitlab-token': 'old secret', 'x-hub-signature-256': `sha256=${hex('wrong')}` },
  ];
  for (const headers of wrong) assert.equal(await call(headers), 401, JSON.stringify(headers));
  assert.equal(pushes(), 0);
});

test('without a secret that is one, nothing is taken', async (t) => {
  for (const secrets of ['', '\n\n']) {
    const { call } = webhook(t, secrets);
    assert.equal(await call({ 'x-gitlab-token': '' }), 503);
    assert.equal(await call({ 'x-gitea-signature': hex('') }), 503);
  }
  const open = webhook(t);
  chmodSync(open.secretFile, 0o644);
  assert.equal(await open.call({ 'x-gitlab-token': 'old secret' }), 503);
  rmSync(open.secretFile);
  assert.equal(await open.call({ 'x-gitlab-token': 'old secret' }), 503);
});

test('a secret that cannot be used is known before a call comes, and no caller learns which file it is', async (t) => {
  const { handler, secretFile, call } = webhook(t);
  await handler.look();
  assert.deepEqual(handler.findings, []);
  chmodSync(secretFile, 0o644);
  await handler.look();
  assert.deepEqual(
    handler.findings.map(({ code, found }) => [code, found]),
    [['CH5328', 'mode 0644']],
  );
  const answer = await handler.handle({ headers: {}, body });
  assert.doesNotMatch(JSON.stringify(answer), /secret\b|0644|\/tmp/);
  chmodSync(secretFile, 0o600);
  assert.equal(await call({ 'x-gitlab-token': 'old secret' }), 202);
  assert.deepEqual(handler.findings, []);
});
