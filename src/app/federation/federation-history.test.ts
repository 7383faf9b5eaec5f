import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import type { FederationReply, PeerReply } from '../../serve/api/wire.ts';
import { openStore } from '../../store/open.ts';
import { federationAt, recordFederation } from './federation-history.ts';

const peer: PeerReply = {
  ...{ trustDomain: 'p.test', endpoint: 'https://p/', profile: 'https_web' },
  ...{ endpointId: undefined, source: 'fetched', sequence: '1', x509Roots: 1, jwtKids: [] },
  ...{ fetchedMs: 1, nextMs: 2, refreshMs: 300_000, state: 'fresh' },
  ...{ failingSinceMs: undefined, problem: undefined },
};
const reply: FederationReply = {
  ...{ trustDomain: 'm.test', document: '{}', sequence: 1, endpoint: undefined, peers: [peer] },
};

describe('the federation as it was at a time', () => {
  it('is what was noted last by then; polling alone is no change', async () => {
    const [clock, store] = [new FakeClock(), await openStore(':memory:')];
    let now = reply;
    const history = recordFederation({ store, clock, look: () => now });
    await history.lead();
    const firstMs = clock.nowMs();
    now = { ...reply, peers: [{ ...peer, fetchedMs: 3, nextMs: 4 }] };
    clock.advance(5_000);
    now = { ...reply, peers: [{ ...peer, state: 'failing', failingSinceMs: 9 }] };
    clock.advance(5_000);
    const stateAt = async (atMs: number): Promise<string | undefined> => {
      const past = await federationAt(store, atMs);
      return past.kind === 'json' && past.status === undefined
        ? (past.body as FederationReply).peers[0]?.state
        : undefined;
    };
    assert.equal(await stateAt(firstMs - 1), undefined);
    assert.equal(await stateAt(firstMs), 'fresh');
    assert.equal(await stateAt(clock.nowMs()), 'failing');
    assert.equal((await store.ledger({ kind: 'federation-state', limit: 9 })).length, 2);
    await history.follow();
    now = reply;
    clock.advance(5_000);
    assert.equal(await stateAt(clock.nowMs()), 'failing');
    await store.close();
  });
});
