import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatusReply, WorkloadStatus } from '../client/gen/api.ts';
import { statusText } from './status-text.ts';

const nowMs = Date.UTC(2026, 10, 24, 3);
const look = { color: false, width: 80 };
const from = [{ file: 'services/db.yaml', line: 19 }];

function workload(id: string, more: Partial<WorkloadStatus> = {}): WorkloadStatus {
  return {
    workload: { id, service: id, version: 'v1', host: 'h', state: 'ready' },
    ...{ proxy: 'converged', sinceMs: nowMs - 600_000, rejected: [], waitsFor: [] },
    ...more,
  };
}

function text(more: Partial<StatusReply>, options = { dir: 'mesh', all: false }): string[] {
  const reply: StatusReply = {
    ...{ atMs: nowMs, isPast: false, mesh: 'shop', trustDomain: 'shop.test' },
    ...{ commit: 'a'.repeat(40), subject: 'a change', workloads: [workload('web')] },
    ...{ replicas: [], withheld: [], warnings: [], recent: [] },
    ...more,
  };
  return statusText(reply, options, look).split('\n');
}

const refusal = {
  state: 'rejected',
  ...{ resource: 'Listener tcp/db', version: 'v', from },
  ...{ message: 'cannot bind', sinceMs: nowMs - 180_000 },
} as const;

describe('chancery status', () => {
  it('a refusal is told with its line, since when and why, before any table', () => {
    const sick = workload('pay', { proxy: 'refusing', rejected: [refusal] });
    const lines = text({ workloads: [workload('web'), sick] });
    assert.equal(lines[1], '2 proxies: 1 refusing, 1 converged');
    assert.equal(lines[2], 'pay refuses Listener tcp/db (services/db.yaml:19) for 3 min');
    assert.equal(lines[3], '  cannot bind');
    const table = lines.findIndex((line) => line.startsWith('workload'));
    assert.match(lines[table + 1] ?? '', /^pay +h +ready +refusing +10 min$/);
  });

  it('of a pool each desk is named, with the policy that it decides by and how it stands to its own', () => {
    const sinceMs = nowMs - 180_000;
    const all = text({
      desks: [
        { host: 'authz-1', state: 'taken', sinceMs, policy: '0123456789abcdef' },
        { host: 'authz-2', state: 'refused', sinceMs, policy: 'fedcba', problem: 'it is of 2030' },
      ],
    }).join('\n');
    assert.match(all, /authz-1 +taken +3 min +0123456789ab\n/);
    assert.match(all, /authz-2 +refused +3 min +fedcba +it is of 2030/);
    assert.ok(!text({}).join().includes('desk of the pool'));
  });

  it('of several control planes each is named, with who leads and which proxies it serves', () => {
    const replica = { startedMs: nowMs, heardMs: 0, isThis: true } as const;
    const lines = text({
      replicas: [
        { ...replica, name: 'cp-1:15010', state: 'serving', leadsSinceMs: nowMs - 180_000 },
        { ...replica, name: 'cp-2:15010', state: 'silent', heardMs: 9_000, isThis: false },
      ],
      workloads: [workload('web', { servedBy: 'cp-1:15010' })],
    });
    const all = lines.join('\n');
    assert.match(all, /cp-1:15010 +serving +leads for 3 min/);
    assert.match(all, /cp-2:15010 +silent .* 9 s ago/);
    assert.match(all, /web +h +ready +converged +10 min +cp-1:15010/);
    assert.ok(!text({}).join().includes('control plane  '));
  });

  it('what is withheld from all, and what a proxy waits for, are named', () => {
    const { state: _, ...resource } = refusal;
    const waitsFor = [{ resource: 'Cluster a', state: 'sent', sinceMs: nowMs }] as const;
    const lines = text({
      withheld: [{ ...resource, proxies: ['a', 'b', 'c', 'd'] }],
      workloads: [workload('web', { proxy: 'stuck', waitsFor })],
    });
    const all = lines.join('\n');
    assert.match(
      all,
      /withheld from all others for 3 min: Listener tcp\/db \(services\/db.yaml:19\)/,
    );
    assert.match(all, /refused by a, b, c and 1 more: cannot bind/);
    assert.match(
      all,
      /web does not answer for 10 min: Cluster a \(sent\)\n +chancery proxy web mesh/,
    );
  });

  it('of many that are fine only the number is shown, unless all are asked for', () => {
    const many = Array.from({ length: 41 }, (_, at) => workload(`w${at}`));
    const workloads = [...many, workload('sick', { proxy: 'away' })];
    const lines = text({ workloads });
    assert.ok(lines.some((line) => line.startsWith('sick ')));
    assert.ok(!lines.some((line) => line.startsWith('w1 ')));
    assert.ok(lines.includes('41 more are fine; --all shows them'));
    assert.ok(text({ workloads }, { dir: '', all: true }).some((line) => line.startsWith('w1 ')));
  });

  it('why a commit was refused stands under it, with its line', () => {
    const at = { file: 'services/web.yaml', line: 4, column: 1, length: 1 };
    const finding = { code: 'CH2101', severity: 'error', message: 'no such rule', at } as const;
    const refused = { commit: 'b'.repeat(40), codes: ['CH2101'], findings: [finding] };
    const lines = text({ refused });
    assert.equal(lines[3], '  CH2101 no such rule (services/web.yaml:4)');
    assert.equal(lines[4], '  chancery revision show bbbbbbbbbbbb mesh');
  });

  it('a past time is said, and the table fits 80 columns', () => {
    const long = workload(
      'a-service-with-a-long-name-v1-of-a-rack-in-the-far-north-of-the-country',
    );
    const lines = text({ isPast: true, workloads: [long] });
    assert.match(lines[0] ?? '', /, at 2026-11-24T03:00:00Z$/);
    for (const line of lines.slice(2)) assert.ok(line.length <= 80, line);
  });

  it('without proxies there is one empty line, not three', () => {
    assert.doesNotMatch(text({ workloads: [] }).join('\n'), /\n\n\n|\n$/);
  });
});
