import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  extension,
  type Made,
  madeMs,
  make,
  newKey,
  usage,
  type Wanted,
} from '../../test/support/pki.ts';
import { buildPath, pathLimits } from './certificate-path.ts';
import { readCertificate } from './certificate-read.ts';
import { contextTag, tag, write, writeText } from './der.ts';
import { oid } from './oids.ts';
import { fromPem } from './pem.ts';

const nowMs = madeMs;

function path(leaf: Made, intermediates: readonly Made[], roots: readonly Made[]) {
  return buildPath({
    leaf: leaf.certificate,
    intermediates: intermediates.map(({ certificate }) => certificate),
    roots: roots.map(({ certificate }) => certificate),
    nowMs,
  });
}

function problem(leaf: Made, intermediates: readonly Made[], roots: readonly Made[]): string {
  const found = path(leaf, intermediates, roots);
  return found.ok ? 'found' : found.error;
}

function root(more: Partial<Wanted> = {}): Made {
  return make({ name: 'root', ca: true, ...more });
}

function below(issuer: Made, name: string, more: Partial<Wanted> = {}): Made {
  return make({ name, issuer, ca: true, ...more });
}

function leafOf(issuer: Made, more: Partial<Wanted> = {}): Made {
  return make({ name: 'leaf', issuer, ...more });
}

/** Each CA below the one before it. */
function chain(top: Made, count: number): readonly Made[] {
  const chained: Made[] = [];
  for (let index = 1; index <= count; index += 1) {
    chained.push(below(chained.at(-1) ?? top, `ca-${index}`));
  }
  return chained;
}

