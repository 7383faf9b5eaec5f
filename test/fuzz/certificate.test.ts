import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildPath } from '../../src/identity/certificate-path.ts';
import { type Certificate, readCertificate } from '../../src/identity/certificate-read.ts';
import { mutate, runs, Seeded, seed } from './mutate.ts';
import { asGo, goSays, nodeTakes, opensslTakes, peculiarTakes } from './oracles.ts';
import { madeAtMs, seedCertificates } from './seeds.ts';

/** What is taken goes to Go in batches, so that the long run stays small in memory. */
const batch = 100_000;

/** Go also reads extensions that mean nothing to us, and takes URIs apart. */
const goAsksMore =
  /invalid (certificate policies|policy|inhibit|CRL distribution|authority info)|policy constraints|name ?constraints|constraint (value|contained|")|cannot parse URI/i;

interface Taken {
  readonly der: Uint8Array;
  readonly read: Certificate;
}

function base64(der: Uint8Array): string {
  return Buffer.from(der).toString('base64');
}

/** Holds what was taken against the three other readers; gives how many Go refused for asking more. */
function judge(taken: readonly Taken[]): { readonly goRefused: number } {
  const said = goSays(
    'certificates',
    taken.map(({ der }) => der),
  );
  let goRefused = 0;
  for (const [index, { der, read }] of taken.entries()) {
    const go = said?.[index];
    if (go?.refused !== undefined || go === undefined) {
      const others = nodeTakes(der) || peculiarTakes(der) || opensslTakes(der);
      assert.ok(others, `taken by us alone, Go says ${go?.refused}: ${base64(der)}`);
    }
    if (go === undefined) continue;
    if (go.refused === undefined) {
      assert.deepEqual(asGo(read), go, `Go reads something else in ${base64(der)}`);
    } else {
      assert.match(go.refused, goAsksMore, `Go refuses ${base64(der)}`);
      goRefused += 1;
    }
  }
  return { goRefused };
}

describe(`certificates, ${runs} mutations from seed ${seed}`, () => {
  const seeds = seedCertificates();

  /** Our three hang together, and each of OpenSSL's is a root of its own. */
  const good = seeds.map(readCertificate).flatMap((read) => (read.ok ? [read.value] : []));
  const roots = good.filter(({ isCa }) => isCa);

  it('what we write and what OpenSSL writes is taken by everybody, who all read the same', (t) => {
    const taken = seeds.map((der) => {
      const read = readCertificate(der);
      assert.ok(read.ok, read.ok ? '' : read.error);
      assert.ok(nodeTakes(der) && peculiarTakes(der) && opensslTakes(der));
      return { der, read: read.value };
    });
    assert.equal(judge(taken).goRefused, 0);
    if (goSays('certificates', []) === undefined) t.diagnostic('without Go: it is not installed');
  });

  function isVerified(leaf: Certificate): boolean {
    return buildPath({ leaf, intermediates: good, roots, nowMs: madeAtMs }).ok;
  }

  it('a mutated one is never a crash, never taken by us alone, verified only as it was signed, and the same for Go', (t) => {
    const numbers = new Seeded(seed);
    const counts = { taken: 0, goRefused: 0, verified: 0 };
    for (let from = 0; from < runs; from += batch) {
      const taken: Taken[] = [];
      for (let run = from; run < Math.min(runs, from + batch); run += 1) {
        const one = seeds[numbers.below(seeds.length)] ?? new Uint8Array();
        const other = seeds[numbers.below(seeds.length)] ?? one;
        const der = mutate(one, other, numbers);
        const read = readCertificate(der);
        if (!read.ok) continue;
        taken.push({ der, read: read.value });
        if (!isVerified(read.value)) continue;
        counts.verified += 1;
        // What hangs on a root is what was signed, whatever was changed around it.
        const isSigned = good.some(({ tbs }) => Buffer.compare(tbs, read.value.tbs) === 0);
        assert.ok(isSigned, `verified: ${base64(der)}`);
      }
      counts.taken += taken.length;
      counts.goRefused += judge(taken).goRefused;
    }
    t.diagnostic(JSON.stringify(counts));
    assert.ok(counts.taken > runs / 100, 'the mutations are too wild to test anything');
  });
});
