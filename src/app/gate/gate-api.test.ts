import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Files, gateWorld, readingOf, serviceFile } from '../../../test/support/gate-world.ts';
import { paths } from '../../serve/api/wire.ts';
import type { CommitPlace, CommitReply } from '../../serve/api/wire-gate.ts';
import { takenBackFinding } from '../control-plane.ts';
import type { IntentSource } from '../intent-source.ts';
import { gateApi } from './gate-api.ts';

const files: Files = {
  'mesh.yaml': 'mesh: m\ntrust_domain: m.test\n',
  'services/a.yaml': serviceFile('a'),
};
const place: CommitPlace = { follows: 'HEAD', standing: 'beneath', head: 'three' };

/** `one` runs, and `two` was on its way when `three` took its place. */
async function world(carried: IntentSource['carried'] = async () => 'missing') {
  const made = await gateWorld({ settles: false });
  for (const commit of ['one', 'two', 'three']) {
    made.gatekeeper.offer(readingOf(commit, files));
    await made.gatekeeper.settled();
  }
  const source = { place: async () => place, carried } as unknown as IntentSource;
  const replica = { isLeading: true } as never;
  const parts = { ...made, source, fleet: {} as never, rollouts: { all: [] }, replica };
  const get = async (commit: string): Promise<CommitReply> => {
    const path = `${paths.verdicts}/${commit}`;
    const peer = { kind: 'operator', uid: 0 } as const;
    const query = new URLSearchParams();
    const reply = await gateApi(parts, { method: 'GET', path, query, body: undefined, peer });
    assert.ok(reply?.kind === 'json');
    return reply.body as CommitReply;
  };
  return { ...made, get };
}

describe('what is told of a commit that another one replaced', () => {
  it('what took its place, and whether that, and what ran before, has what it changed', async () => {
    const { get } = await world(async (commit, newer) => {
      assert.equal(commit, 'two');
      return newer === 'three' ? 'contained' : 'missing';
    });
    const reply = await get('two');
    assert.deepEqual([reply.carried, reply.carriedByBase], ['contained', 'missing']);
    assert.equal(reply.running?.commit, 'three');
    assert.equal(reply.successor?.commit, 'three');
  });

  it('when that one was taken back, what ran before is live, and this one is not', async () => {
    const { get, plane, verdicts } = await world();
    plane.withdraw('three', 'it hurts');
    const finding = takenBackFinding('it hurts');
    const known = verdicts.get('three') ?? assert.fail();
    verdicts.set({ ...known, verdict: { kind: 'refused', atMs: 1, findings: [finding] } });
    const reply = await get('two');
    assert.deepEqual([reply.running?.commit, reply.live, reply.carried], ['one', true, 'missing']);
    assert.equal(reply.successor?.verdict.kind, 'refused');
    assert.equal((await get('one')).live, true);
  });

  it('one that was never read has the newest in its place', async () => {
    const { get } = await world(async () => 'contained');
    const reply = await get('ffffff');
    assert.deepEqual(
      [reply.place, reply.successor?.commit, reply.carried],
      [place, 'three', 'contained'],
    );
  });

  it('what the answer of git is about is what runs when it is given', async () => {
    const asked: string[] = [];
    const made = await world(async (_commit, newer) => {
      asked.push(newer);
      if (newer === 'three') made.plane.withdraw('three', undefined);
      return newer === 'one' ? 'missing' : 'contained';
    });
    assert.equal((await made.get('two')).carried, 'missing');
    assert.deepEqual(asked, ['three', 'one', 'one']);
  });
});
