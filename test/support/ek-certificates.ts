import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

/** A maker of TPMs: its root, a CA below it, and what they certify. */
export interface Maker {
  readonly root: Uint8Array;
  readonly intermediate: Uint8Array;
  certify(spki: Uint8Array, change?: CertificateChange): Promise<Uint8Array>;
}

export interface CertificateChange {
  readonly by?: 'root' | 'intermediate';
  readonly purposes?: readonly string[];
  readonly isCa?: boolean;
  readonly notAfter?: Date;
}

const ekPurpose = '2.23.133.8.1';
const notBefore = new Date('2026-01-01T00:00:00Z');
const notAfter = new Date('2036-01-01T00:00:00Z');
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export async function newMaker(name: string): Promise<Maker> {
  const rootKeys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const lowerKeys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const caExtensions = [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
  ];
  const times = { notBefore, notAfter, signingAlgorithm: algorithm };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: `CN=${name} Root`, keys: rootKeys, extensions: caExtensions, ...times },
  });
  const intermediate = await x509.X509CertificateGenerator.create({
    ...{ subject: `CN=${name} EK CA`, issuer: root.subject, signingKey: rootKeys.privateKey },
    ...{ publicKey: lowerKeys.publicKey, extensions: caExtensions, ...times },
  });
  const certify: Maker['certify'] = async (spki, change = {}) => {
    const byRoot = change.by === 'root';
    const leaf = await x509.X509CertificateGenerator.create({
      // No subject: the TPM is named in a critical alternative name (TCG EK Credential Profile, section 3.2).
      subject: '',
      issuer: byRoot ? root.subject : intermediate.subject,
      signingKey: byRoot ? rootKeys.privateKey : lowerKeys.privateKey,
      publicKey: new x509.PublicKey(Buffer.from(spki)),
      extensions: [
        new x509.BasicConstraintsExtension(change.isCa ?? false, undefined, true),
        new x509.SubjectAlternativeNameExtension([{ type: 'dn', value: 'CN=id:534D5443' }], true),
        new x509.ExtendedKeyUsageExtension([...(change.purposes ?? [ekPurpose])]),
      ],
      ...times,
      notAfter: change.notAfter ?? notAfter,
    });
    return new Uint8Array(leaf.rawData);
  };
  const bytes = (certificate: x509.X509Certificate) => new Uint8Array(certificate.rawData);
  return { root: bytes(root), intermediate: bytes(intermediate), certify };
}
