import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { Refusal } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { createRootKey, spkiOf } from './ca.ts';
import { type CaGeneration, caOf, generationOf } from './ca-generation.ts';
import { type CaChain, type ChainRules, checkChain } from './import-chain.ts';
import { type CaState, trusted } from './rotation.ts';
import { signatureKind } from './signature.ts';

/** What a person brings: certificates, and the key where the company hands that out as well. */
export interface CaImport extends CaChain {
  readonly privateKeyPem: string | undefined;
}

const dayMs = 24 * 3_600 * 1_000;
/** A person must come again before it ends; what lives shorter is for a CA that is plugged in. */
const importLeftMsMin = 7 * dayMs;

/** A generation that signs with what was brought, if that holds in every respect. */
export function importedGeneration(
  state: CaState,
  given: CaImport,
  nowMs: number,
): Result<CaGeneration, Refusal> {
  const key = importedKey(state, given.privateKeyPem);
  if (!key.ok) return key;
  // Without --root: what chains to a root that the mesh trusts already, or brings one with it.
  const { certificatesDer } = given;
  const known = trusted(state).map(({ rootDer }) => rootDer);
  const rootsDer = given.rootsDer.length > 0 ? given.rootsDer : [...certificatesDer, ...known];
  const rules = { nowMs, leftMsMin: importLeftMsMin };
  const made = generationFrom(state, key.value, { certificatesDer, rootsDer }, rules);
  if (!made.ok) return err(refusal(made.error));
  return isSameKey(state, made.value) ? err(sameKey) : made;
}

/** A generation of a chain for this key, whoever signed it. Errors: each problem as a sentence. */
export function generationFrom(
  { trustDomain }: Pick<CaState, 'trustDomain'>,
  key: KeyObject,
  chain: CaChain,
  rules: Pick<ChainRules, 'nowMs' | 'leftMsMin'>,
): Result<CaGeneration, readonly string[]> {
  const checked = checkChain(chain, { ...rules, trustDomain, publicKeySpki: spkiOf(key) });
  if (!checked.ok) return checked;
  const { chainDer, rootDer } = checked.value;
  const [own = new Uint8Array()] = chainDer;
  const intermediate = caOf(trustDomain, own, key, chainDer);
  const createdMs = rules.nowMs;
  return ok(
    generationOf({ createdMs, rootDer, rootKey: undefined, intermediate, jwtKey: createRootKey() }),
  );
}

function importedKey(
  { request }: CaState,
  privateKeyPem: string | undefined,
): Result<KeyObject, Refusal> {
  if (privateKeyPem !== undefined) return keyOfPem(privateKeyPem);
  if (request !== undefined) return ok(request.privateKey);
  return err({
    code: 'CH3016',
    message: 'no request waits for a certificate, and no key was given',
    help: 'chancery ca request makes one; --key FILE brings a key that the company made',
  });
}

function keyOfPem(pem: string): Result<KeyObject, Refusal> {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return err(refusal(['the key cannot be read: it must be PEM without a passphrase']));
  }
  return signatureKind(key) === undefined
    ? err(refusal(['the key is none that signs here: P-256, P-384, or RSA of 2048 bits and more']))
    : ok(key);
}

function isSameKey(state: CaState, { id, intermediate }: CaGeneration): boolean {
  return trusted(state).some(
    (one) => one.id === id || one.intermediate.privateKey.equals(intermediate.privateKey),
  );
}

const sameKey: Refusal = {
  code: 'CH3013',
  message: 'this CA cannot be imported',
  notes: ['its key is the one that signs already, or is named like it: a rotation needs a new key'],
  help: 'chancery ca request makes a new key',
};

export function refusal(problems: readonly string[]): Refusal {
  return {
    code: 'CH3013',
    message: `this CA cannot be imported: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`,
    notes: problems,
    help: "have the company's CA sign the request with these properties, and import all certificates up to the root",
  };
}
