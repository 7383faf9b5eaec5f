import { contentHash } from '../compile/content-hash.ts';
import type { PolicyDocument, ServicePolicy } from '../policy/document.ts';
import type { AgentUpdate } from '../serve/api/wire.ts';

/** A service's policy is the same object for as long as its file says the same. */
const hashes = new WeakMap<ServicePolicy, string>();

/** One update for all hosts that have the same policy. */
const updates = new WeakMap<PolicyDocument, PolicyUpdate>();

export type PolicyUpdate = AgentUpdate & { readonly kind: 'policy' };

/** What desks are told. The version is made of one hash a service, so that a change to one costs one. */
export function policyUpdate(document: PolicyDocument): PolicyUpdate {
  const known = updates.get(document);
  if (known !== undefined) return known;
  const { services, ...rest } = document;
  const parts = services.map((service) => {
    const hash = hashes.get(service) ?? contentHash(JSON.stringify(service));
    hashes.set(service, hash);
    return hash;
  });
  const version = contentHash(JSON.stringify(rest), parts.join(''));
  const update = { kind: 'policy' as const, version, document };
  updates.set(document, update);
  return update;
}
