import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { LedgerEntry } from '../src/base/ledger.ts';
import type { ApiTokensReply } from '../src/serve/api/operator-wire.ts';
import { LoneControlPlane, ledgerOf } from './support/control-plane.ts';
import { freePort } from './support/free-port.ts';
import { eventually } from './support/running-mesh.ts';

const files = {
  'mesh.yaml': 'mesh: ops\ntrust_domain: ops.test\n',
  'services/web.yaml': 'service: web\nowner: team\nprotocol: http\nport: 8080\n',
};

describe('the operators API over TCP', () => {
  const plane = new LoneControlPlane(files);
  let port = 0;
  const file = (name: string): string => join(plane.dir, name);
  const remote = (token: string): readonly string[] => [
    ...['--api', `https://127.0.0.1:${port}`, '--token-file', file(token)],
    ...['--ca-file', file('ca.pem')],
  ];
  const make = (name: string, role: string) =>
    plane.chancery(
      ...['token', 'create', name, plane.intentDir, '--role', role],
      ...['--out', file(name), '--ca-out', file('ca.pem')],
    );
  before(async () => {
    port = await freePort();
    await plane.start('--api-port', `${port}`);
    for (const role of ['viewer', 'operator', 'admin']) await make(role, role);
  });
  after(() => plane.remove());

  it('a mistyped name is answered with the one that was meant', async () => {
    await assert.rejects(
      plane.chancery('token', 'revoke', 'viwer', plane.intentDir),
      /CH5437.*did you mean `viewer`/s,
    );
  });

  it('a token that is written to a file is for its owner only, and not shown', async () => {
    const said = await make('other', 'viewer');
    assert.ok(!said.includes(readFileSync(file('other'), 'utf8').trim()));
    assert.equal(statSync(file('other')).mode & 0o777, 0o600);
  });

  it('commands work from another machine as they do on this one', async () => {
    const here = await plane.chancery('ca', 'status', plane.intentDir, '--json');
    const there = await plane.chancery('ca', 'status', ...remote('viewer'), '--json');
    assert.deepEqual(JSON.parse(there), JSON.parse(here));
    assert.match(await plane.chancery('status', ...remote('viewer')), /ops at /);
  });

  it('every command that reads does so from another machine, now and at a time', async () => {
    const reading = [
      ...[['status'], ['log'], ['revision', 'list'], ['ca', 'status'], ['token', 'list']],
      ...[
        ['host', 'list'],
        ['federation', 'list'],
        ['breakglass', 'list'],
      ],
    ];
    for (const words of reading) {
      const said = await plane.chancery(...words, ...remote('admin'), '--json');
      for (const line of said.trim().split('\n')) JSON.parse(line);
    }
    for (const words of reading) {
      const said = await plane.chancery(...words, ...remote('admin'), '--json', '--at', 'now');
      for (const line of said.trim().split('\n')) JSON.parse(line);
    }
    const { tokens } = JSON.parse(
      await plane.chancery('token', 'list', ...remote('admin'), '--json', '--at', '1d ago'),
    ) as ApiTokensReply;
    assert.deepEqual(tokens, []);
    await assert.rejects(plane.chancery('status', ...remote('viewer'), '--at', '1d ago'), /CH5430/);
    await assert.rejects(
      plane.chancery('host', 'list', ...remote('viewer'), '--at', '1d ago'),
      /CH5430/,
    );
  });

  it('a role that is not enough is refused with both roles', async () => {
    await assert.rejects(
      plane.chancery('host', 'token', 'web-1', ...remote('viewer')),
      /CH5433[\s\S]*the role operator[\s\S]*the role viewer/,
    );
    await plane.chancery('host', 'token', 'web-1', ...remote('operator'));
    const rotate = ['ca', 'rotate', '--step', 'prepare', ...remote('operator')];
    await assert.rejects(plane.chancery(...rotate), /CH5433/);
  });

  it('the ledger says who did what, by what was authenticated', async () => {
    await eventually(
      () =>
        ledgerOf(plane.intentDir).some((line) => /^join-token web-1 .*token operator/.test(line)),
      5_000,
      () => ledgerOf(plane.intentDir).join('\n'),
    );
    assert.ok(ledgerOf(plane.intentDir).some((line) => /^api-call POST .*"status":403/.test(line)));
    const of = async (who: string): Promise<readonly LedgerEntry[]> => {
      const said = await plane.chancery('log', plane.intentDir, '--json', '--by', who);
      const entries = said
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as LedgerEntry);
      return entries.filter(({ kind }) => kind === 'api-call');
    };
    const [there] = (await of('token operator')).filter(({ facts }) => facts['status'] === 200);
    assert.deepEqual(
      [there?.subject, there?.facts['from'], there?.facts['what']],
      ['POST /v1/join-tokens', '127.0.0.1', 'host web-1, ttlSeconds 3600, replaces false'],
    );
    const refusals = (await of('token operator')).filter(({ facts }) => facts['status'] === 403);
    assert.equal(refusals[0]?.facts['code'], 'CH5433');
    // On this machine the kernel says who it was, whatever was typed.
    const [here] = (await of(userInfo().username)).filter(({ subject }) => /tokens$/.test(subject));
    assert.equal(here?.facts['from'], `this machine, uid ${process.getuid?.()}`);
    assert.match(String(here?.facts['what']), /^name viewer, role viewer, ttlSeconds \d+$/);
  });

  it('who may not list tokens does not read them out of the ledger', async () => {
    const kinds = async (token: string): Promise<readonly string[]> => {
      const said = await plane.chancery('log', ...remote(token), '--json', '--limit', '1000');
      const entries = said.trim().split('\n');
      return entries
        .map((line) => JSON.parse(line) as LedgerEntry)
        .filter(({ kind, subject }) => /token/.test(`${kind} ${subject}`))
        .map(({ kind, subject }) => (kind === 'api-call' ? subject : kind));
    };
    const [all, seen] = [await kinds('admin'), await kinds('operator')];
    assert.ok(all.includes('api-token') && all.includes('POST /v1/tokens'), all.join());
    assert.deepEqual([...new Set(seen)].sort(), ['POST /v1/join-tokens', 'join-token']);
    assert.deepEqual(await kinds('viewer'), seen);
  });

  it('a revoked token is nobody at once, and what it follows ends', async () => {
    await make('gone', 'viewer');
    const token = readFileSync(file('gone'), 'utf8').trim();
    const agent = new Agent({
      ca: readFileSync(file('ca.pem')),
      checkServerIdentity: () => undefined,
    });
    const followed = new Promise<void>((resolve, reject) => {
      const call = request({
        ...{ host: '127.0.0.1', port, path: '/v1/events', agent },
        headers: { authorization: `Bearer ${token}` },
      });
      call.once('error', reject);
      call.once('response', (response) => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
        response
          .once('close', resolve)
          .on('error', () => {})
          .resume();
        plane.chancery('token', 'revoke', 'gone', ...remote('admin')).catch(reject);
      });
      call.end();
    });
    await followed;
    await assert.rejects(plane.chancery('status', ...remote('gone')), /CH5432/);
  });

  it('without a token, or with a CA that is not the mesh, nothing is said', async () => {
    const api = ['--api', `https://127.0.0.1:${port}`];
    await assert.rejects(plane.chancery('status', ...api, '--ca-file', file('ca.pem')), /CH5432/);
    await assert.rejects(plane.chancery('status', ...api), /CH5402/);
  });
});
