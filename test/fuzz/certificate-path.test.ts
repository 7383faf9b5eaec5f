import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { nameAttributes } from '../../src/identity/certificate-names.ts';
import { buildPath } from '../../src/identity/certificate-path.ts';
import { toPem } from '../../src/identity/pem.ts';
import { type Made, madeMs, make, newKey, usage, type Wanted } from '../support/pki.ts';
import { runs, Seeded, seed } from './mutate.ts';

const nowMs = madeMs;
const hourMs = 3_600_000;

/** `CHANCERY_FUZZ=1000000` runs more of them too. */
const rounds = Math.min(3_000, Math.max(150, runs / 300));

/** What may be wrong with a CA, each now and then. */
function flaw(numbers: Seeded): Partial<Wanted> {
  switch (numbers.below(24)) {
    case 0:
      return { notAfterMs: nowMs - hourMs / 2 };
    case 1:
      return { notBeforeMs: nowMs + hourMs / 2 };
    case 2:
      return { ca: false, keyUsage: usage.digitalSignature };
    case 3:
      return { keyUsage: usage.crlSign };
    case 4:
      return { signer: newKey() };
    case 5:
    case 6:
    case 7:
      return { pathLength: numbers.below(4) };
    default:
      return {};
  }
}

interface Case {
  readonly leaf: Made;
  readonly sent: readonly Made[];
  readonly roots: readonly Made[];
}

/** A chain of up to six CAs with flaws, and beside it CAs of the same name or key, cross-signed ones, and loops. */
function randomCase(numbers: Seeded, keys: readonly Made['key'][]): Case {
  const pick = (): Made['key'] => keys[numbers.below(keys.length)] ?? newKey();
  const roots = [
    make({ name: 'root', ca: true, ...flaw(numbers), key: newKey() }),
    make({ name: 'root-b', ca: true, key: pick() }),
  ];
  const cas: Made[] = [];
  for (let left = numbers.below(6); left > 0; left -= 1) {
    const issuer = cas.at(-1) ?? roots[0];
    if (issuer === undefined) break;
    // Now and then a CA that renews itself, or goes by the name of one above it.
    const name = numbers.below(8) === 0 ? commonName(issuer) : `ca-${cas.length}`;
    cas.push(make({ issuer, name, ca: true, key: pick(), ...flaw(numbers) }));
  }
  const extra = cas.flatMap((ca) => {
    switch (numbers.below(6)) {
      case 0:
        return [
          make({
            issuer: roots[1] ?? ca,
            name: commonName(ca),
            ca: true,
            key: ca.key,
            ...flaw(numbers),
          }),
        ];
      case 1:
        return [make({ name: commonName(ca), ca: true, key: newKey() })];
      case 2:
        return [make({ issuer: ca, name: 'root', ca: true, key: roots[0]?.key ?? ca.key })];
      default:
        return [];
    }
  });
  const forged = numbers.below(24) === 0 ? { signer: newKey() } : {};
  const leaf = make({ name: 'leaf', issuer: cas.at(-1) ?? roots[0], ...forged });
  const sent = numbers.below(3) === 0 ? [...extra, ...cas] : [...cas, ...extra];
  return { leaf, sent, roots: numbers.below(10) === 0 ? roots.slice(1) : roots };
}

function commonName({ certificate }: Made): string {
  return nameAttributes(certificate.subject)[0]?.value ?? '';
}

describe(`paths beside openssl verify -x509_strict, ${rounds} cases from seed ${seed}`, () => {
  const dir = mkdtempSync(join(tmpdir(), 'paths-'));
  after(() => rmSync(dir, { recursive: true }));

  function opensslSays(
    leaf: Uint8Array,
    sent: readonly Uint8Array[],
    roots: readonly Uint8Array[],
  ) {
    const file = (name: string, ders: readonly Uint8Array[]): string => {
      writeFileSync(join(dir, name), ders.map((der) => toPem('CERTIFICATE', der)).join(''));
      return name;
    };
    const untrusted = sent.length === 0 ? [] : ['-untrusted', file('sent.pem', sent)];
    const args = ['-x509_strict', '-attime', String(nowMs / 1_000), '-verify_depth', '4'];
    const files = ['-CAfile', file('roots.pem', roots), ...untrusted, file('leaf.pem', [leaf])];
    const { status, stderr } = spawnSync('openssl', ['verify', ...args, ...files], {
      cwd: dir,
      encoding: 'utf8',
    });
    return { taken: status === 0, stderr };
  }

  const ders = (made: readonly { readonly der: Uint8Array }[]): Uint8Array[] =>
    made.map(({ der }) => der);

  it('every path that is found is one for OpenSSL, and what OpenSSL finds is found', (t) => {
    const numbers = new Seeded(seed);
    const keys = [newKey('rsa'), newKey('p384'), newKey('ed25519'), newKey(), newKey(), newKey()];
    const counts = { found: 0, refused: 0, onlyHere: 0 };
    for (let round = 0; round < rounds; round += 1) {
      const { leaf, sent, roots } = randomCase(numbers, keys);
      const own = buildPath({
        leaf: leaf.certificate,
        intermediates: sent.map(({ certificate }) => certificate),
        roots: roots.map(({ certificate }) => certificate),
        nowMs,
      });
      const theirs = opensslSays(leaf.der, ders(sent), ders(roots));
      if (!own.ok) {
        assert.ok(!theirs.taken, `round ${round}: only OpenSSL finds a path; ${own.error}`);
        counts.refused += 1;
        continue;
      }
      counts.found += 1;
      // OpenSSL does not turn back from a dead end: then it is asked about the very path.
      if (theirs.taken) continue;
      counts.onlyHere += 1;
      const [, ...issuers] = own.value;
      const again = opensslSays(leaf.der, ders(issuers.slice(0, -1)), ders(issuers.slice(-1)));
      assert.ok(again.taken, `round ${round}: ${again.stderr}`);
    }
    t.diagnostic(JSON.stringify(counts));
    assert.ok(counts.found > rounds / 10 && counts.refused > rounds / 10);
  });
});
