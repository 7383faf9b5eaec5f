import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { systemRandom } from '../base/random.ts';
import { caSubject, randomSerial, spkiOf } from './ca.ts';
import { type CertificateFields, keyId, writeCertificate } from './certificate-write.ts';

const daySeconds = 24 * 3_600;

/** Certificates of a company, each as a test wants it. */
export interface CompanyCa {
  readonly der: Uint8Array;
  readonly key: KeyObject;
  readonly subject: Uint8Array;
  readonly keyId: Uint8Array;
}

export interface CompanyFields {
  readonly issuer?: CompanyCa;
  readonly key?: KeyObject;
  /** The holder's key, where only the company knows that of the issuer. */
  readonly publicKeySpki?: Uint8Array;
  readonly nowMs: number;
  readonly days?: number;
  readonly change?: Partial<CertificateFields>;
}

export const keyKinds = {
  p256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  p384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey,
} as const;

/** A root when there is no issuer. */
export function companyCa(given: CompanyFields): CompanyCa {
  const { issuer, key = keyKinds.p256(), nowMs, days = 3_650, change = {} } = given;
  const { publicKeySpki = spkiOf(key) } = given;
  const serial = randomSerial(systemRandom);
  const subject = caSubject('company.test' as never, serial);
  const own = keyId(publicKeySpki);
  const fields: CertificateFields = {
    ...{ serial, subject, publicKeySpki, uri: 'spiffe://shop.test', dnsNames: [], role: 'ca' },
    issuer: issuer?.subject ?? subject,
    issuerKeyId: issuer?.keyId ?? own,
    notBeforeMs: nowMs - 60_000,
    notAfterMs: nowMs + days * daySeconds * 1_000,
    ...change,
  };
  return { der: writeCertificate(fields, issuer?.key ?? key), key, subject, keyId: own };
}
