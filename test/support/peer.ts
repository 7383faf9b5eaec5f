import { generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto';
import tls from 'node:tls';
import type { Layout } from '../../src/app/layout.ts';
import { systemRandom } from '../../src/base/random.ts';
import { readCa } from '../../src/identity/ca-store.ts';
import { toPem } from '../../src/identity/pem.ts';
import type { TrustDomain } from '../../src/model/types.ts';
import { fileKek } from '../../src/store/kek/file.ts';
import { openStore } from '../../src/store/open.ts';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Certificates signed by the mesh's own CA with whatever names: what only a broken or captured CA would give. */
export async function capturedCa(
  layout: Layout,
  trustDomain: TrustDomain,
): Promise<(uris: readonly string[]) => Promise<Certificate>> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto as never);
  const store = await openStore(layout.database);
  const kek = fileKek(layout.kekFile, systemRandom);
  const stored = await readCa({ store, kek, trustDomain, random: systemRandom });
  await store.close();
  if (stored === undefined) throw new Error('the mesh has no CA');
  const { intermediate } = stored.state.active;
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const pkcs8 = intermediate.privateKey.export({ type: 'pkcs8', format: 'der' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
  const issuer = new x509.X509Certificate(Buffer.from(intermediate.certificateDer));
  const chain = intermediate.chainDer.map((der) => toPem('CERTIFICATE', der)).join('');
  return async (uris) => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificate = await x509.X509CertificateGenerator.create({
      subject: '',
      issuer: issuer.subject,
      notBefore: new Date(Date.now() - 10_000),
      notAfter: new Date(Date.now() + 600_000),
      publicKey: new x509.PublicKey(pair.publicKey.export({ type: 'spki', format: 'der' })),
      signingKey: signingKey as never,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.clientAuth,
          x509.ExtendedKeyUsage.serverAuth,
        ]),
        new x509.SubjectAlternativeNameExtension(
          uris.map((value) => ({ type: 'url' as const, value })),
          true,
        ),
      ],
    });
    return { cert: `${certificate.toString('pem')}\n${chain}`, key: pemOf(pair.privateKey) };
  };
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Sends bytes as they are over mutual TLS and gives back all that comes until the peer closes or falls silent. */
export function rawExchange(
  port: number,
  client: Certificate,
  bytes: string | Uint8Array,
  quietMs = 150,
): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      ...client,
    });
    const done = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(quietMs, done);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.once('close', done);
    socket.once('error', (error) => {
      text += `[${error.message}]`;
    });
    socket.once('secureConnect', () => socket.write(bytes));
  });
}
