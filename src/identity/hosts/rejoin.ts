import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import type { Json } from '../../base/json.ts';
import type { Random } from '../../base/random.ts';
import { parseHostName } from '../../model/scalars.ts';
import type { HostName } from '../../model/types.ts';
import { p256Key } from '../csr.ts';
import {
  type AttestationRequest,
  type AttestationStep,
  type HostAttestor,
  refused,
} from './attestor.ts';
import { type HostRecord, hostKey, renewable } from './host-record.ts';

export const rejoinMethod = 'rejoin';

const nonceBytes = 32;
const context = 'chancery host rejoin v1\0';

/**
 * A host whose certificate has ended comes back with the key that its record names, so that a machine that was away, or a
 * control plane that was, needs nobody's hand. The record is the authority: evicted or banned, the key is worth nothing.
 */
export function rejoinAttestor(parts: {
  readonly random: Random;
  readonly record: (host: HostName) => Promise<HostRecord | undefined>;
  readonly withinMs: () => number;
}): HostAttestor {
  return {
    method: rejoinMethod,
    begin: async (request) => {
      const asked = readEvidence(request.evidence);
      if (asked === undefined) return refused('a host comes back with its name and its public key');
      const nonce = Buffer.from(parts.random.bytes(nonceBytes));
      return {
        kind: 'challenge',
        challenge: { nonce: nonce.toString('base64') },
        answered: (answer) => check(parts, request, { ...asked, nonce, answer }),
      };
    },
  };
}

async function check(
  parts: Parameters<typeof rejoinAttestor>[0],
  request: AttestationRequest,
  given: Asked & { readonly nonce: Uint8Array; readonly answer: Json },
): Promise<AttestationStep> {
  const { host, publicKeySpki, nonce, answer } = given;
  const record = await parts.record(host);
  const standing = renewable(record, host, hostKey(publicKeySpki));
  if (!standing.ok) return refused(standing.error.message);
  const { anchor, selectors, notAfterMs } = standing.value;
  if (request.nowMs - notAfterMs > parts.withinMs()) {
    return refused(`the host ${host} was away for too long; it has to prove itself anew`);
  }
  const key = p256Key(publicKeySpki);
  const signature = (answer as { signature?: unknown } | null)?.signature;
  if (!key.ok || typeof signature !== 'string') return refused('the answer holds no signature');
  const message = messageOf(nonce, request.publicKeySpki);
  return verify('sha256', message, key.value, Buffer.from(signature, 'base64'))
    ? { kind: 'proven', proof: { name: host, anchor, selectors } }
    : refused(`the answer was not signed with the key of ${host}`);
}

/** The host's answer to the challenge. `publicKeySpki`: of the key that it comes back with a new certificate for. */
export function answerRejoin(
  challenge: Json,
  privateKey: KeyObject,
  publicKeySpki: Uint8Array,
): Json {
  const nonce = (challenge as { nonce?: unknown } | null)?.nonce;
  if (typeof nonce !== 'string') throw new Error('the control plane sent no nonce');
  const message = messageOf(Buffer.from(nonce, 'base64'), publicKeySpki);
  return { signature: sign('sha256', message, privateKey).toString('base64') };
}

/** Bound to this purpose, to the nonce, and to the key that the new certificate is for. */
function messageOf(nonce: Uint8Array, publicKeySpki: Uint8Array): Uint8Array {
  const key = createHash('sha256').update(publicKeySpki).digest();
  return Buffer.concat([Buffer.from(context), nonce, key]);
}

interface Asked {
  readonly host: HostName;
  readonly publicKeySpki: Uint8Array;
}

function readEvidence(evidence: Json): Asked | undefined {
  const { host, publicKey } = (evidence ?? {}) as { host?: unknown; publicKey?: unknown };
  if (typeof host !== 'string' || typeof publicKey !== 'string') return undefined;
  const name = parseHostName(host);
  return name.ok
    ? { host: name.value, publicKeySpki: Buffer.from(publicKey, 'base64') }
    : undefined;
}
