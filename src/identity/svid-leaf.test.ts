import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandom } from '../base/random.ts';
import type { TrustDomain } from '../model/types.ts';
import { issueSvid } from './ca.ts';
import { createGeneration } from './ca-generation.ts';
import type { SpiffeId } from './spiffe-id.ts';
import { leafProblem } from './svid-leaf.ts';

const trustDomain = 'shop.test' as TrustDomain;
const nowMs = Date.UTC(2026, 10, 24);
const generation = createGeneration({ trustDomain, nowMs, random: systemRandom });
const expected = 'spiffe://shop.test/bundle' as SpiffeId;

function leaf(spiffeId: string, dnsNames: readonly string[] = []): Uint8Array {
  return issueSvid({
    ca: generation.intermediate,
    spiffeId: spiffeId as SpiffeId,
    publicKeySpki: generation.jwt.spki,
    ttlSeconds: 60,
    dnsNames,
    nowMs,
    random: systemRandom,
  }).certificateDer;
}

/** The same certificate with other bytes at one place; its signature is for others to check. */
function changed(from: string, to: string): Uint8Array {
  const hex = Buffer.from(leaf(expected)).toString('hex');
  assert.equal(hex.split(from).length, 2, `${from} stands once`);
  return Buffer.from(hex.replace(from, to), 'hex');
}

/** Its DNS name becomes a second URI: the two differ in one bit of their tag. */
function twoUris(): Uint8Array {
  const name = Buffer.from('spiffe://shop.test/other').toString('hex');
  const hex = Buffer.from(leaf(expected, ['spiffe://shop.test/other'])).toString('hex');
  return Buffer.from(hex.replace(`8218${name}`, `8618${name}`), 'hex');
}

const keyUsage = '0603551d0f0101ff0404';

describe('the certificate of an https_spiffe endpoint', () => {
  it('is the X509-SVID of the one ID that is expected', () => {
    assert.equal(leafProblem(leaf(expected), expected), undefined);
  });

  const refused: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['another ID', leaf('spiffe://shop.test/other'), /it is spiffe:\/\/shop.test\/other/],
    ['an ID that begins alike', leaf('spiffe://shop.test/bundle/x'), /it is spiffe/],
    ['the ID in another trust domain', leaf('spiffe://other.test/bundle'), /it is spiffe/],
    ['17 a trust domain as ID', leaf('spiffe://shop.test'), /not a workload/],
    ['15 two SPIFFE IDs', twoUris(), /has 2 SPIFFE IDs/],
    ['15 a URI that is no SPIFFE ID', leaf('https://shop.test/bundle'), /no SPIFFE ID/],
    ['1 a scheme in capitals', leaf('SPIFFE://shop.test/bundle'), /no SPIFFE ID/],
    ['25 a CA', generation.intermediate.certificateDer, /certificate of a CA/],
    ['25 a root', generation.rootDer, /certificate of a CA/],
    ['20 no key usage', changed(keyUsage, '0603551d0e0101ff0404'), /./],
    ['21 no digitalSignature', changed(`${keyUsage}03020780`, `${keyUsage}03020640`), /handshake/],
    ['21 keyCertSign', changed(`${keyUsage}03020780`, `${keyUsage}03020284`), /sign certificates/],
    ['21 cRLSign', changed(`${keyUsage}03020780`, `${keyUsage}03020182`), /sign certificates/],
    ['no certificate', Buffer.from('3000', 'hex'), /./],
  ];
  for (const [name, der, problem] of refused) {
    it(`${name} is refused`, () => assert.match(leafProblem(der, expected) ?? '', problem));
  }
});
