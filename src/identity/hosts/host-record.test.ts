import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseHostName } from '../../model/scalars.ts';
import type { HostName } from '../../model/types.ts';
import {
  admit,
  banned,
  type HostRecord,
  hostFits,
  hostSelectors,
  renewable,
  renewed,
  used,
} from './host-record.ts';

const host = 'web-1' as HostName;
const proof = { name: host, anchor: 'token:1', selectors: [{ kind: 'host:ca', value: 'c' }] };
const given = { method: 'join_token', proof, nowMs: 1_000, replaces: false };

function first(key = 'k1'): HostRecord {
  const record = admit(undefined, { ...given, key });
  assert.ok(record.ok);
  return renewed(record.value, { key, notBeforeMs: 0, notAfterMs: 10_000 });
}

const renew = (record: HostRecord, key: string): HostRecord =>
  renewed(record, { key, notBeforeMs: 5_000, notAfterMs: 15_000 });

const use = (record: HostRecord, key: string, nowMs = 6_000) => used(record, host, { key, nowMs });

function codeOf(result: ReturnType<typeof used>): string {
  assert.ok(!result.ok);
  return result.error.code;
}

describe('the record of a host', () => {
  it('another machine does not take a name that is taken, unless an operator says so', () => {
    const other = { ...given, key: 'k9', proof: { ...proof, anchor: 'token:2' } };
    assert.equal(codeOf(admit(first(), other)), 'CH3103');
    assert.ok(admit(first(), { ...other, replaces: true }).ok);
    assert.ok(admit(first(), { ...given, key: 'k2' }).ok, 'the same machine comes again');
  });

  it('a lost answer costs nothing: the key before is good until the newest is used', () => {
    const record = renew(first(), 'k2');
    assert.ok(use(record, 'k1').ok);
    assert.ok(renewable(record, host, 'k1').ok);
    // Asked again with the old key, and lost again.
    const again = renew(record, 'k3');
    assert.ok(use(again, 'k1').ok);
    assert.equal(codeOf(use(again, 'k2')), 'CH3104');
  });

  it('once the newest is used, the one before ends: at once for renewals, soon for calls under way', () => {
    const record = use(renew(first(), 'k2'), 'k2', 6_000);
    assert.ok(record.ok);
    assert.equal(codeOf(renewable(record.value, host, 'k1')), 'CH3104');
    assert.ok(use(record.value, 'k1', 15_999).ok);
    assert.equal(codeOf(use(record.value, 'k1', 16_000)), 'CH3104');
    assert.ok(use(record.value, 'k2', 99_000).ok);
  });

  it('two machines with one identity cannot renew in turns', () => {
    const original = use(renew(first(), 'k2'), 'k2');
    assert.ok(original.ok);
    // The copy still has k1.
    assert.equal(codeOf(renewable(original.value, host, 'k1')), 'CH3104');
    const next = use(renew(original.value, 'k3'), 'k3');
    assert.ok(next.ok);
    assert.equal(codeOf(renewable(next.value, host, 'k2')), 'CH3104');
  });

  it('a ban refuses use, renewal and a new proof, with who, when and why', () => {
    const record = banned(first(), { atMs: 0, by: 'ann', reason: 'stolen' });
    for (const result of [
      use(record, 'k1'),
      renewable(record, host, 'k1'),
      admit(record, { ...given, key: 'k2', replaces: true }),
    ]) {
      assert.equal(codeOf(result), 'CH3102');
      assert.match(result.ok ? '' : result.error.message, /1970-01-01T.* by ann: stolen/);
    }
  });

  it('an evicted host is not known', () => {
    assert.equal(codeOf(used(undefined, host, { key: 'k1', nowMs: 0 })), 'CH3105');
  });
});

describe('what a service asks of its host', () => {
  const shown = hostSelectors(first());
  const fits = (kind: string, value: string): boolean => hostFits([{ kind, value }], shown);

  it('name and method come from the record; a star stands for any characters', () => {
    assert.ok(fits('host:name', 'web-1') && fits('host:name', 'web-*') && fits('host:name', '*'));
    assert.ok(fits('host:method', 'join_token') && fits('host:ca', 'c'));
    assert.ok(!fits('host:name', 'web') && !fits('host:name', 'db-*') && !fits('host:ek', '*'));
  });

  it('all must hold, and nothing asked is every host', () => {
    const name = { kind: 'host:name', value: 'web-1' };
    assert.ok(!hostFits([name, { kind: 'host:method', value: 'tpm' }], shown));
    assert.ok(hostFits([], shown));
  });

  it('a proof cannot say a name or method of its own', () => {
    const lying = { ...first(), selectors: [{ kind: 'host:name', value: 'db-1' }] };
    assert.ok(!hostFits([{ kind: 'host:name', value: 'db-1' }], hostSelectors(lying)));
  });

  it('a pattern is no regular expression', () => {
    assert.ok(
      !fits('host:name', 'web.1') && !fits('host:name', '.*') && !fits('host:name', '[a-z]*'),
    );
  });
});

describe('a host name', () => {
  for (const good of ['a', 'web-1', 'web-1.eu.example.com', 'a'.repeat(63)]) {
    it(`"${good.slice(0, 20)}" is one`, () => assert.ok(parseHostName(good).ok));
  }
  for (const bad of ['', 'Web', '-a', 'a-', '.a', 'a..b', 'a/b', 'a'.repeat(64), 'a_b', 'ä']) {
    it(`"${bad.slice(0, 20)}" is none`, () => assert.ok(!parseHostName(bad).ok));
  }
});
