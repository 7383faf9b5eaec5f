import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TrustDomain } from '../model/types.ts';
import { spkiOf } from './ca.ts';
import { type CompanyCa, type CompanyFields, companyCa, keyKinds } from './company-ca.fixture.ts';
import { checkChain } from './import-chain.ts';

const trustDomain = 'shop.test' as TrustDomain;
const nowMs = Date.parse('2026-06-01T12:00:00Z');
const dayMs = 24 * 3_600_000;
const ourKey = keyKinds.p256();
const publicKeySpki = spkiOf(ourKey);

const make = (given: Omit<CompanyFields, 'nowMs'>): CompanyCa => companyCa({ nowMs, ...given });
const ours = (issuer: CompanyCa, given: Omit<CompanyFields, 'nowMs'> = {}): CompanyCa =>
  make({ issuer, key: ourKey, days: 90, ...given });
const root = make({});

function check(certificates: readonly CompanyCa[], roots: readonly CompanyCa[] = [root]) {
  const chain = {
    certificatesDer: certificates.map(({ der }) => der),
    rootsDer: roots.map(({ der }) => der),
  };
  return checkChain(chain, { trustDomain, publicKeySpki, nowMs, leftMsMin: 7 * dayMs });
}

function problems(certificates: readonly CompanyCa[], roots?: readonly CompanyCa[]): string[] {
  const result = check(certificates, roots);
  return result.ok ? [] : [...result.error];
}

describe('a chain for our key', () => {
  it('is taken in any order, and comes out ours first and without the root', () => {
    const middle = make({ issuer: root });
    const own = ours(middle);
    const result = check([root, middle, own]);
    assert.ok(result.ok, JSON.stringify(result));
    assert.deepEqual(result.value.chainDer, [own.der, middle.der]);
    assert.deepEqual(result.value.rootDer, root.der);
  });

  it('may be signed by each kind of key that companies have', () => {
    for (const kind of Object.values(keyKinds)) {
      const company = make({ key: kind() });
      assert.deepEqual(problems([ours(company)], [company]), []);
    }
  });

  const expired = make({ issuer: root, days: -1 });
  const shallow = make({ issuer: root, change: { pathLength: 0 } });
  const below = make({ issuer: shallow });
  const p521 = 'none of the certificates is for the key';
  const cases: readonly (readonly [
    string,
    RegExp,
    readonly CompanyCa[],
    (readonly CompanyCa[])?,
  ])[] = [
    ['nothing at all', /no certificate in the chain/, []],
    ['another key', new RegExp(p521), [make({ issuer: root })]],
    ['a leaf', /is not a CA/, [ours(root, { change: { role: 'leaf' } })]],
    ['what has ended', /has ended at 2026-05-31/, [ours(root, { days: -1 })]],
    ['an issuer that has ended', /has ended/, [ours(expired), expired]],
    [
      'what begins later',
      /begins only at/,
      [ours(root, { change: { notBeforeMs: nowMs + dayMs } })],
    ],
    ['what ends within the week', /at least 7 days must be left/, [ours(root, { days: 6 })]],
    [
      'an issuer that ends within the week',
      /at least 7 days must be left/,
      ((issuer) => [ours(issuer), issuer])(make({ issuer: root, days: 3 })),
    ],
    [
      'another trust domain',
      /URI name is "spiffe:\/\/other.test"/,
      [ours(root, { change: { uri: 'spiffe://other.test' } })],
    ],
    [
      'an ID with a path',
      /a CA of this mesh has "spiffe:\/\/shop.test"/,
      [ours(root, { change: { uri: 'spiffe://shop.test/ca' } })],
    ],
    [
      'an issuer with pathLen 0',
      /lets 0 CAs come below it \(pathLen\), and there are 1/,
      [ours(shallow), shallow],
    ],
    ['a root with pathLen too small', /pathLen/, [ours(below), below, shallow]],
    ['another root', /does not chain to the root/, [ours(root)], [make({})]],
    ['a root that is none', /no self-signed root is given/, [ours(root)], [make({ issuer: root })]],
    ['a gap', /no certificate is there that signed/, [ours(make({ issuer: root }))]],
    ['itself as the root', /self-signed/, [make({ key: ourKey })]],
  ];
  for (const [name, expected, certificates, roots] of cases) {
    it(`is refused: ${name}`, () => {
      const found = problems(certificates, roots);
      assert.ok(
        found.some((one) => expected.test(one)),
        `expected ${expected}, found ${JSON.stringify(found)}`,
      );
    });
  }

  it('is refused when only the name of the issuer fits, not its key', () => {
    const impostor = { ...make({}), subject: root.subject, keyId: root.keyId };
    assert.match(problems([ours(impostor)]).join(), /does not chain to the root/);
  });

  it('each problem is a sentence of its own', () => {
    const change = { role: 'leaf', uri: 'spiffe://other.test' } as const;
    const found = problems([ours(root, { days: -1, change })]);
    assert.ok(found.length >= 4, JSON.stringify(found));
  });

  it('what is no certificate is named by its place', () => {
    const certificatesDer = [ours(root).der, Uint8Array.of(1, 2, 3)];
    const rules = { trustDomain, publicKeySpki, nowMs, leftMsMin: 0 };
    const result = checkChain({ certificatesDer, rootsDer: [root.der] }, rules);
    assert.ok(!result.ok);
    assert.match(result.error.join(), /certificate 2 of the chain cannot be read/);
  });
});
