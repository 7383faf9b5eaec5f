import type { Grant, GrantState } from '../../breakglass/grant.ts';

type Names<T> = Readonly<Record<keyof T & string, true>>;

const fields = {
  ...{ id: true, forMs: true, reason: true, ticket: true, by: true, askedMs: true, state: true },
  ...{ who: true, callee: true, operations: true },
} as const satisfies Names<Required<Grant>>;

const kinds = {
  ...{ waiting: true, active: true, revoked: true, ended: true },
} as const satisfies Readonly<Record<GrantState['kind'], true>>;

/**
 * Undefined: a later version wrote it, with something that this one does not know. That may narrow the grant, so that it is
 * none here.
 */
export function readGrant(value: Uint8Array): Grant | undefined {
  const grant = JSON.parse(Buffer.from(value).toString('utf8')) as Grant;
  const isKnown = Object.keys(grant).every((name) => Object.hasOwn(fields, name));
  return isKnown && Object.hasOwn(kinds, grant.state.kind) ? grant : undefined;
}
