import type { Clock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { TrustDomain } from '../model/types.ts';
import {
  type Ca,
  createRoot,
  createRootKey,
  type IssuedSvid,
  issueSvid,
  privateKeyFromPkcs8,
} from './ca.ts';
import { readCertificate } from './certificate-read.ts';
import { keyId } from './certificate-write.ts';
import { readCsr } from './csr.ts';
import { toPem } from './pem.ts';
import { open, seal } from './seal.ts';
import type { SpiffeId } from './spiffe-id.ts';

/** What the authority needs of a store: sealed values, replaced whole, and a record of what it issued. */
export interface AuthorityStore {
  get(
    kind: string,
    id: string,
  ): Promise<{ readonly version: number; readonly value: Uint8Array } | undefined>;
  /** Undefined when `ifVersion` (0: none) is not what is there: another replica was first. */
  put(
    kind: string,
    id: string,
    value: Uint8Array,
    ifVersion: number | undefined,
  ): Promise<number | undefined>;
  record(entry: {
    readonly atMs: number;
    readonly kind: string;
    readonly subject: string;
    readonly facts: Readonly<Record<string, string | number>>;
  }): void;
}

export interface IssueRequest {
  readonly spiffeId: SpiffeId;
  readonly csrDer: Uint8Array;
  readonly ttlSeconds: number;
  readonly host: string;
  readonly reason: string;
}

/** The CA of a mesh. Its key is opened into memory here and leaves it only sealed. */
export interface Authority {
  readonly trustDomain: TrustDomain;
  readonly bundlePem: string;
  /** Errors: why the request was not taken. */
  issue(request: IssueRequest): Result<IssuedSvid, string>;
}

const rootName = 'ca/root';
const rootLifetimeSeconds = 365 * 24 * 3600;
const ttlSecondsMax = 24 * 3600;

/**
 * Opens the root of the store, or makes it: the key is durable before the first certificate is signed with it.
 * Errors: CH3001 (the KEK does not open it), CH3002 (the store is of another trust domain).
 */
export async function openAuthority(options: {
  readonly store: AuthorityStore;
  readonly kek: Uint8Array;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly random: Random;
}): Promise<Authority> {
  const { store, clock, random } = options;
  const ca = await loadOrCreate(options);
  return {
    trustDomain: ca.trustDomain,
    bundlePem: toPem('CERTIFICATE', ca.certificateDer),
    issue: (request) => {
      const csr = readCsr(request.csrDer);
      if (!csr.ok) return err(csr.error);
      const { spiffeId, host, reason } = request;
      const ttlSeconds = Math.min(request.ttlSeconds, ttlSecondsMax);
      const { publicKeySpki } = csr.value;
      const nowMs = clock.nowMs();
      const svid = issueSvid({ ca, spiffeId, publicKeySpki, ttlSeconds, nowMs, random });
      const facts = { serial: svid.serialHex, host, reason, notAfterMs: svid.notAfterMs };
      store.record({ atMs: nowMs, kind: 'svid-issued', subject: spiffeId, facts });
      return ok(svid);
    },
  };
}

async function loadOrCreate(options: {
  readonly store: AuthorityStore;
  readonly kek: Uint8Array;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly random: Random;
}): Promise<Ca> {
  const { store, kek, trustDomain, clock, random } = options;
  const stored = await store.get('sealed', rootName);
  if (stored !== undefined) return openRoot(stored.value, kek, trustDomain);
  const ca = createRoot({
    trustDomain,
    privateKey: createRootKey(),
    nowMs: clock.nowMs(),
    lifetimeSeconds: rootLifetimeSeconds,
    random,
  });
  const sealed = seal(kek, encodeRoot(ca), rootName, random);
  if ((await store.put('sealed', rootName, sealed, 0)) !== undefined) return ca;
  const other = await store.get('sealed', rootName);
  if (other === undefined) throw new Error('the store lost the root it had a moment ago');
  return openRoot(other.value, kek, trustDomain);
}

function encodeRoot(ca: Ca): Uint8Array {
  const key = ca.privateKey.export({ type: 'pkcs8', format: 'der' });
  const { trustDomain } = ca;
  const certificate = Buffer.from(ca.certificateDer).toString('base64');
  return Buffer.from(JSON.stringify({ trustDomain, certificate, key: key.toString('base64') }));
}

function openRoot(sealed: Uint8Array, kek: Uint8Array, wanted: TrustDomain): Ca {
  const opened = open(kek, sealed, rootName);
  if (!opened.ok) {
    throw new ChanceryError({
      code: 'CH3001',
      message: `the CA key in the store does not open: ${opened.error}`,
      help: 'give the key-encryption key that the store was made with; without it the CA is lost',
    });
  }
  const root = JSON.parse(Buffer.from(opened.value).toString('utf8')) as {
    readonly trustDomain: TrustDomain;
    readonly certificate: string;
    readonly key: string;
  };
  if (root.trustDomain !== wanted) throw otherTrustDomain(root.trustDomain, wanted);
  const certificateDer = Buffer.from(root.certificate, 'base64');
  const certificate = readCertificate(certificateDer);
  if (!certificate.ok) throw new Error(`the stored root cannot be read: ${certificate.error}`);
  const { subject, notAfterMs, publicKeySpki } = certificate.value;
  return {
    trustDomain: root.trustDomain,
    certificateDer,
    privateKey: privateKeyFromPkcs8(Buffer.from(root.key, 'base64')),
    subject,
    keyId: keyId(publicKeySpki),
    notAfterMs,
  };
}

function otherTrustDomain(found: TrustDomain, wanted: TrustDomain): ChanceryError {
  return new ChanceryError({
    code: 'CH3002',
    message: `the store belongs to the trust domain "${found}", the intent says "${wanted}"`,
    expected: found,
    found: wanted,
    help: 'set trust_domain in mesh.yaml back, or give the new mesh a store of its own',
  });
}
