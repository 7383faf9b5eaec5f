import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { err, ok, type Result } from '../../base/result.ts';
import { type Certificate, readCertificate } from '../../identity/certificate-read.ts';
import type { SpiffeId } from '../../identity/spiffe-id.ts';
import { svidIdOf } from '../../identity/x509-svid.ts';
import { freshHandshakes } from '../grpc/fresh-handshakes.ts';

/** A peer that does not finish its handshake holds a connection for nothing. */
const handshakeMs = 10_000;

/** A certificate is asked for, and not wanted: each call says what it needs. */
export const tlsOptions = {
  requestCert: true,
  rejectUnauthorized: false,
  ...freshHandshakes,
  handshakeTimeout: handshakeMs,
} as const;

/** Resolves with the port. */
export async function listening(server: Server, address: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

interface ShownSvid {
  readonly id: SpiffeId;
  readonly certificate: Certificate;
}

/** The SVID that a peer showed in its handshake, if it chains to what the listener trusts. Errors: in words. */
export function shownSvid(socket: TLSSocket): Result<ShownSvid, string> {
  const { raw } = socket.getPeerCertificate();
  if (raw === undefined) return err('no certificate was shown');
  if (!socket.authorized) {
    return err(`the certificate does not hold: ${String(socket.authorizationError)}`);
  }
  const certificate = readCertificate(raw);
  if (!certificate.ok) return certificate;
  const id = svidIdOf(certificate.value);
  if (!id.ok) return err(`the certificate is no SVID: ${id.error}`);
  return ok({ id: id.value, certificate: certificate.value });
}
