import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemRandom as random } from '../../src/base/random.ts';
import { createRoot, createRootKey, issueSvid, spkiOf } from '../../src/identity/ca.ts';
import { toPem } from '../../src/identity/pem.ts';
import { workloadId } from '../../src/identity/spiffe-id.ts';
import type { Intent, ServiceName, TrustDomain } from '../../src/model/types.ts';
import { policyDocument } from '../../src/policy/document.ts';
import { Child } from './children.ts';
import type { DeskFile } from './desk-process.ts';
import { trustDomain } from './rules.ts';

const lifetimeSeconds = 3_600;

export interface Svid {
  readonly chainPem: string;
  readonly chainDer: readonly Uint8Array[];
  readonly keyPem: string;
  readonly privateKeyPkcs8: Buffer;
}

/** A CA of the bench's own, and what it signs. */
export function newAuthority(): { readonly rootDer: Uint8Array; svid(service: string): Svid } {
  const nowMs = Date.now();
  const domain = trustDomain as TrustDomain;
  const privateKey = createRootKey();
  const ca = createRoot({ trustDomain: domain, privateKey, nowMs, lifetimeSeconds, random });
  return {
    rootDer: ca.certificateDer,
    svid: (service) => {
      const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const spiffeId = workloadId(domain, service as ServiceName);
      const publicKeySpki = spkiOf(key);
      const issued = issueSvid({
        ...{ ca, spiffeId, publicKeySpki, nowMs, random },
        ttlSeconds: lifetimeSeconds,
      });
      return {
        chainPem: issued.chainPem,
        chainDer: [Buffer.from(issued.chainPem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64')],
        keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
        privateKeyPkcs8: key.export({ type: 'pkcs8', format: 'der' }),
      };
    },
  };
}

export type Authority = ReturnType<typeof newAuthority>;

/** The real desk for this service, in a process of its own. */
export function startDesk(options: {
  readonly dir: string;
  readonly socket: string;
  readonly intent: Intent;
  readonly service: string;
  readonly authority: Authority;
  readonly flags?: readonly string[];
}): Promise<Child> {
  const { dir, socket, service, authority } = options;
  const svid = authority.svid(service);
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const file: DeskFile = {
    ...{ dir, socket, service, trustDomain },
    document: policyDocument(options.intent),
    rootDer: base64(authority.rootDer),
    chainDer: svid.chainDer.map(base64),
    privateKeyPkcs8: base64(svid.privateKeyPkcs8),
  };
  return Child.start('./desk-process.ts', written(dir, 'desk.json', file), options.flags);
}

export function written(dir: string, name: string, content: unknown): string {
  const path = join(dir, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

export function rootPem(authority: Authority): string {
  return toPem('CERTIFICATE', authority.rootDer);
}
