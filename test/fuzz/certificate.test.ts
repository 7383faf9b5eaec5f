import 'reflect-metadata';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import * as peculiar from '@peculiar/x509';
import { systemRandom as random } from '../../src/base/random.ts';
import {
  createIntermediate,
  createRoot,
  createRootKey,
  issueSvid,
  spkiOf,
} from '../../src/identity/ca.ts';
import { readCertificate } from '../../src/identity/certificate-read.ts';
import { createCsr, readCsr } from '../../src/identity/csr.ts';
import { fromPem } from '../../src/identity/pem.ts';
import { workloadId } from '../../src/identity/spiffe-id.ts';
import type { ServiceName, TrustDomain } from '../../src/model/types.ts';
import { mutate, Seeded } from './mutate.ts';

/** `CHANCERY_FUZZ=1000000` for the long run, `CHANCERY_FUZZ_SEED=n` to replay one. */
const runs = Number(process.env['CHANCERY_FUZZ'] ?? 20_000);
const seed = Number(process.env['CHANCERY_FUZZ_SEED'] ?? 1);

const trustDomain = 'fuzz.test' as TrustDomain;

function ours(): readonly Uint8Array[] {
  const nowMs = Date.UTC(2026, 10, 24);
  const parts = { trustDomain, nowMs, random };
  const root = createRoot({ ...parts, privateKey: createRootKey(), lifetimeSeconds: 1e9 });
  const below = { ...parts, issuer: root, privateKey: createRootKey(), lifetimeSeconds: 1e7 };
  const intermediate = createIntermediate(below);
  const leaf = issueSvid({
    ca: intermediate,
    spiffeId: workloadId(trustDomain, 'web' as ServiceName),
    publicKeySpki: spkiOf(createRootKey()),
    ttlSeconds: 3_600,
    dnsNames: ['web.fuzz.test'],
    nowMs,
    random,
  });
  return [root.certificateDer, intermediate.certificateDer, leaf.certificateDer];
}

/** Certificates that OpenSSL writes, of other shapes than ours. */
function openssls(): readonly Uint8Array[] {
  const dir = mkdtempSync(join(tmpdir(), 'fuzz-'));
  const made = [
    ['-newkey', 'rsa:2048', '-addext', 'subjectAltName=URI:spiffe://fuzz.test/rsa,DNS:a.test'],
    [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-384',
      '-addext',
      'keyUsage=critical,keyCertSign',
    ],
    ['-newkey', 'ed25519', '-addext', 'extendedKeyUsage=serverAuth,clientAuth'],
  ].map((args, index) => {
    const file = join(dir, `${index}.pem`);
    const common = ['req', '-x509', '-nodes', '-days', '30', '-subj', '/O=Fuzz/CN=x'];
    execFileSync('openssl', [...common, ...args, '-keyout', '/dev/null', '-out', file], {
      stdio: 'ignore',
    });
    const blocks = fromPem('CERTIFICATE', readFileSync(file, 'utf8'));
    return (blocks.ok ? blocks.value[0] : undefined) ?? new Uint8Array();
  });
  rmSync(dir, { recursive: true });
  return made;
}

function nodeTakes(der: Uint8Array): boolean {
  try {
    new X509Certificate(der);
    return true;
  } catch {
    return false;
  }
}

function peculiarTakes(der: Uint8Array): boolean {
  try {
    const certificate = new peculiar.X509Certificate(Buffer.from(der));
    return certificate.serialNumber !== '' && certificate.notAfter instanceof Date;
  } catch {
    return false;
  }
}

/** What Go says of each; undefined where there is no Go. */
function goSays(ders: readonly Uint8Array[]): readonly string[] | undefined {
  if (spawnSync('which', ['go']).status !== 0) return undefined;
  const cache = resolve('node_modules/.cache/fuzz');
  mkdirSync(cache, { recursive: true });
  const program = join(cache, 'go-x509');
  execFileSync('go', ['build', '-o', program, '.'], { cwd: 'test/fuzz/go', stdio: 'pipe' });
  const input = ders.map((der) => Buffer.from(der).toString('base64')).join('\n');
  const { stdout } = spawnSync(program, { input, maxBuffer: 256 * 1024 * 1024 });
  return stdout.toString('utf8').trim().split('\n');
}

describe(`certificates, ${runs} mutations from seed ${seed}`, () => {
  const seeds = [...ours(), ...openssls()];

  it('what we write and what OpenSSL writes is taken by everybody', (t) => {
    for (const der of seeds) {
      const read = readCertificate(der);
      assert.ok(read.ok, read.ok ? '' : read.error);
      assert.ok(nodeTakes(der) && peculiarTakes(der));
    }
    const said = goSays(seeds);
    if (said === undefined) t.diagnostic('without Go: it is not installed');
    else assert.deepEqual(new Set(said), new Set(['taken']));
  });

  it('a mutated certificate is never a crash, and never taken by us alone', (t) => {
    const numbers = new Seeded(seed);
    const suspects: Uint8Array[] = [];
    let taken = 0;
    for (let run = 0; run < runs; run += 1) {
      const one = seeds[numbers.below(seeds.length)] ?? new Uint8Array();
      const other = seeds[numbers.below(seeds.length)] ?? one;
      const der = mutate(one, other, numbers);
      if (!readCertificate(der).ok) continue;
      taken += 1;
      if (!nodeTakes(der) && !peculiarTakes(der)) suspects.push(der);
    }
    const said = suspects.length === 0 ? [] : goSays(suspects);
    const alone = suspects.filter((_, index) => said?.[index] !== 'taken');
    t.diagnostic(
      `${taken} taken by us, ${suspects.length} of them refused by OpenSSL and @peculiar`,
    );
    assert.deepEqual(
      alone.slice(0, 3).map((der) => Buffer.from(der).toString('base64')),
      [],
      `${alone.length} are taken by us alone; Go says ${[...new Set(said)].join('; ')}`,
    );
    assert.ok(taken > runs / 1_000, 'the mutations are too wild to test anything');
  });

  it('a mutated request is never a crash, and its key always its own', () => {
    const numbers = new Seeded(seed);
    const make = (): Uint8Array =>
      createCsr({ ...generateKeyPairSync('ec', { namedCurve: 'P-256' }), commonName: 'x' });
    const [one, other] = [make(), make()];
    const good = readCsr(one);
    assert.ok(good.ok);
    for (let run = 0; run < runs / 4; run += 1) {
      const der = mutate(one, other, numbers);
      const read = readCsr(der);
      if (!read.ok || Buffer.compare(der, one) === 0 || Buffer.compare(der, other) === 0) continue;
      assert.fail(`a changed request is taken: ${Buffer.from(der).toString('base64')}`);
    }
  });
});
