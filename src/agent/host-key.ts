import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { createCsr } from '../identity/csr.ts';

/** A key pair of this host; as text it goes only into the sealed cache. */
export interface HostKey {
  readonly privateKey: KeyObject;
  readonly publicKeySpki: Uint8Array;
  readonly privateKeyPem: string;
}

export function newHostKey(): HostKey {
  return hostKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
}

export function hostKeyFromPem(privateKeyPem: string): HostKey {
  return hostKeyOf(createPrivateKey(privateKeyPem));
}

function hostKeyOf(privateKey: KeyObject): HostKey {
  return {
    privateKey,
    publicKeySpki: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** DER in base64, as requests travel. */
export function csrText({ privateKey }: HostKey, commonName: string): string {
  const publicKey = createPublicKey(privateKey);
  return Buffer.from(createCsr({ privateKey, publicKey, commonName })).toString('base64');
}
