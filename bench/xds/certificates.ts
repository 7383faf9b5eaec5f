import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom as random } from '../../src/base/random.ts';
import { createRoot, createRootKey, issueSvid, spkiOf } from '../../src/identity/ca.ts';
import { toPem } from '../../src/identity/pem.ts';
import { controlPlaneId, hostId, type SpiffeId, workloadId } from '../../src/identity/spiffe-id.ts';
import type { HostName, TrustDomain } from '../../src/model/types.ts';
import { serviceName, size, trustDomain } from './mesh.ts';

/** Whoever moves endpoints through the API for hosts shows this certificate: `host.pem`, `host.key`. */
export const hubHost = 'hub' as HostName;

/** An SVID for the server, for each proxy and for a host, and the CA that signed them, as PEM files that the swarm and both servers read. */
export function writeCertificates(dir: string): void {
  const nowMs = systemClock.nowMs();
  const domain = trustDomain as TrustDomain;
  const privateKey = createRootKey();
  const lifetimeSeconds = 400 * 86_400;
  const ca = createRoot({ trustDomain: domain, privateKey, nowMs, lifetimeSeconds, random });
  writeFileSync(join(dir, 'ca.pem'), toPem('CERTIFICATE', ca.certificateDer));
  const writeKey = (file: string, key: KeyObject): void =>
    writeFileSync(join(dir, `${file}.key`), key.export({ type: 'pkcs8', format: 'pem' }));
  const write = (file: string, spiffeId: SpiffeId): void => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const publicKeySpki = spkiOf(privateKey);
    const svid = issueSvid({ ca, spiffeId, publicKeySpki, ttlSeconds: 43_200, nowMs, random });
    writeFileSync(join(dir, `${file}.pem`), svid.chainPem);
    writeKey(file, privateKey);
  };
  writeKey('ca', privateKey);
  write('server', controlPlaneId(domain));
  write('host', hostId(domain, hubHost));
  for (let node = 0; node < size.services; node += 1) {
    write(`node-${node}`, workloadId(domain, serviceName(node)));
  }
}
