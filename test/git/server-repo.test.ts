import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { callApi } from '../../src/serve/api/client.ts';
import { paths, type StatusReply } from '../../src/serve/api/wire.ts';
import { freePort } from '../support/free-port.ts';
import { origin } from '../support/mirrored.ts';
import { entry, repoServer } from '../support/repo-server.ts';

test('a control plane lives by a repository elsewhere: webhook, force-push, kill -9, remote away', async (t) => {
  const from = origin(t);
  for (const file of readdirSync('examples/shop/services')) {
    from.work.write(`mesh/services/${file}`, readFileSync(`examples/shop/services/${file}`));
  }
  from.work.write('mesh/mesh.yaml', readFileSync('examples/shop/mesh.yaml'));
  const first = from.push('The shop');
  from.home.write('state/.keep', '');
  const secretFile = join(from.home.dir, 'secret');
  writeFileSync(secretFile, 's3cret\n', { mode: 0o600 });
  const webhookPort = await freePort();
  const repo = ['--repo', from.hub, '--branch', 'main', '--path', 'mesh', '--poll', '5m'];
  const [apiPort, metricsPort] = [await freePort(), await freePort()];
  const hook = [
    ...['--webhook-port', `${webhookPort}`, '--webhook-secret-file', secretFile],
    ...['--api-port', `${apiPort}`, '--metrics-address', `${metricsPort}`],
  ];
  const plane = await repoServer(t, join(from.home.dir, 'state'), [...repo, ...hook]);
  plane.start();
  await plane.until('the first commit runs', ({ commit }) => commit === first);
  const push = async (): Promise<void> => {
    const signature = createHmac('sha256', 's3cret').update('{}').digest('hex');
    const headers = { 'x-hub-signature-256': `sha256=${signature}` };
    const url = `http://127.0.0.1:${webhookPort}/v1/git/webhook`;
    assert.equal((await fetch(url, { method: 'POST', headers, body: '{}' })).status, 202);
  };
  /** At the operators' port, as a Git server would that knows its certificate. */
  const pushByTls = (signature: string): Promise<number> =>
    new Promise((done, reject) => {
      const headers = { 'x-hub-signature-256': `sha256=${signature}` };
      const path = '/v1/git/webhook';
      const target = { host: '127.0.0.1', port: apiPort, path, rejectUnauthorized: false };
      const call = https.request({ ...target, method: 'POST', headers }, (response) => {
        response.resume();
        done(response.statusCode ?? 0);
      });
      call.once('error', reject);
      call.end('{"ref": "no matter"}');
    });
  const signed = createHmac('sha256', 's3cret').update('{"ref": "no matter"}').digest('hex');
  const second = from.push('Second');
  assert.equal(await pushByTls('0'.repeat(64)), 401);
  assert.equal(await pushByTls(signed), 202);
  await plane.until('the webhook brings the second', ({ commit }) => commit === second);
  const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  assert.match(metrics, /chancery_git_webhooks_total\{outcome="refused"\} 1\n/);
  assert.match(metrics, /chancery_git_webhooks_total\{outcome="taken"\} 1\n/);
  from.work.git(['reset', '-q', '--hard', 'HEAD~1']);
  const other = from.push('Other', '--force');
  await push();
  const isRefused = ({ commit, refused }: StatusReply): boolean =>
    commit === second && refused?.commit === other && refused.codes.includes('CH5324');
  await plane.until('the force-push is refused', isRefused);
  await plane.kill();
  renameSync(from.hub, `${from.hub}.away`);
  plane.start();
  const goesOn = ({ commit, warnings }: StatusReply): boolean =>
    commit === second && warnings.some(({ code }) => code === 'CH5320');
  await plane.until('it comes back without the remote, and says so', goesOn);
  renameSync(`${from.hub}.away`, from.hub);
  await push();
  const approve = async (): Promise<void> => {
    const body = { commit: other, by: 'ada' };
    await callApi(plane.controlSocket, { method: 'POST', path: paths.approvals, body });
  };
  await plane.until('it is refused again', isRefused);
  await approve();
  await plane.until('the approved rewinding runs', ({ commit }) => commit === other);
  await plane.until('the remote is back', (reply) =>
    reply.warnings.every(({ code }) => code !== 'CH5320'),
  );
});

test('flags that do not fit together are said before anything starts', async () => {
  const cases: readonly (readonly string[])[] = [
    ['--branch', 'main'],
    ['--repo', '/x', '--dev'],
    ['--repo', '/x', '--require-signed'],
    ['--repo', '/x', '--allowed-signers', 'f'],
    ['--require-signed'],
    ['--dev', '--require-signed', '--allowed-signers', 'f'],
    ['--repo', '/x', '--webhook-port', '1'],
    ['--repo', '/x', '--webhook-secret-file', 'f'],
    ['--repo', '/x', '--poll', '1ms'],
    ['--repo', 'http://git.test/x'],
    ['--repo', '/x', '--branch', '-x'],
    ['--repo', '/x', '--path', '../x'],
    ['extra'],
    ['--watch', '99999999999h'],
    ['--otlp-endpoint', 'nonsense'],
  ];
  for (const flags of cases) {
    const said = await new Promise<string>((done) => {
      execFile(process.execPath, [entry, 'server', '--dir', '.', ...flags], (_error, _out, text) =>
        done(text),
      );
    });
    assert.match(said, /CH5003|CH5315/, flags.join(' '));
  }
});
