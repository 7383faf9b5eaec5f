import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { BreakglassReply, BreakglassStepReply } from '../src/serve/api/wire-breakglass.ts';
import { LoneControlPlane, ledgerOf } from './support/control-plane.ts';
import { freePort } from './support/free-port.ts';
import { eventually } from './support/running-mesh.ts';

const mesh = 'mesh: ops\ntrust_domain: ops.test\n';
const files = {
  'mesh.yaml': mesh,
  'services/web.yaml': 'service: web\nowner: team\nprotocol: http\nport: 8080\n',
  'services/pay.yaml':
    'service: pay\nowner: team\nprotocol: http\nport: 8081\ndeny:\n  - { id: admin, from: "*", to: "* /admin/**" }\n',
};
const wanted = ['--who', 'web', '--to', 'pay', '--for', '10m', '--reason', 'INC-1'] as const;

describe('access beside Git, by the API', () => {
  const plane = new LoneControlPlane(files);
  let port = 0;
  const file = (name: string): string => join(plane.dir, name);
  const as = (token: string): readonly string[] => [
    ...['--api', `https://127.0.0.1:${port}`, '--token-file', file(token)],
    ...['--ca-file', file('ca.pem')],
  ];
  const json = async <Reply>(...words: readonly string[]): Promise<Reply> =>
    JSON.parse(await plane.chancery('breakglass', ...words, '--json')) as Reply;
  const grant = (token: string, ...more: readonly string[]) =>
    json<BreakglassStepReply>('grant', ...wanted, ...more, ...as(token));
  const why = (): Promise<string> =>
    plane.chancery('why', 'web', 'pay', 'GET', '/v1', '--in', plane.intentDir);
  const rules = async (text: string): Promise<void> => {
    plane.write('mesh.yaml', `${mesh}${text}`);
    await eventually(
      async () => (await plane.chancery('status', plane.intentDir, '--json')) !== '',
      1_000,
      () => '',
    );
    const head = async (): Promise<boolean> =>
      (await plane.chancery('log', plane.intentDir, '--json', '--kind', 'commit-accepted'))
        .split('\n')
        .filter((line) => line !== '').length > before0;
    const before0 = accepted;
    await eventually(head, 10_000, () => 'the commit is not accepted');
    accepted += 1;
  };
  let accepted = 1;
  before(async () => {
    port = await freePort();
    await plane.start('--api-port', `${port}`);
    for (const name of ['ann', 'bob']) {
      await plane.chancery(
        ...['token', 'create', name, plane.intentDir, '--role', 'operator'],
        ...['--out', file(name), '--ca-out', file('ca.pem')],
      );
    }
    await plane.chancery(
      ...['token', 'create', 'eve', plane.intentDir, '--role', 'viewer', '--out', file('eve')],
    );
  });
  after(() => plane.remove());

  it('a viewer may look and not grant', async () => {
    await assert.rejects(grant('eve'), /CH5433/);
    assert.deepEqual((await json<BreakglassReply>('list', ...as('eve'))).grants, []);
  });

  it('is in effect at once, says by whom it was authenticated and which deny stays above it', async () => {
    assert.match(await why(), /CH2101/);
    const said = await grant('ann', '--ticket', 'T-1');
    assert.equal(said.grant.by, 'token ann');
    assert.equal(said.grant.state.kind, 'active');
    assert.deepEqual(
      said.denials.map(({ rule }) => rule),
      ['admin'],
    );
    assert.deepEqual([said.reach?.live, said.reach?.hosts], [0, 0]);
    const answer = await why();
    assert.match(answer, /ALLOW/);
    assert.match(answer, new RegExp(`breakglass-${said.grant.id}`));
    assert.match(answer, new RegExp(`breakglass:${said.grant.id}(?!:)`));
  });

  it('is no part of what commits are compared by', async () => {
    const git = (...args: readonly string[]) =>
      execFileSync('git', [
        ...['-C', plane.intentDir, '-c', 'user.name=Ann', '-c', 'user.email=ann@example.com'],
        ...args,
      ]);
    git('init', '--quiet', '-b', 'main');
    git('add', '.');
    git('commit', '--quiet', '-m', 'one');
    const said = await plane.chancery('policy', 'diff', 'HEAD', plane.intentDir);
    assert.match(said, /nothing is permitted otherwise/);
    assert.doesNotMatch(said, /breakglass/);
  });

  it('is in status, metrics and the ledger for as long as it lasts', async () => {
    const [info = assert.fail()] = (await json<BreakglassReply>('list', ...as('eve'))).grants;
    const { id } = info.grant;
    const status = await plane.chancery('status', plane.intentDir);
    assert.match(status, new RegExp(`CH4231[\\s\\S]*${id}[\\s\\S]*token ann`));
    assert.ok(ledgerOf(plane.intentDir).some((line) => line.startsWith(`breakglass ${id}`)));
    await plane.chancery('breakglass', 'revoke', id, ...as('bob'));
    assert.match(await why(), /CH2101/);
    assert.doesNotMatch(await plane.chancery('status', plane.intentDir), /CH4231/);
    await assert.rejects(plane.chancery('breakglass', 'revoke', id, ...as('bob')), /CH4234/);
    const [after] = (await json<BreakglassReply>('show', id, ...as('eve'))).grants;
    assert.equal(after?.grant.state.kind, 'revoked');
  });

  it('what is wrong with it is said, and nothing is granted', async () => {
    for (const [more, code] of [
      [['--who', '*'], /CH4232/],
      [['--to', 'pya'], /CH4232[\s\S]*pay/],
      [['--for', '5h'], /CH4232[\s\S]*14400s/],
      [['--reason', ' '], /CH4232/],
      [['--reason', 'x\u001b[2J'], /CH4232[\s\S]*one line/],
      [['--ticket', 'T-1\nT-2'], /CH4232[\s\S]*one line/],
      [['--operation', 'everything'], /CH4232/],
      // Of a script in which it is not set.
      [['--operation', ''], /CH4232/],
    ] as const) {
      await assert.rejects(grant('ann', ...more), code);
    }
    await assert.rejects(json('show', 'none', ...as('eve')), /CH4234/);
  });

  it('ends by itself, and the ledger says that time did', async () => {
    const { grant: made } = await grant('ann', '--for', '1s');
    await eventually(
      async () => {
        const [now] = (await json<BreakglassReply>('show', made.id, ...as('eve'))).grants;
        return now?.grant.state.kind === 'ended';
      },
      5_000,
      () => 'it does not end',
    );
    assert.match(await why(), /CH2101/);
  });

  it('with four eyes it waits for another operator, whatever name is typed on the socket', async () => {
    await rules('breakglass: { approvals: 2, max: 1h, ticket: required }\n');
    await assert.rejects(grant('ann'), /CH4232[\s\S]*ticket/);
    const { grant: made, reach } = await grant('ann', '--ticket', 'T-2');
    assert.equal(made.state.kind, 'waiting');
    assert.equal(reach, undefined);
    assert.match(await why(), /CH2101/);
    assert.match(await plane.chancery('status', plane.intentDir), /CH4236/);
    await assert.rejects(plane.chancery('breakglass', 'approve', made.id, ...as('ann')), /CH4233/);
    const said = await json<BreakglassStepReply>('approve', made.id, ...as('bob'));
    assert.equal(said.grant.state.kind === 'active' && said.grant.state.approvedBy, 'token bob');
    assert.match(await why(), /ALLOW/);
    await plane.chancery('breakglass', 'revoke', made.id, ...as('ann'));
    const local = await json<BreakglassStepReply>(
      ...['grant', plane.intentDir, ...wanted, '--ticket', 'T-3'],
    );
    assert.equal(local.grant.by, `uid ${process.getuid?.()}`);
    const again = plane.chancery('breakglass', 'approve', local.grant.id, plane.intentDir);
    await assert.rejects(again, /CH4233/);
    await plane.chancery('breakglass', 'revoke', local.grant.id, plane.intentDir);
  });

  it('what was asked for under wider rules is not approved under narrower ones', async () => {
    const { grant: made } = await grant('ann', '--ticket', 'T-4');
    const approve = () => plane.chancery('breakglass', 'approve', made.id, ...as('bob'));
    await rules('breakglass: { approvals: 2, max: 5m }\n');
    await assert.rejects(approve(), /CH4232/);
    await rules('breakglass: { approvals: 2, who: [token bob] }\n');
    await assert.rejects(approve(), /CH4235[\s\S]*token ann/);
    await rules('breakglass: { approvals: 2, who: [token bob, token ann] }\n');
    await approve();
    await plane.chancery('breakglass', 'revoke', made.id, ...as('bob'));
  });

  it('only who is named may grant, and anybody may revoke', async () => {
    await rules('breakglass: { who: [token bob] }\n');
    await assert.rejects(grant('ann'), /CH4235[\s\S]*token bob/);
    const { grant: made } = await grant('bob');
    await plane.chancery('breakglass', 'revoke', made.id, ...as('ann'));
  });

  it('a commit that comes meanwhile is judged without it, and it stays in effect', async () => {
    const { grant: made } = await grant('bob');
    await rules('breakglass: { max: 2h }\n');
    assert.match(await why(), new RegExp(`breakglass-${made.id}`));
    assert.doesNotMatch(await plane.chancery('status', plane.intentDir), /waits for/);
  });

  it('it is there again after a restart, and all of it works when the folder is gone', async () => {
    await plane.kill();
    await plane.start('--api-port', `${port}`);
    assert.match(await why(), /ALLOW/);
    rmSync(join(plane.intentDir, 'mesh.yaml'));
    rmSync(join(plane.intentDir, 'services'), { recursive: true });
    for (const one of (await json<BreakglassReply>('list', ...as('eve'))).grants) {
      if (one.grant.state.kind !== 'active') continue;
      await plane.chancery('breakglass', 'revoke', one.grant.id, ...as('ann'));
    }
    const { grant: made, reach } = await grant('ann');
    assert.equal(reach?.behind.length, 0);
    await plane.chancery('breakglass', 'revoke', made.id, ...as('bob'));
  });
});
