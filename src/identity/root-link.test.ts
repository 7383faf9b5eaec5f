import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TrustDomain } from '../model/types.ts';
import { type CompanyCa, companyCa } from './company-ca.fixture.ts';
import { type RootLink, rootLinksMax, signRootLink, verifyRootLinks } from './root-link.ts';

const trustDomain = 'shop.test' as TrustDomain;
const dayMs = 24 * 3_600_000;
const startMs = Date.parse('2026-06-01T12:00:00Z');

/** Roots of 100 days, each made 60 days after the one before. */
const roots = [0, 60, 120, 180].map((day) =>
  companyCa({ nowMs: startMs + day * dayMs, days: 100 }),
);
const [a, b, c, d] = roots as [CompanyCa, CompanyCa, CompanyCa, CompanyCa];

function link(from: CompanyCa, to: CompanyCa, domain = trustDomain): RootLink {
  const { der: fromDer, key: fromKey } = from;
  return signRootLink({ trustDomain: domain, fromDer, fromKey, toDer: to.der, nowMs: startMs });
}

const links = [link(a, b), link(b, c)];

function follow(
  given: readonly RootLink[],
  options: { day: number; known?: readonly CompanyCa[]; awayDays?: number; domain?: string },
) {
  const { day, known = [a], awayDays = 90, domain = trustDomain } = options;
  return verifyRootLinks(given, {
    trustDomain: domain as TrustDomain,
    known: known.map(({ der }) => der),
    nowMs: startMs + day * dayMs,
    awayMsMax: awayDays * dayMs,
  });
}

function refused(result: ReturnType<typeof follow>, why: RegExp): void {
  assert.ok(!result.ok);
  assert.equal(result.error.code, 'CH3017');
  assert.match(result.error.message, why);
}

describe('a root link', () => {
  it('leads a host whose roots have ended to the root of today, over one that has ended too', () => {
    const result = follow(links, { day: 170 });
    assert.ok(result.ok, JSON.stringify(result));
    assert.deepEqual(result.value, [c.der]);
  });

  it('leads past a root that is still good but has a successor', () => {
    const result = follow(links, { day: 130 });
    assert.ok(result.ok);
    assert.deepEqual(result.value, [c.der]);
  });

  it('is not taken while one of the known roots is good', () => {
    refused(follow(links, { day: 99 }), /has not ended/);
    refused(follow(links, { day: 130, known: [a, b] }), /has not ended/);
  });

  it('is not taken by a host that was away for too long', () => {
    refused(follow([...links, link(c, d)], { day: 191 }), /ended too long ago/);
    assert.ok(follow([...links, link(c, d)], { day: 189 }).ok);
  });

  it('is not taken from a key that is not the known root, or for another trust domain', () => {
    const forged = { ...link(d, c), from: links[0]?.from ?? '' };
    refused(follow([forged], { day: 130 }), /no root link leads/);
    refused(follow([link(a, c, 'other.test' as TrustDomain)], { day: 130 }), /no root link leads/);
    const renamed = { ...link(a, c, 'other.test' as TrustDomain), trustDomain };
    refused(follow([renamed], { day: 130 }), /no root link leads/);
  });

  it('is not taken when any part of it was changed', () => {
    const one = link(a, c);
    for (const changed of [
      { ...one, to: Buffer.from(d.der).toString('base64') },
      { ...one, madeMs: one.madeMs + 1 },
      { ...one, signature: link(a, b).signature },
      { ...one, signature: 'none' },
      { ...one, to: 'none' },
    ]) {
      refused(follow([changed], { day: 130 }), /no root link leads/);
    }
  });

  it('is not taken to what is no root of this trust domain', () => {
    const at = { nowMs: startMs + 120 * dayMs, days: 100 };
    const others = [
      companyCa({ ...at, issuer: c }),
      companyCa({ ...at, change: { uri: 'spiffe://other.test' } }),
      companyCa({ ...at, change: { role: 'leaf' } }),
    ];
    for (const other of others) {
      refused(follow([link(a, other)], { day: 130 }), /no root link leads/);
    }
  });

  it('that leads round in a circle, or to a root that has ended, leads nowhere', () => {
    refused(follow([link(a, c), link(c, a)], { day: 130 }), /no root link leads/);
    refused(follow([link(a, b)], { day: 165 }), /no root link leads/);
  });

  it('is one of few', () => {
    const many = Array.from({ length: rootLinksMax + 1 }, () => link(a, b));
    refused(follow(many, { day: 130 }), /more than 16/);
  });
});
