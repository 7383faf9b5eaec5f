import { generateKeyPairSync } from 'node:crypto';
import { systemClock as clock } from '../../base/clock.ts';
import { systemRandom as random } from '../../base/random.ts';
import { createRoot, createRootKey, issueSvid, spkiOf } from '../../identity/ca.ts';
import { toPem } from '../../identity/pem.ts';
import type { SpiffeId } from '../../identity/spiffe-id.ts';
import type { Trust, TrustBundle } from '../../identity/trust.ts';
import type { TrustDomain } from '../../model/types.ts';
import type { WorkloadView } from '../../serve/workload/source.ts';

const lifetimeSeconds = 3_600;

interface Svid {
  readonly spiffeId: SpiffeId;
  readonly chainPem: string;
  readonly chainDer: readonly Uint8Array[];
  readonly keyPem: string;
  readonly privateKeyPkcs8: Buffer;
}

/** A CA that is in memory only, for as long as its process. */
export interface ThrowawayCa {
  readonly rootDer: Uint8Array;
  readonly rootPem: string;
  readonly bundle: TrustBundle;
  svid(spiffeId: SpiffeId): Svid;
}

export function throwawayCa(trustDomain: TrustDomain): ThrowawayCa {
  const nowMs = clock.nowMs();
  const ca = createRoot({
    ...{ trustDomain, nowMs, lifetimeSeconds, random },
    privateKey: createRootKey(),
  });
  const { certificateDer: rootDer } = ca;
  return {
    rootDer,
    rootPem: toPem('CERTIFICATE', rootDer),
    bundle: bundleOf(trustDomain, rootDer),
    svid: (spiffeId) => {
      const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { chainPem, certificateDer } = issueSvid({
        ...{ ca, spiffeId, nowMs, random },
        ...{ publicKeySpki: spkiOf(key), ttlSeconds: lifetimeSeconds },
      });
      return {
        ...{ spiffeId, chainPem, chainDer: [certificateDer] },
        keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
        privateKeyPkcs8: key.export({ type: 'pkcs8', format: 'der' }),
      };
    },
  };
}

export function bundleOf(trustDomain: TrustDomain, rootDer: Uint8Array): TrustBundle {
  const x509Roots = [Buffer.from(rootDer).toString('base64')];
  return { trustDomain, sequence: 1, jwtKeys: [], x509Roots };
}

/** What the agent gives the proxy of a workload with this identity. */
export function viewOf(
  { spiffeId, chainDer, privateKeyPkcs8 }: Omit<Svid, 'chainPem' | 'keyPem'>,
  trust: Trust,
): WorkloadView {
  const svid = { spiffeId, chainDer, privateKeyPkcs8, serial: '', notAfterMs: 0, hint: '' };
  return { svids: [svid], trust };
}
