import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { UpgradeReply } from '../client/gen/api.ts';
import { stands, upgradeText } from './upgrade-text.ts';

const plain = { color: false };
const open: UpgradeReply = {
  ...{ version: '1.1.0', before: '1.0.0', proxies: 3, held: 2, resources: ['Listener ingress'] },
};
const rollout = (state: NonNullable<UpgradeReply['rollout']>['state']): UpgradeReply => ({
  ...open,
  rollout: {
    ...{ commit: 'c', subject: '', base: 'c', startedMs: 0, compiledBy: '1.1.0' },
    ...{ waves: [['a'], ['b', 'c']], state },
  },
});

it('says how far it is, who goes on with what was before, and what differs', () => {
  const watched = rollout({ kind: 'watching', wave: 0, sinceMs: 0 });
  assert.equal(
    upgradeText(watched, plain),
    'what version 1.1.0 compiles otherwise: wave 1 of 2 is watched\n  2 of 3 proxies go on with what version 1.0.0 compiled\n  Listener ingress',
  );
  assert.match(upgradeText(open, plain), /has not begun/);
  assert.ok(!stands(watched) && !stands(open));
});

it('stands where it was taken back, halted or refused, as long as somebody is held', () => {
  const branch = { kind: 'as before', commit: 'c' } as const;
  const back = rollout({ kind: 'taken-back', sinceMs: 0, reason: 'a has 9 denials', branch });
  assert.match(upgradeText(back, plain), /taken back: a has 9 denials/);
  assert.ok(stands(back) && stands(rollout({ kind: 'halted', wave: 0, sinceMs: 0, by: 'ann' })));
  assert.ok(stands({ ...open, refused: { code: 'CH4206', severity: 'error', message: 'no' } }));
  assert.ok(!stands({ ...back, held: 0 }));
});