describe('a path to a root', () => {
  it('goes through CAs that were sent in any order', () => {
    const top = root();
    const cas = chain(top, 4);
    const leaf = leafOf(cas[3] ?? top);
    const found = path(leaf, cas, [root({ name: 'other' }), top]);
    assert.ok(found.ok);
    const expected = [leaf, ...[...cas].reverse(), top].map(({ certificate }) => certificate);
    assert.deepEqual(found.value, expected);
  });

  for (const kind of ['p256', 'p384', 'p521', 'rsa', 'ed25519'] as const) {
    it(`is followed by signatures of ${kind}`, () => {
      const top = root({ key: newKey(kind) });
      assert.equal(problem(leafOf(top), [], [top]), 'found');
      const forged = leafOf(top, { signer: newKey(kind) });
      assert.match(problem(forged, [], [top]), /signature on the certificate of "leaf" is not by/);
    });
  }

  it('is followed by signatures of RSA-PSS', () => {
    const top = root({ key: newKey('rsa') });
    assert.equal(problem(leafOf(top, { pss: true }), [], [top]), 'found');
  });

  it('five CAs between are too many, in whatever order they come', () => {
    const top = root();
    const cas = chain(top, 5);
    const leaf = leafOf(cas[4] ?? top);
    assert.match(problem(leaf, cas, [top]), /more than 4 intermediates/);
    assert.match(problem(leaf, [...cas].reverse(), [top]), /more than 4 intermediates/);
  });

  it('a root that an operator named may be silent about its key usage, and no other CA', () => {
    const silent = root({ keyUsage: null });
    assert.equal(problem(leafOf(silent), [], [silent]), 'found');
    const wrong = root({ keyUsage: usage.digitalSignature });
    assert.match(problem(leafOf(wrong), [], [wrong]), /does not hold keyCertSign/);
  });

  it('no root that was sent is trusted', () => {
    const [top, other] = [root(), root({ name: 'other' })];
    const leaf = leafOf(top);
    assert.match(problem(leaf, [top], [other]), /"root" was issued by "root"|issue each other/);
    assert.match(problem(leaf, [top], [root()]), /signature/);
    assert.match(problem(leaf, [top], []), /issue each other/);
    assert.match(problem(top, [], [top]), /issue each other/);
  });

  it('two roots of one name are both tried', () => {
    const [first, second] = [root(), root()];
    for (const issuer of [first, second]) {
      assert.equal(problem(leafOf(issuer), [], [first, second]), 'found');
      assert.equal(problem(leafOf(issuer, { noKeyIds: true }), [], [first, second]), 'found');
    }
  });

  it('of two ways the one that holds is found', () => {
    const [old, next] = [root({ name: 'old' }), root({ name: 'next' })];
    const key = newKey();
    const ended = below(old, 'ca', { key, notAfterMs: nowMs - 1_000 });
    const crossed = below(next, 'ca', { key });
    const leaf = leafOf(crossed);
    for (const sent of [
      [ended, crossed],
      [crossed, ended],
    ]) {
      assert.equal(problem(leaf, sent, [old, next]), 'found');
      assert.match(problem(leaf, sent, [old]), /ended at|was issued by/);
    }
  });

  it('CAs that issue each other end nowhere', () => {
    const [a, b] = [root({ name: 'a' }), root({ name: 'b' })];
    const aByB = below(b, 'a', { key: a.key });
    const bByA = below(a, 'b', { key: b.key });
    assert.match(problem(leafOf(a), [aByB, bByA], [root()]), /issue each other/);
  });

  it('CAs of one name cost no more than the limit of signatures', () => {
    const top = root();
    const key = newKey();
    const leaf = leafOf(below(top, 'ca', { key }));
    // Each says that it is the issuer, and none is.
    const decoys = Array.from({ length: 16 }, () => make({ name: 'ca', ca: true, issuer: top }));
    const limits = { ...pathLimits, signatureChecksMax: 8 };
    const certificates = decoys.map(({ certificate }) => certificate);
    const found = buildPath({
      leaf: leaf.certificate,
      intermediates: certificates,
      roots: [top.certificate],
      nowMs,
      limits,
    });
    assert.deepEqual(found, { ok: false, error: 'no path was found within 8 signature checks' });
    assert.match(problem(leaf, [...decoys, top, top], [root()]), /more than 16 certificates/);
  });

  it('CAs that all issue each other cost no more than the limit of signatures', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    // Every way through them verifies, and none ends at a root.
    const cas = names.map((name) => root({ name }));
    const sent = cas.flatMap((issuer) =>
      cas
        .filter((ca) => ca !== issuer)
        .map((ca) => below(issuer, names[cas.indexOf(ca)] ?? '', { key: ca.key })),
    );
    const leaf = make({ name: 'leaf', issuer: cas[0] });
    const limits = { ...pathLimits, sentMax: 100, intermediatesMax: 50 };
    const found = buildPath({
      leaf: leaf.certificate,
      intermediates: sent.map(({ certificate }) => certificate),
      roots: [root().certificate],
      nowMs,
      limits,
    });
    assert.deepEqual(found, { ok: false, error: 'no path was found within 64 signature checks' });
  });

  const top = root();
  const names = extension(
    oid.nameConstraints,
    false,
    write(
      tag.sequence,
      write(contextTag(0, true), write(tag.sequence, writeText(contextTag(2, false), 'shop.test'))),
    ),
  );
  const refused: readonly (readonly [string, () => string, RegExp])[] = [
    ['an issuer that is nowhere', () => problem(leafOf(root()), [], []), /which is no root here/],
    [
      'another root of the same name',
      () => problem(leafOf(root()), [], [root()]),
      /is not by the key of "root"/,
    ],
    [
      'a leaf that ended',
      () => problem(leafOf(top, { notAfterMs: nowMs - 1_000 }), [], [top]),
      /"leaf" ended at 2026-05-31T23:59:59/,
    ],
    [
      'a leaf that is not yet valid',
      () => problem(leafOf(top, { notBeforeMs: nowMs + 1_000 }), [], [top]),
      /"leaf" is valid only from/,
    ],
    [
      'a root that ended',
      () => {
        const ended = root({ notAfterMs: nowMs - 1_000 });
        return problem(leafOf(ended), [], [ended]);
      },
      /"root" ended at/,
    ],
    [
      'a CA between that ended',
      () => {
        const ca = below(top, 'ca', { notAfterMs: nowMs - 1_000 });
        return problem(leafOf(ca), [ca], [top]);
      },
      /"ca" ended at/,
    ],
    [
      'an issuer that is no CA',
      () => {
        const ca = below(top, 'ca', { ca: false, keyUsage: usage.keyCertSign });
        return problem(leafOf(ca), [ca], [top]);
      },
      /"ca" is no CA/,
    ],
    [
      'an issuer without basic constraints',
      () => {
        const ca = below(top, 'ca', { noConstraints: true });
        return problem(leafOf(ca), [ca], [top]);
      },
      /"ca" is no CA/,
    ],
    [
      'a CA without keyCertSign',
      () => {
        const ca = below(top, 'ca', { keyUsage: usage.digitalSignature });
        return problem(leafOf(ca), [ca], [top]);
      },
      /does not hold keyCertSign/,
    ],
    [
      'a CA without key usage',
      () => {
        const ca = below(top, 'ca', { keyUsage: null });
        return problem(leafOf(ca), [ca], [top]);
      },
      /does not hold keyCertSign/,
    ],
    [
      'more CAs than a root allows',
      () => {
        const short = root({ pathLength: 0 });
        const ca = below(short, 'ca');
        return problem(leafOf(ca), [ca], [short]);
      },
      /"root" allows 0 CAs below it, and 1 follow/,
    ],
    [
      'name constraints, critical or not',
      () => {
        const ca = below(top, 'ca', { more: [names] });
        return problem(leafOf(ca), [ca], [top]);
      },
      /name constraints/,
    ],
    [
      'an RSA key of 1,024 bits',
      () => problem(leafOf(top, { key: newKey('rsa1024') }), [], [top]),
      /has 1024 bits, not 2048 to 8192/,
    ],
  ];
  for (const [what, found, expected] of refused) {
    it(`${what} is refused`, () => assert.match(found(), expected));
  }

  it('critical name constraints are refused where certificates are read', () => {
    const critical = extension(oid.nameConstraints, true, write(tag.sequence));
    assert.throws(() => root({ more: [critical] }), /critical extension 2\.5\.29\.30 is unknown/);
  });

  it('a CA that renewed itself does not count for the path length', () => {
    const short = root({ pathLength: 0 });
    const renewed = make({ name: 'root', issuer: short, ca: true });
    assert.equal(problem(leafOf(renewed), [renewed], [short]), 'found');
  });

  it('what OpenSSL signs with SHA-1 is not taken', () => {
    const dir = mkdtempSync(join(tmpdir(), 'path-'));
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-sha1', '-subj', '/CN=old'];
    execFileSync('openssl', [...args, '-keyout', '/dev/null', '-out', 'old.pem'], {
      cwd: dir,
      stdio: 'ignore',
    });
    const blocks = fromPem('CERTIFICATE', readFileSync(join(dir, 'old.pem'), 'utf8'));
    rmSync(dir, { recursive: true });
    const old = readCertificate((blocks.ok ? blocks.value[0] : undefined) ?? new Uint8Array());
    assert.ok(old.ok, 'it can be read, as an old root may be signed so');
    const { notBeforeMs, notAfterMs } = old.value;
    const found = buildPath({
      leaf: old.value,
      intermediates: [],
      roots: [root({ name: 'old', notBeforeMs, notAfterMs }).certificate],
      nowMs: notBeforeMs,
    });
    assert.match(found.ok ? '' : found.error, /signed in a way that is not taken/);
  });
});
