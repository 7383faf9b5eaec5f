import type { Clock } from '../../base/clock.ts';
import { findApiToken } from '../../identity/api-token.ts';
import type { SpiffeId } from '../../identity/spiffe-id.ts';
import type { OperatorRole } from '../../model/types.ts';
import type { Shown } from '../../serve/api/operator-server.ts';
import type { ApiPeer } from '../../serve/api/server.ts';
import type { Store } from '../../store/store.ts';

interface AuthenticateParts {
  readonly store: Pick<Store, 'get'>;
  readonly clock: Clock;
  /** `operators` of the running mesh.yaml. */
  readonly operators: () => ReadonlyMap<SpiffeId, OperatorRole>;
}

/** Who a caller over TCP is, asked anew at each call: a token by the store, a certificate by mesh.yaml. */
export function authenticator(parts: AuthenticateParts): (shown: Shown) => Promise<ApiPeer> {
  return async (shown) => {
    switch (shown.kind) {
      case 'nothing':
        return { kind: 'anonymous', reason: shown.reason };
      case 'token':
        return byToken(parts, shown.token);
      case 'certificate':
        return byCertificate(parts, shown.id, shown.notAfterMs);
    }
  };
}

async function byToken({ store, clock }: AuthenticateParts, token: string): Promise<ApiPeer> {
  const found = await findApiToken(store, token, clock.nowMs());
  if (!found.ok) return { kind: 'anonymous', reason: found.error };
  const { name, role } = found.value;
  return { kind: 'caller', name: `token ${name}`, role };
}

function byCertificate(
  { clock, operators }: AuthenticateParts,
  id: SpiffeId,
  notAfterMs: number,
): ApiPeer {
  // A connection outlives its handshake.
  if (notAfterMs <= clock.nowMs()) {
    return { kind: 'anonymous', reason: `the certificate of ${id} has ended` };
  }
  const role = operators().get(id);
  if (role === undefined) {
    return { kind: 'anonymous', reason: `${id} is not in \`operators\` of mesh.yaml` };
  }
  return { kind: 'caller', name: id, role };
}
