import type { KeyObject } from 'node:crypto';
import { readIssuerJwk } from '../identity/jwk.ts';

/** A key that signatures of an issuer are checked with. */
export interface IssuerKey {
  readonly kid: string | undefined;
  /** The one algorithm that it is for, where it says so. */
  readonly alg: string | undefined;
  readonly key: KeyObject;
}

type Members = Readonly<Record<string, unknown>>;

/** Of a JWK set (RFC 7517). What is not for signatures, of another kind, or unsound is passed over (section 5). */
export function issuerKeys(jwks: string): readonly IssuerKey[] {
  return membersOf(jwks).flatMap((jwk) => {
    const { kid, alg } = jwk;
    const read = isForSignatures(jwk) ? readIssuerJwk(jwk) : undefined;
    if (read === undefined || !read.ok || read.value === undefined) return [];
    return [{ kid: textOf(kid), alg: textOf(alg), key: read.value }];
  });
}

function membersOf(jwks: string): readonly Members[] {
  try {
    const { keys } = JSON.parse(jwks) as { readonly keys?: unknown };
    return Array.isArray(keys) ? keys.filter((key) => typeof key === 'object' && key !== null) : [];
  } catch {
    return [];
  }
}

function isForSignatures({ use, key_ops: operations }: Members): boolean {
  if (use !== undefined && use !== 'sig') return false;
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'));
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
