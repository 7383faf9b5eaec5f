import { ChanceryError } from '../base/error.ts';
import type { Code } from '../base/finding.ts';
import type { SvidReply } from '../serve/api/wire.ts';
import type { ProofConfig } from './host-file.ts';

/** The host's own certificate with its key; what all else is asked with. */
export interface HostIdentity extends SvidReply {
  readonly host: string;
  readonly privateKeyPem: string;
  /** How it was got: a host that is to prove itself otherwise begins anew. */
  readonly provenBy: ProofConfig['kind'];
}

/**
 * `joining`: no certificate yet, or it has ended. `joined`: renewed at half of its life. `overdue`: renewal failed, what is
 * held serves on. `refused`: the mesh does not want this host; it asks again, slowly.
 */
export type LinkState =
  | { readonly kind: 'joining'; readonly problem: string }
  | { readonly kind: 'joined'; readonly identity: HostIdentity }
  | { readonly kind: 'overdue'; readonly identity: HostIdentity; readonly problem: string }
  | { readonly kind: 'refused'; readonly code: Code; readonly problem: string };

/**
 * What a call that failed says about this host. `lost`: its certificate does not count any more, only a new proof helps.
 * `refused`: it was heard and is not wanted. `distrust`: whoever answered does not chain to a root that is known here. `away`:
 * this control plane does not serve; another one may. `passes`: nothing about the host.
 */
type Meaning = 'lost' | 'refused' | 'distrust' | 'away' | 'passes';

export function meaningOf(error: unknown): Meaning {
  if (!(error instanceof ChanceryError)) return 'passes';
  switch (error.code) {
    case 'CH3104':
    case 'CH3105':
      return 'lost';
    case 'CH3101':
    case 'CH3102':
    case 'CH3103':
    case 'CH3106':
    case 'CH3114':
    case 'CH3116':
      return 'refused';
    case 'CH5402':
      return isDistrust(error.cause) ? 'distrust' : 'away';
    case 'CH5400':
    case 'CH5456':
      return 'away';
    default:
      return isDistrust(error.cause) ? 'distrust' : 'passes';
  }
}

/** Names of OpenSSL's verification errors, as Node gives them. */
function isDistrust(cause: unknown): boolean {
  const code = String((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
  return /CERT|ISSUER|LEAF_SIGNATURE/.test(code);
}
