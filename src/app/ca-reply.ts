import type { Finding } from '../base/finding.ts';
import type { CaGeneration } from '../identity/ca-generation.ts';
import type { CaRequest } from '../identity/ca-request.ts';
import { toPem } from '../identity/pem.ts';
import { sha256 } from '../identity/root-link.ts';
import type { CaState, Rotation, Waiting } from '../identity/rotation.ts';
import type {
  CaGenerationReply,
  CaReply,
  CaRequestReply,
  RotationReply,
} from '../serve/api/wire.ts';

/** The state of the CA for people and scripts; no key is in it. */
export function caReply(
  state: CaState,
  beside: {
    readonly waitingFor: readonly Waiting[];
    readonly upstream: string | undefined;
    readonly warnings: readonly Finding[];
  },
): CaReply {
  const { trustDomain, sequence, active, request } = state;
  return {
    trustDomain,
    sequence,
    rotation: rotationReply(state),
    active: generationReply(active),
    request: request === undefined ? undefined : requestReply(request),
    ...beside,
  };
}

export function requestReply({ createdMs, by, csrDer }: CaRequest): CaRequestReply {
  return { createdMs, by, pem: toPem('CERTIFICATE REQUEST', csrDer) };
}

function rotationReply({ rotation, driven }: CaState): RotationReply {
  const { kind } = rotation;
  const other = otherOf(rotation);
  return {
    kind,
    driven,
    sinceMs: rotation.kind === 'none' ? undefined : rotation.sinceMs,
    other: other === undefined ? undefined : generationReply(other),
  };
}

function otherOf(rotation: Rotation): CaGeneration | undefined {
  switch (rotation.kind) {
    case 'none':
      return undefined;
    case 'prepared':
      return rotation.next;
    case 'activated':
    case 'tainted':
      return rotation.old;
  }
}

function generationReply(generation: CaGeneration): CaGenerationReply {
  const { id, createdMs, rootDer, rootKey, rootNotAfterMs, intermediate, jwt } = generation;
  return {
    id,
    createdMs,
    rootNotAfterMs,
    intermediateNotAfterMs: intermediate.notAfterMs,
    rootSha256: sha256(rootDer),
    rootKey: rootKey === undefined ? 'elsewhere' : 'ours',
    jwtKid: jwt.kid,
  };
}
