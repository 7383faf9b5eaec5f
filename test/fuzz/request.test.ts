import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { createCsr, readCsr, signatureAlgorithm } from '../../src/identity/csr.ts';
import { readChildren, readOne, tag, write, writeBitString } from '../../src/identity/der.ts';
import { mutate, runs, Seeded, seed } from './mutate.ts';
import { goSays } from './oracles.ts';

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
const request = createCsr({ ...pair, commonName: 'web' });
const other = createCsr({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  commonName: 'other',
});

/** The signed part of a request. */
function infoOf(der: Uint8Array): Uint8Array {
  const outer = readOne(der);
  const parts = outer.ok ? readChildren(outer.value) : outer;
  assert.ok(parts.ok);
  return parts.value[0]?.whole ?? new Uint8Array();
}

/** Signed by the key as it is, so that the reader has nothing but the shape to refuse it for. */
function signed(info: Uint8Array): Uint8Array {
  const signature = sign('sha256', info, pair.privateKey);
  return write(tag.sequence, info, signatureAlgorithm(), writeBitString(signature));
}

function base64(der: Uint8Array): string {
  return Buffer.from(der).toString('base64');
}

describe(`requests for certificates, mutated from seed ${seed}`, () => {
  it('a changed request is never a crash and never taken', () => {
    const numbers = new Seeded(seed);
    for (let run = 0; run < runs / 2; run += 1) {
      const der = mutate(request, other, numbers);
      const isSame = [request, other].some((one) => Buffer.compare(der, one) === 0);
      assert.ok(isSame || !readCsr(der).ok, `taken: ${base64(der)}`);
    }
  });

  it('a changed request that is signed again is taken only where Go takes it, with the same key', (t) => {
    const numbers = new Seeded(seed);
    const [one, two] = [infoOf(request), infoOf(other)];
    const taken: Uint8Array[] = [];
    for (let run = 0; run < runs / 4; run += 1) {
      const der = signed(mutate(one, two, numbers));
      const read = readCsr(der);
      if (!read.ok) continue;
      assert.deepEqual(Buffer.from(read.value.publicKeySpki), spki, base64(der));
      taken.push(der);
    }
    assert.ok(taken.length > runs / 1_000, 'the mutations are too wild to test anything');
    const said = goSays('requests', taken);
    if (said === undefined) t.diagnostic('without Go: it is not installed');
    t.diagnostic(`${taken.length} taken`);
    for (const [index, go] of (said ?? []).entries()) {
      const der = base64(taken[index] ?? new Uint8Array());
      assert.equal(go.refused, undefined, `taken by us alone: ${der}`);
      assert.equal(go.raw, spki.toString('hex'), der);
    }
  });
});
