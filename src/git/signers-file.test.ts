import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { maySignAt } from './signers-file.ts';

const blob = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519 of ada')]);
const key = blob.toString('base64');
const fingerprint = `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
const nowMs = Date.UTC(2026, 5, 1, 12);
const may = (...lines: readonly string[]): boolean =>
  maySignAt(lines.join('\n'), fingerprint, nowMs);

test('a key without times may sign, and so may one that no line holds', () => {
  assert.ok(may(`ada@shop.test ssh-ed25519 ${key} ada`));
  assert.ok(may('# nobody', '', `eve@shop.test valid-before="20200101Z" ssh-ed25519 AAAAC3Nz`));
});

test('a key out of its time may not, whatever the commit says of when it was made', () => {
  assert.ok(!may(`ada@shop.test valid-before="20260601Z" ssh-ed25519 ${key}`));
  assert.ok(may(`ada@shop.test valid-before="202606011201Z" ssh-ed25519 ${key}`));
  assert.ok(!may(`ada@shop.test valid-after="20260601120001Z" ssh-ed25519 ${key}`));
  assert.ok(!may(`ada@shop.test valid-before="soon" ssh-ed25519 ${key}`));
  const both = 'namespaces="git,file",valid-after="20260101Z",valid-before="20270101Z"';
  assert.ok(may(`"ada, of *@shop.test" ${both} ssh-ed25519 ${key} ada of the shop`));
});

test('one good line is enough, if it is for commits', () => {
  const old = `ada@shop.test valid-before="20200101Z" ssh-ed25519 ${key}`;
  assert.ok(may(old, `ada@shop.test namespaces="g*" ssh-ed25519 ${key}`));
  assert.ok(!may(old, `ada@shop.test namespaces="file" ssh-ed25519 ${key}`));
});
