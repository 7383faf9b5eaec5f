import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expiryWarnings } from '../../identity/expiry.ts';
import { admit, type HostRecord, renewed } from '../../identity/hosts/host-record.ts';
import type { HostName } from '../../model/types.ts';
import { type HeldIdentity, type HostReport, hostHolder } from '../../serve/api/wire.ts';
import { hostExpiries } from './expiries.ts';

const record = ((): HostRecord => {
  const proof = { name: 'web-1' as HostName, anchor: 'token:1', selectors: [] };
  const given = { method: 'join_token', proof, key: 'k', nowMs: 0, replaces: false };
  const admitted = admit(undefined, given);
  assert.ok(admitted.ok);
  // Signed at 0, for 90 s.
  return renewed(admitted.value, { key: 'k', notBeforeMs: -10_000, notAfterMs: 90_000 });
})();

function warned(nowMs: number, ...identities: readonly HeldIdentity[]): readonly string[] {
  const health = { canRenew: true, problems: [], identities, sealedBy: 'file' } as const;
  const report: HostReport = { workloads: [], trustSequence: 1, presented: [], health };
  const items = hostExpiries([record], () => report, 'DIR');
  return expiryWarnings(items, nowMs).map(({ level, what }) => `${level}: ${what}`);
}

describe('what hosts hold', () => {
  const web = { holder: 'web-v1', notBeforeMs: 20_000, notAfterMs: 60_000 };

  it('is warned of in its last third and at its end, by its holder', () => {
    assert.deepEqual(warned(45_000, web), []);
    assert.deepEqual(warned(51_000, web), ['soon: the certificate of web-v1 on the host web-1']);
    assert.deepEqual(warned(60_000, web), ['ended: the certificate of web-v1 on the host web-1']);
  });

  it("the host's own is told by its record, and once", () => {
    const stale = { holder: hostHolder, notBeforeMs: -100_000, notAfterMs: 1 };
    assert.deepEqual(warned(59_000, stale), []);
    assert.deepEqual(warned(61_000, stale), ['soon: the certificate of the host web-1']);
  });

  it('says what to type', () => {
    const [item] = hostExpiries([record], () => undefined, '/srv/intent');
    assert.match(item?.command ?? '', /^chancery host show web-1 \/srv\/intent/);
  });
});
