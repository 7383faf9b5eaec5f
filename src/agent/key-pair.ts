import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { createCsr } from '../identity/csr.ts';

/** A key pair of this host; as text it goes only into the sealed cache. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKeySpki: Uint8Array;
  readonly privateKeyPem: string;
}

export function newKeyPair(): KeyPair {
  return keyPairOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
}

export function keyPairFromPem(privateKeyPem: string): KeyPair {
  return keyPairOf(createPrivateKey(privateKeyPem));
}

function keyPairOf(privateKey: KeyObject): KeyPair {
  return {
    privateKey,
    publicKeySpki: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** DER in base64, as requests travel. */
export function csrText({ privateKey }: KeyPair, commonName: string): string {
  const publicKey = createPublicKey(privateKey);
  return Buffer.from(createCsr({ privateKey, publicKey, commonName })).toString('base64');
}
