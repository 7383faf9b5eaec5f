import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { HostName } from '../../model/types.ts';
import type { HostReport, HostTrouble } from '../../serve/api/wire.ts';
import { HostTroubles } from './host-troubles.ts';

describe('what hosts tell of that fails below them', () => {
  const troubles = new Map<string, readonly HostTrouble[] | undefined>();
  const told = new HostTroubles({
    registry: {
      get active() {
        return [...troubles.keys()].map((name) => ({ name: name as HostName }));
      },
    },
    reports: {
      last: (host) => {
        const said = troubles.get(host);
        const health = {
          ...{ canRenew: true, problems: [], identities: [], sealedBy: 'file' as const },
          ...(said && { troubles: said }),
        };
        const report: HostReport = { workloads: [], trustSequence: 1, presented: [], health };
        return { report, seenMs: 0 };
      },
    },
  });

  it('is nothing of a host that is well, and of one that does not know how to say it', () => {
    troubles.set('well', []).set('old', undefined);
    assert.deepEqual(told.look(), []);
  });

  it('names the part, its host and why, what keeps most from working first, and no more than five of a kind', () => {
    const hang = (of: string): HostTrouble => ({ kind: 'proxy-hangs', of, reason: 'no answer' });
    troubles.set('b', [{ kind: 'not-kept', of: '/state/agent.sealed', reason: 'ENOSPC' }]);
    troubles.set(
      'a',
      Array.from({ length: 9 }, (_, index) => hang(`web-${index}`)),
    );
    const found = told.look();
    assert.deepEqual(
      found.map(({ code }) => code),
      [...Array.from({ length: 5 }, () => 'CH5424'), 'CH5429'],
    );
    assert.match(found[0]?.message ?? '', /^the proxy of web-0 on the host a hangs/);
    assert.match(
      found[5]?.message ?? '',
      /host b cannot keep what it holds in .state.agent.sealed/,
    );
    assert.equal(found[5]?.found, 'ENOSPC');
    const of = (id: string, host: string) => told.hangs({ id: id as WorkloadId, host });
    assert.deepEqual(
      ['proxy-hangs', 'not-kept', 'not-recorded'].map((kind) => told.hosts.get(kind as never)),
      [1, 1, 0],
    );
    assert.deepEqual([of('web-0', 'a'), of('web-0', 'b'), of('else', 'a')], [true, false, false]);
  });
});
