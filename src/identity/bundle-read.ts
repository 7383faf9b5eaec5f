import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import type { TrustDomain } from '../model/types.ts';
import { readCertificate } from './certificate-read.ts';
import { readPublicJwk } from './jwk.ts';
import { readJsonObject } from './strict-json.ts';
import type { JwtVerificationKey, TrustBundle } from './trust.ts';

/** A hundred roots on RSA keys are 300 KB. */
export const bundleBytesMax = 1024 * 1024;
/** A control plane with a root for each of its servers has some dozen. */
export const bundleKeysMax = 500;
const kidBytesMax = 1_024;
const sequenceMax = 2n ** 64n - 1n;
const keyCertSign = 1 << 5;

/** What a bundle document says. Its trust domain is not in it: that is for whoever knows where it came from (rule 80). */
export interface BundleDocument {
  readonly bundle: TrustBundle;
  /** 64 bits. Undefined: the publisher does not number its bundles. */
  readonly sequence: bigint | undefined;
  readonly refreshHintSeconds: number | undefined;
}

type Members = Readonly<Record<string, unknown>>;

/** Strict, all or nothing: what is used and broken is an error, what is of an unknown kind is passed over. Never throws. */
export function readBundleDocument(
  bytes: Uint8Array,
  trustDomain: TrustDomain,
): Result<BundleDocument, string> {
  if (bytes.length > bundleBytesMax) return err(`it is larger than ${bundleBytesMax} bytes`);
  const object = readJsonObject(bytes, 'spiffe_sequence');
  if (object === undefined) return err('it is no JSON object in UTF-8, or says a member twice');
  const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: hint } = object;
  if (!Array.isArray(keys)) return err('"keys" is missing, or no list');
  if (keys.length > bundleKeysMax) return err(`it has more than ${bundleKeysMax} keys`);
  if (sequence !== undefined && (typeof sequence !== 'bigint' || sequence > sequenceMax)) {
    return err('"spiffe_sequence" is no whole number of 64 bits');
  }
  if (hint !== undefined && !(Number.isSafeInteger(hint) && Number(hint) >= 0)) {
    return err('"spiffe_refresh_hint" is no whole number of seconds');
  }
  const read = readKeys(keys);
  if (!read.ok) return read;
  const bundle = { trustDomain, sequence: Number(sequence ?? 0n), ...read.value };
  return ok({ bundle, sequence, refreshHintSeconds: hint === undefined ? hint : Number(hint) });
}

function readKeys(
  keys: readonly unknown[],
): Result<Pick<TrustBundle, 'x509Roots' | 'jwtKeys'>, string> {
  const roots = new Set<string>();
  const jwtKeys: JwtVerificationKey[] = [];
  const kids = new Set<unknown>();
  for (const [index, entry] of keys.entries()) {
    const where = (problem: string): Result<never, string> => err(`keys[${index}]: ${problem}`);
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      return where('it is no object');
    }
    const members = entry as Members;
    const { use, kid } = members;
    if (use === 'jwt-svid' || use === 'wit-svid') {
      if (kid !== undefined && kids.has(kid)) return where(`a second key "${String(kid)}"`);
      kids.add(kid);
    }
    if (use === 'x509-svid') {
      const root = readRoot(members);
      if (!root.ok) return where(root.error);
      if (root.value !== undefined) roots.add(root.value);
    } else if (use === 'jwt-svid') {
      const key = readJwtKey(members);
      if (!key.ok) return where(key.error);
      if (key.value !== undefined) jwtKeys.push(key.value);
    }
  }
  return ok({ x509Roots: [...roots], jwtKeys });
}

/** X509-SVID section 6.2: an entry without a certificate is passed over, and so are all certificates but the first. */
function readRoot(members: Members): Result<string | undefined, string> {
  const { x5c } = members;
  const [first] = Array.isArray(x5c) ? (x5c as unknown[]) : [];
  const key = readPublicJwk(members);
  if (!key.ok) return key;
  if (first === undefined || key.value === undefined) return ok(undefined);
  const der = typeof first === 'string' ? Buffer.from(first, 'base64') : undefined;
  if (der === undefined || der.toString('base64') !== first) {
    return err('its certificate is not in base64');
  }
  const problem = rootProblem(der, key.value);
  return problem === undefined ? ok(first as string) : err(problem);
}

/** Each root goes to proxies and to other programs, whose libraries refuse a whole bundle for one that they cannot read. */
function rootProblem(der: Uint8Array, key: KeyObject): string | undefined {
  const read = readCertificate(der);
  if (!read.ok) return `its certificate: ${read.error}`;
  const { isCa, keyUsage, publicKeySpki } = read.value;
  if (!isCa) return 'its certificate is not one of a CA';
  if (keyUsage === undefined || (keyUsage.bits & keyCertSign) === 0) {
    return 'its certificate may not sign others';
  }
  const own = libraryKey(der, publicKeySpki);
  if (own === undefined) return 'its certificate is not one that OpenSSL takes';
  return own.equals(key) ? undefined : 'its certificate is of another key';
}

function libraryKey(der: Uint8Array, publicKeySpki: Uint8Array): KeyObject | undefined {
  try {
    void new X509Certificate(der);
    return createPublicKey({ key: Buffer.from(publicKeySpki), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

function readJwtKey(members: Members): Result<JwtVerificationKey | undefined, string> {
  const { kid } = members;
  const key = readPublicJwk(members);
  if (!key.ok) return key;
  if (key.value === undefined) return ok(undefined);
  if (typeof kid !== 'string' || kid === '') return err('a key for tokens has no "kid"');
  if (Buffer.byteLength(kid) > kidBytesMax) return err(`a "kid" of more than ${kidBytesMax} bytes`);
  const spki = key.value.export({ type: 'spki', format: 'der' });
  return ok({ kid, publicKeySpki: spki.toString('base64') });
}

type BundleOrder = 'same' | 'newer' | 'older';

/** How a document that was read now stands to the one before (rules 43 and 77). Without numbers what comes last is newer. */
export function orderOf(before: BundleDocument, now: BundleDocument): BundleOrder {
  if (JSON.stringify(before.bundle) === JSON.stringify(now.bundle)) return 'same';
  const { sequence } = before;
  const isOlder = sequence !== undefined && now.sequence !== undefined && now.sequence < sequence;
  return isOlder ? 'older' : 'newer';
}
