import type { KeyObject } from 'node:crypto';
import type { Random } from '../base/random.ts';
import type { TrustDomain } from '../model/types.ts';
import {
  type Ca,
  createIntermediate,
  createRoot,
  createRootKey,
  privateKeyFromPkcs8,
  spkiOf,
} from './ca.ts';
import { readCertificate } from './certificate-read.ts';
import { keyId } from './certificate-write.ts';
import { jwkThumbprint } from './jws.ts';

/**
 * A root, the intermediate that signs below it, and the key that signs tokens: what a rotation replaces as a whole.
 * The root's key is missing where the root is the company's own.
 */
export interface CaGeneration {
  /** Key id of the intermediate, hex: the issuer that leaves name. */
  readonly id: string;
  readonly createdMs: number;
  readonly rootDer: Uint8Array;
  readonly rootKey: KeyObject | undefined;
  readonly rootNotAfterMs: number;
  readonly intermediate: Ca;
  readonly jwt: { readonly kid: string; readonly privateKey: KeyObject; readonly spki: Uint8Array };
}

export const rootLifetimeSeconds = 365 * 24 * 3_600;
export const intermediateLifetimeSeconds = 90 * 24 * 3_600;

interface Parts {
  readonly trustDomain: TrustDomain;
  readonly nowMs: number;
  readonly random: Random;
}

export function createGeneration(parts: Parts): CaGeneration {
  const lifetimeSeconds = rootLifetimeSeconds;
  const root = createRoot({ ...parts, privateKey: createRootKey(), lifetimeSeconds });
  return generationBelow(root, parts);
}

/** A new intermediate and token key below a root that is there already. */
export function generationBelow(root: Ca, parts: Parts): CaGeneration {
  const intermediate = createIntermediate({
    ...parts,
    issuer: root,
    privateKey: createRootKey(),
    lifetimeSeconds: intermediateLifetimeSeconds,
  });
  return generationOf({
    createdMs: parts.nowMs,
    rootDer: root.certificateDer,
    rootKey: root.privateKey,
    intermediate,
    jwtKey: createRootKey(),
  });
}

export function generationOf(given: {
  readonly createdMs: number;
  readonly rootDer: Uint8Array;
  readonly rootKey: KeyObject | undefined;
  readonly intermediate: Ca;
  readonly jwtKey: KeyObject;
}): CaGeneration {
  const { createdMs, rootDer, rootKey, intermediate, jwtKey } = given;
  const spki = spkiOf(jwtKey);
  return {
    id: Buffer.from(intermediate.keyId).toString('hex'),
    createdMs,
    rootDer,
    rootKey,
    rootNotAfterMs: certificateOf(rootDer).notAfterMs,
    intermediate,
    jwt: { kid: jwkThumbprint(spki), privateKey: jwtKey, spki },
  };
}

/** The root as a CA that can sign; undefined where its key is elsewhere. */
export function rootOf(generation: CaGeneration): Ca | undefined {
  const { rootKey, rootDer } = generation;
  const { trustDomain } = generation.intermediate;
  return rootKey === undefined ? undefined : caOf(trustDomain, rootDer, rootKey, []);
}

/** Plain JSON for the sealed document; never anything else. */
export interface StoredGeneration {
  readonly createdMs: number;
  readonly root: string;
  readonly rootKey: string | null;
  readonly chain: readonly string[];
  readonly key: string;
  readonly jwtKey: string;
}

export function storedGeneration(generation: CaGeneration): StoredGeneration {
  const { createdMs, rootDer, rootKey, intermediate, jwt } = generation;
  return {
    createdMs,
    root: base64(rootDer),
    rootKey: rootKey === undefined ? null : keyText(rootKey),
    chain: intermediate.chainDer.map(base64),
    key: keyText(intermediate.privateKey),
    jwtKey: keyText(jwt.privateKey),
  };
}

export function openGeneration(trustDomain: TrustDomain, stored: StoredGeneration): CaGeneration {
  const chain = stored.chain.map((der) => Buffer.from(der, 'base64'));
  const [own] = chain;
  if (own === undefined) throw new Error('a stored CA has no certificate');
  return generationOf({
    createdMs: stored.createdMs,
    rootDer: Buffer.from(stored.root, 'base64'),
    rootKey: stored.rootKey === null ? undefined : keyFromText(stored.rootKey),
    intermediate: caOf(trustDomain, own, keyFromText(stored.key), chain),
    jwtKey: keyFromText(stored.jwtKey),
  });
}

/** A CA of a certificate and its key. Throws when they do not belong together. */
export function caOf(
  trustDomain: TrustDomain,
  certificateDer: Uint8Array,
  privateKey: KeyObject,
  chainDer: readonly Uint8Array[],
): Ca {
  const { subject, notAfterMs, publicKeySpki } = certificateOf(certificateDer);
  if (!Buffer.from(publicKeySpki).equals(spkiOf(privateKey))) {
    throw new Error('the key is not the one of the certificate');
  }
  const id = keyId(publicKeySpki);
  return { trustDomain, certificateDer, privateKey, subject, keyId: id, notAfterMs, chainDer };
}

function certificateOf(der: Uint8Array) {
  const certificate = readCertificate(der);
  if (!certificate.ok) throw new Error(`a CA certificate cannot be read: ${certificate.error}`);
  return certificate.value;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function keyText(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'der' }).toString('base64');
}

function keyFromText(text: string): KeyObject {
  return privateKeyFromPkcs8(Buffer.from(text, 'base64'));
}
