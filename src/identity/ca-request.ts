import type { KeyObject } from 'node:crypto';
import type { Random } from '../base/random.ts';
import type { TrustDomain } from '../model/types.ts';
import { caSubject, createRootKey, randomSerial, spkiOf } from './ca.ts';
import { base64, keyFromText, keyText } from './ca-generation.ts';
import { subjectExtensions } from './certificate-write.ts';
import { writeCsr } from './csr.ts';

/** A key of ours that waits for its certificate from the company's CA. */
export interface CaRequest {
  readonly privateKey: KeyObject;
  /** PKCS#10, DER. */
  readonly csrDer: Uint8Array;
  readonly createdMs: number;
  readonly by: string;
}

/** A new key and a request for a certificate that lets it sign leaves, and nothing below them. */
export function createCaRequest(given: {
  readonly trustDomain: TrustDomain;
  readonly nowMs: number;
  readonly by: string;
  readonly random: Random;
}): CaRequest {
  const { trustDomain, nowMs, by, random } = given;
  const privateKey = createRootKey();
  const publicKeySpki = spkiOf(privateKey);
  const subject = caSubject(trustDomain, randomSerial(random));
  const extensions = subjectExtensions({
    ...{ subject, publicKeySpki, dnsNames: [] },
    role: 'ca',
    pathLength: 0,
    uri: `spiffe://${trustDomain}`,
  });
  const csrDer = writeCsr({ privateKey, publicKeySpki, subject, extensions });
  return { privateKey, csrDer, createdMs: nowMs, by };
}

/** Plain JSON for the sealed document. */
export interface StoredRequest {
  readonly key: string;
  readonly csr: string;
  readonly createdMs: number;
  readonly by: string;
}

export function storedRequest({ privateKey, csrDer, createdMs, by }: CaRequest): StoredRequest {
  return { key: keyText(privateKey), csr: base64(csrDer), createdMs, by };
}

export function openRequest({ key, csr, createdMs, by }: StoredRequest): CaRequest {
  return { privateKey: keyFromText(key), csrDer: Buffer.from(csr, 'base64'), createdMs, by };
}
