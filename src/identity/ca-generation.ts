import type { KeyObject } from 'node:crypto';
import type { Random } from '../base/random.ts';
import { caUnlessSaid } from '../model/ca-section.ts';
import type { CaLifetimes, TrustDomain } from '../model/types.ts';
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
  readonly rootNotBeforeMs: number;
  readonly rootNotAfterMs: number;
  /** Good only while everything up to the root is. */
  readonly intermediate: Ca;
  readonly jwt: { readonly kid: string; readonly privateKey: KeyObject; readonly spki: Uint8Array };
}

export interface GenerationParts {
  readonly trustDomain: TrustDomain;
  readonly nowMs: number;
  readonly random: Random;
  /** As mesh.yaml has them when it says nothing when left out. */
  readonly lifetimes?: CaLifetimes;
}

export function createGeneration(parts: GenerationParts): CaGeneration {
  const lifetimeSeconds = (parts.lifetimes ?? caUnlessSaid).rootTtlSeconds;
  const root = createRoot({ ...parts, privateKey: createRootKey(), lifetimeSeconds });
  return generationBelow(root, parts);
}

/** A new intermediate and token key below a root that is there already. */
export function generationBelow(root: Ca, parts: GenerationParts): CaGeneration {
  const intermediate = createIntermediate({
    ...parts,
    issuer: root,
    privateKey: createRootKey(),
    lifetimeSeconds: (parts.lifetimes ?? caUnlessSaid).intermediateTtlSeconds,
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
  const root = certificateOf(rootDer);
  return {
    id: Buffer.from(intermediate.keyId).toString('hex'),
    createdMs,
    rootDer,
    rootKey,
    rootNotBeforeMs: root.notBeforeMs,
    rootNotAfterMs: root.notAfterMs,
    intermediate: { ...intermediate, ...commonTime([intermediate, root]) },
    jwt: { kid: jwkThumbprint(spki), privateKey: jwtKey, spki },
  };
}

/** Whether what it signs now is good. A generation that has ended, or that begins later by this clock, signs nothing. */
export function isUsable({ intermediate }: CaGeneration, nowMs: number): boolean {
  return intermediate.notBeforeMs <= nowMs && nowMs < intermediate.notAfterMs;
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
  const own = certificateOf(certificateDer);
  const { subject, publicKeySpki, subjectKeyId = keyId(publicKeySpki) } = own;
  if (!Buffer.from(publicKeySpki).equals(spkiOf(privateKey))) {
    throw new Error('the key is not the one of the certificate');
  }
  return {
    ...{ trustDomain, certificateDer, privateKey, subject, chainDer },
    keyId: subjectKeyId,
    ...commonTime([own, ...chainDer.map(certificateOf)]),
  };
}

interface Time {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** When all of them are good. */
function commonTime(times: readonly Time[]): Time {
  return {
    notBeforeMs: Math.max(...times.map((time) => time.notBeforeMs)),
    notAfterMs: Math.min(...times.map((time) => time.notAfterMs)),
  };
}

function certificateOf(der: Uint8Array) {
  const certificate = readCertificate(der);
  if (!certificate.ok) throw new Error(`a CA certificate cannot be read: ${certificate.error}`);
  return certificate.value;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

export function keyText(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'der' }).toString('base64');
}

export function keyFromText(text: string): KeyObject {
  return privateKeyFromPkcs8(Buffer.from(text, 'base64'));
}
