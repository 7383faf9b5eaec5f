import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { FederationReply, HostReply, HostsReply } from '../src/serve/api/wire.ts';
import type { BreakglassReply } from '../src/serve/api/wire-breakglass.ts';
import { LoneControlPlane } from './support/control-plane.ts';
import { eventually } from './support/running-mesh.ts';

const files = {
  'mesh.yaml': 'mesh: ops\ntrust_domain: ops.test\n',
  'services/web.yaml': 'service: web\nowner: team\nprotocol: http\nport: 8080\n',
  'services/pay.yaml':
    'service: pay\nowner: team\nprotocol: http\nport: 8081\nidentity: { unix: { uid: 0 } }\n',
};

describe('what is asked of a past time', () => {
  const plane = new LoneControlPlane(files);
  const json = async <Reply>(...words: readonly string[]): Promise<Reply> =>
    JSON.parse(await plane.chancery(...words, '--json')) as Reply;
  const hostsAt = async (atMs: number): Promise<readonly HostReply[]> => {
    const at = new Date(atMs).toISOString();
    return (await json<HostsReply>('host', 'list', plane.intentDir, '--at', at)).hosts;
  };
  const hereAt = async (atMs: number): Promise<readonly (readonly [string, number])[]> =>
    (await hostsAt(atMs)).map(({ name, connections }) => [name, connections] as const);
  const becomes = (here: readonly (readonly [string, number])[]): Promise<void> =>
    eventually(
      async () => JSON.stringify(await hereAt(Date.now())) === JSON.stringify(here),
      15_000,
      () => `the ledger does not know of ${JSON.stringify(here)}`,
    );
  before(() => plane.start());
  after(() => plane.remove());

  it('hosts: who was in the mesh, who was here, and since when it is not', async () => {
    await becomes([]);
    const emptyMs = Date.now();
    const agent = await plane.join('one');
    await becomes([['one', 1]]);
    const hereMs = Date.now();
    await assert.rejects(
      plane.chancery('host', 'show', 'onne', plane.intentDir),
      /CH3110.*did you mean `one`/s,
    );
    await agent.kill();
    await becomes([['one', 0]]);
    const awayMs = Date.now();
    await plane.chancery('host', 'evict', 'one', plane.intentDir);
    await becomes([]);
    assert.deepEqual(await hereAt(emptyMs), []);
    assert.deepEqual(await hereAt(hereMs), [['one', 1]]);
    assert.deepEqual(await hereAt(awayMs), [['one', 0]]);
    const at = ['--at', new Date(hereMs).toISOString()] as const;
    const text = await plane.chancery('host', 'show', 'one', plane.intentDir, ...at);
    assert.match(text, /state +here\n +can renew +yes/);
    assert.doesNotMatch(text, /no certificate/);
    const before = new Date(emptyMs).toISOString();
    await assert.rejects(
      plane.chancery('host', 'show', 'one', plane.intentDir, '--at', before),
      /CH3110/,
    );
  });

  it('the federation: the bundle of then', async () => {
    const show = ['federation', 'show', plane.intentDir] as const;
    const [now, then] = [
      await json<FederationReply>(...show),
      await json<FederationReply>(...show, '--at', '1s ago'),
    ];
    assert.deepEqual(then, now);
    await assert.rejects(plane.chancery(...show, '--at', '1d ago'), /CH5430/);
  });

  it('break-glass grants: in effect then, whatever became of them', async () => {
    const wanted = ['--who', 'web', '--to', 'pay', '--for', '10m', '--reason', 'INC-1'] as const;
    const { grant } = await json<{ grant: { id: string } }>(
      ...['breakglass', 'grant', plane.intentDir, ...wanted],
    );
    const grantedMs = Date.now();
    await plane.chancery('breakglass', 'revoke', grant.id, plane.intentDir);
    const stateAt = async (atMs: number): Promise<string | undefined> => {
      const at = new Date(atMs).toISOString();
      const words = ['breakglass', 'list', plane.intentDir, '--at', at] as const;
      return (await json<BreakglassReply>(...words)).grants[0]?.grant.state.kind;
    };
    assert.equal(await stateAt(grantedMs), 'active');
    assert.equal(await stateAt(Date.now()), 'revoked');
    assert.equal(await stateAt(grantedMs - 600_000), undefined);
  });

  it('identities: by what ran then', async () => {
    const list = ['identity', 'list', plane.intentDir, '--at', '1s ago'] as const;
    const [entry] = await json<readonly { service: string }[]>(...list);
    assert.equal(entry?.service, 'pay');
  });

  it('revisions: how far each was then, also after the control plane is started anew', async () => {
    const list = ['revision', 'list', plane.intentDir] as const;
    type Revisions = readonly {
      readonly commit: string;
      readonly rollout?: { readonly state: { readonly kind: string } };
    }[];
    const states = async (...words: readonly string[]) =>
      (await json<Revisions>(...list, ...words)).map(({ rollout }) => rollout?.state.kind);
    const beforeMs = Date.now();
    plane.write('services/new.yaml', 'service: new\nowner: team\nprotocol: http\nport: 8083\n');
    await eventually(
      async () => (await states())[0] === 'live',
      10_000,
      () => 'the change is not live',
    );
    const here = await states();
    await plane.kill();
    await plane.start();
    assert.deepEqual(await states(), here);
    assert.deepEqual(await states('--at', '0s ago'), here);
    assert.equal((await states('--at', new Date(beforeMs).toISOString())).length, here.length - 1);
    assert.match(await plane.chancery(...list), / {2}live +/);
  });
});
