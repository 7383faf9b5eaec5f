import 'reflect-metadata';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import * as peculiar from '@peculiar/x509';
import type { Certificate } from '../../src/identity/certificate-read.ts';

/** OpenSSL's reader, and of the key also what is in it. */
export function nodeTakes(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).publicKey.type === 'public';
  } catch {
    return false;
  }
}

export function peculiarTakes(der: Uint8Array): boolean {
  try {
    const certificate = new peculiar.X509Certificate(Buffer.from(der));
    return certificate.serialNumber !== '' && certificate.notAfter instanceof Date;
  } catch {
    return false;
  }
}

/** The program itself, for the few where it matters: it also reads every extension to print it. */
export function opensslTakes(der: Uint8Array): boolean {
  const args = ['x509', '-inform', 'DER', '-noout', '-text'];
  return spawnSync('openssl', args, { input: der, stdio: 'pipe' }).status === 0;
}

/** What Go read, or why it did not. */
export interface GoSaid {
  readonly refused?: string;
  readonly raw: string;
  /** Only of PEM: the certificates in it, hex. */
  readonly blocks?: readonly string[];
  readonly [field: string]: unknown;
}

let program: string | undefined;

/** Undefined where there is no Go. */
function goProgram(): string | undefined {
  if (program !== undefined) return program;
  if (spawnSync('which', ['go']).status !== 0) return undefined;
  const cache = resolve('node_modules/.cache/fuzz');
  mkdirSync(cache, { recursive: true });
  const path = `${cache}/go-x509-${process.pid}`;
  execFileSync('go', ['build', '-o', path, '.'], { cwd: 'test/fuzz/go', stdio: 'pipe' });
  process.once('exit', () => spawnSync('rm', ['-f', path]));
  program = path;
  return program;
}

/** How many go to Go at once: what is asked and said stands in memory. */
const batchMax = 20_000;

export function goSays(
  what: 'certificates' | 'requests' | 'pem',
  ders: readonly Uint8Array[],
): readonly GoSaid[] | undefined {
  const path = goProgram();
  if (path === undefined) return undefined;
  const said: GoSaid[] = [];
  for (let from = 0; from < ders.length; from += batchMax) {
    const batch = ders.slice(from, from + batchMax);
    const input = batch.map((der) => Buffer.from(der).toString('base64')).join('\n');
    const { stdout, status, stderr } = spawnSync(path, [what], { input, maxBuffer: 1 << 30 });
    if (status !== 0) throw new Error(`the Go reader failed: ${stderr}`);
    const lines = stdout.toString('utf8').trim().split('\n');
    said.push(...lines.map((line) => JSON.parse(line) as GoSaid));
  }
  return said;
}

/** The same in the form that the Go reader says it. */
export function asGo(read: Certificate): GoSaid {
  const hash = createHash('sha256');
  for (const part of [read.tbs, read.issuer, read.subject, read.publicKeySpki, read.signature]) {
    hash.update(part);
  }
  return {
    serial: BigInt(`0x${read.serialHex}`).toString(16),
    notBefore: read.notBeforeMs,
    notAfter: read.notAfterMs,
    isCa: read.isCa,
    pathLength: read.pathLength ?? -1,
    keyUsage: read.keyUsage?.bits ?? 0,
    purposes: read.extKeyUsage?.length ?? 0,
    subjectKeyId: Buffer.from(read.subjectKeyId ?? []).toString('hex'),
    issuerKeyId: Buffer.from(read.authorityKeyId ?? []).toString('hex'),
    dnsNames: read.dnsSans,
    uris: read.uriSans,
    raw: hash.digest('hex'),
  };
}
