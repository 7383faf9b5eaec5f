import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { WorkloadId } from '../../compile/inventory.ts';
import { advance, type Rollout } from '../../rollout/rollout.ts';
import type { Publisher } from '../publisher.ts';
import { upgradeFindings, upgradeReply } from './upgrade-report.ts';

const [a, b] = ['a-v1', 'b-v1'] as [WorkloadId, WorkloadId];
const held = new Map([
  [a, ['Listener ingress', 'Cluster x']],
  [b, ['Listener ingress', '-Cluster y']],
]);
const publisher = (behind: readonly WorkloadId[], isHeld = true): Publisher =>
  ({
    ...{ held: isHeld ? held : new Map(), behind },
    hold: isHeld ? { version: '1.0.0', proxies: new Map(), lost: [] } : undefined,
  }) as unknown as Publisher;
const pushing: Rollout = {
  ...{ commit: 'c', subject: '', base: 'c', startedMs: 0, compiledBy: '1.1.0' },
  ...{ waves: [[a], [b]], state: { kind: 'pushing', wave: 0, sinceMs: 0 } },
};
const by = (rollout: Rollout | undefined) => ({ rollout, refused: undefined, version: '1.1.0' });

it('says which version goes on where, for how many, and which resources differ', () => {
  const parts = { publisher: publisher([b]), upgrades: by(pushing) };
  assert.deepEqual(upgradeReply(parts), {
    ...{ version: '1.1.0', before: '1.0.0', proxies: 2, held: 1, rollout: pushing },
    resources: ['-Cluster y', 'Cluster x', 'Listener ingress'],
  });
  const [finding, ...more] = upgradeFindings(parts);
  assert.deepEqual(more, []);
  assert.equal(finding?.code, 'CH4251');
  assert.match(finding?.message ?? '', /1 of 2 proxies go on with what version 1\.0\.0 compiled/);
  assert.equal(finding?.found, 'pushing at wave 1 of 2');
});

it('says why it stands when it was taken back, or nobody may have it, and nothing when all have it', () => {
  const back = advance(pushing, { kind: 'hurts', reason: 'a-v1 has 9 denials' }, 1);
  assert.ok(back.ok);
  const both = publisher([a, b]);
  const [finding] = upgradeFindings({ publisher: both, upgrades: by(back.value) });
  assert.deepEqual([finding?.code, finding?.found], ['CH4250', 'a-v1 has 9 denials']);
  const refused = { code: 'CH4206', severity: 'error', message: 'Envoy refuses it' } as const;
  const upgrades = { ...by(undefined), refused };
  assert.equal(upgradeFindings({ publisher: both, upgrades })[0]?.found, 'Envoy refuses it');
  assert.deepEqual(upgradeFindings({ publisher: publisher([]), upgrades: by(pushing) }), []);
  assert.equal(
    upgradeReply({ publisher: publisher([], false), upgrades: by(undefined) }),
    undefined,
  );
});
