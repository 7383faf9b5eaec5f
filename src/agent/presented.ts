import tls from 'node:tls';
import { readCertificate } from '../identity/certificate-read.ts';
import type { Svid } from './svid-keeper.ts';

const timeoutMs = 2_000;

/**
 * The serial number, hex, of the certificate that a proxy presents to a new connection; undefined when it presents
 * none. The workload's own SVID makes it a whole handshake, so that no proxy logs a failed one.
 */
export function presentedSerial(
  address: string,
  port: number,
  svid: Svid,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = tls.connect({
      host: address,
      port,
      cert: svid.chainPem,
      key: svid.privateKeyPem,
      // Only what is shown counts here; nothing is sent.
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    const done = (serial: string | undefined): void => {
      socket.destroy();
      resolve(serial);
    };
    socket.setTimeout(timeoutMs, () => done(undefined));
    socket.once('error', () => done(undefined));
    socket.once('secureConnect', () => {
      const certificate = readCertificate(socket.getPeerCertificate().raw);
      done(certificate.ok ? certificate.value.serialHex : undefined);
    });
  });
}
