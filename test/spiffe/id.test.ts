import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  controlPlaneId,
  parseSpiffeId,
  pathOf,
  type SpiffeId,
  trustDomainOf,
  workloadId,
} from '../../src/identity/spiffe-id.ts';
import type { ServiceName, TrustDomain } from '../../src/model/types.ts';

/** SPIFFE-ID, by the numbers of our list of its rules. What is taken is taken as it is written. */
const taken: readonly (readonly [rule: string, text: string])[] = [
  ['5 an IPv4 address is a name like others', 'spiffe://1.2.3.4/a'],
  ['5 underscores, hyphens and dots', 'spiffe://_a-b.c_'],
  ['5 a name that no DNS would take', 'spiffe://..-/a'],
  ['7 letters of both sizes, digits, dot, hyphen, underscore', 'spiffe://td/azAZ09.-_/b'],
  ['8 three dots, and names that begin with a dot', 'spiffe://td/.../.a/a./..b'],
  ['11 an ID of 2048 bytes', `spiffe://td/${'a'.repeat(2_036)}`],
  ['12 a trust domain of 255 bytes', `spiffe://${'a'.repeat(255)}/a`],
  ['14 a trust domain alone', 'spiffe://td'],
];

const refused: readonly (readonly [rule: string, text: string, problem: RegExp])[] = [
  ['1 another scheme', 'http://td/a', /scheme/],
  ['1 capitals in the scheme', 'SPIFFE://td/a', /scheme/],
  ['1 a scheme without slashes', 'spiffe:td/a', /scheme/],
  ['1 one slash', 'spiffe:/td/a', /scheme/],
  ['1 no scheme', 'td/a', /scheme/],
  ['1 nothing', '', /scheme/],
  ['1 a blank before it', ' spiffe://td/a', /scheme/],
  ['2 no trust domain', 'spiffe://', /trust domain is empty/],
  ['2 a path only', 'spiffe:///a', /trust domain is empty/],
  ['3 userinfo', 'spiffe://u@td/a', /trust domain has characters/],
  ['3 userinfo with a password', 'spiffe://u:p@td/a', /trust domain has characters/],
  ['4 a port', 'spiffe://td:8080/a', /trust domain has characters/],
  ['4 a colon without port', 'spiffe://td:/a', /trust domain has characters/],
  ['5 capitals in the trust domain', 'spiffe://TD/a', /trust domain has characters/],
  ['5 percent-encoding in the trust domain', 'spiffe://t%64/a', /trust domain has characters/],
  ['5 an IPv6 address', 'spiffe://[::1]/a', /trust domain has characters/],
  ['5 letters that are no ASCII', 'spiffe://tdé/a', /trust domain has characters/],
  ['6 a query', 'spiffe://td/a?b', /path has characters/],
  ['6 a query behind the trust domain', 'spiffe://td?b', /trust domain has characters/],
  ['6 a fragment', 'spiffe://td/a#b', /path has characters/],
  ['6 an empty fragment', 'spiffe://td#', /trust domain has characters/],
  ['8 an empty segment', 'spiffe://td/a//b', /empty segment/],
  ['8 an empty first segment', 'spiffe://td//a', /empty segment/],
  ['8 a dot segment', 'spiffe://td/a/./b', /"\." or "\.\."/],
  ['8 a dot-dot segment', 'spiffe://td/../b', /"\." or "\.\."/],
  ['8 a dot segment at the end', 'spiffe://td/a/.', /"\." or "\.\."/],
  ['9 a slash at the end', 'spiffe://td/a/', /ends with a slash/],
  ['9 a slash alone', 'spiffe://td/', /ends with a slash/],
  ['10 percent-encoding in the path', 'spiffe://td/%61', /path has characters/],
  ['10 a percent-encoded slash', 'spiffe://td/a%2Fb', /path has characters/],
  ['11 an ID of 2049 bytes', `spiffe://td/${'a'.repeat(2_037)}`, /longer than 2048/],
  ['12 a trust domain of 256 bytes', `spiffe://${'a'.repeat(256)}/a`, /longer than 255/],
];

function isTaken(text: string): boolean {
  return parseSpiffeId(text).ok;
}

/** Every byte, and letters that fold or normalise to allowed ones. */
const characters = [
  ...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)),
  ...['\u0131', '\u017f', '\u212a', '\uff0f', '\uff0e', '\u2024', '\ud83d\ude00', '\ud800'],
];

describe('SPIFFE ID', () => {
  for (const [rule, text] of taken) {
    it(`rule ${rule}`, () => assert.deepEqual(parseSpiffeId(text), { ok: true, value: text }));
  }

  for (const [rule, text, problem] of refused) {
    it(`rule ${rule} is refused`, () => {
      const id = parseSpiffeId(text);
      assert.match(id.ok ? 'taken' : id.error, problem);
    });
  }

  it('rule 5 every other character in a trust domain is refused', () => {
    for (const char of characters) {
      // A slash ends the trust domain.
      if (char === '/') continue;
      for (const text of [`spiffe://${char}td/a`, `spiffe://t${char}d`, `spiffe://td${char}/a`]) {
        assert.equal(isTaken(text), /^[a-z0-9._-]$/.test(char), JSON.stringify(text));
      }
    }
  });

  it('rule 7 every other character in a path is refused', () => {
    for (const char of characters) {
      for (const text of [
        `spiffe://td/${char}a`,
        `spiffe://td/a${char}b`,
        `spiffe://td/ab${char}`,
      ]) {
        const isAllowed = /^[A-Za-z0-9._-]$/.test(char) || text === 'spiffe://td/a/b';
        assert.equal(isTaken(text), isAllowed, JSON.stringify(text));
      }
    }
  });

  it('rule 11 what the mesh makes itself is never longer, and an ID by all rules', () => {
    const trustDomain = 'd'.repeat(255) as TrustDomain;
    const longest = workloadId(trustDomain, 's'.repeat(63) as ServiceName);
    for (const id of [longest, controlPlaneId(trustDomain)]) {
      assert.ok(Buffer.byteLength(id) <= 2_048);
      assert.deepEqual(parseSpiffeId(id), { ok: true, value: id });
    }
  });

  it('rule 11 bytes are counted, not characters', () => {
    const id = parseSpiffeId(`spiffe://td/${'é'.repeat(1_020)}`);
    assert.ok(!id.ok && id.error.includes('2048'));
  });

  it('rule 13 the path keeps its case', () => {
    const [upper, lower] = ['spiffe://td/A/b', 'spiffe://td/a/b'].map(parseSpiffeId);
    assert.ok(upper?.ok && lower?.ok);
    assert.notEqual(upper.value, lower.value);
    assert.equal(pathOf(upper.value), '/A/b');
    assert.equal(trustDomainOf(upper.value), 'td');
  });

  it('rule 14 a trust domain alone has no path', () => {
    assert.equal(pathOf('spiffe://td' as SpiffeId), '');
    assert.equal(trustDomainOf('spiffe://td' as SpiffeId), 'td');
  });
});
