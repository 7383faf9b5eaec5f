import type { Brand } from '../base/brand.ts';
import type { Position } from '../base/finding.ts';
import type { CelExpr } from '../cel/expr.ts';
import type { ValueMatch } from './types.ts';

/** What a request must show beside who asks for what. All that is given must hold; never empty. */
export interface Conditions {
  /** Sorted by name. */
  readonly headers: readonly ValueMatch[];
  /** Any of these, in canonical form; none given: any host. */
  readonly hosts: readonly string[];
  readonly token?: TokenMatch;
  readonly when?: When;
}

/** A verified token with all of this. */
export interface TokenMatch {
  /** Names of `issuers` in mesh.yaml, any of them; none given: any that is declared. */
  readonly issuers: readonly string[];
  /** Any of these is among the token's. */
  readonly audiences: readonly string[];
  /** All of these are among the token's. */
  readonly scopes: readonly string[];
  /** Sorted by name. */
  readonly claims: readonly ClaimMatch[];
}

export interface ClaimMatch {
  readonly name: string;
  /** Any of these; a claim that is a list holds any of them. */
  readonly values: readonly string[];
}

/** A condition in CEL, checked against what the mesh declares. */
export interface When {
  readonly text: string;
  readonly expr: CelExpr;
}

/**
 * Somebody who is no service of this mesh: `spiffe://partner.test/billing`, `spiffe://partner.test/**` for all of a
 * trust domain, or `person:alice@acme.test`, who is the subject of a verified token.
 */
export type Guest = Brand<string, 'Guest'>;

/** The type of a declared attribute of services: `attributes` in mesh.yaml. */
export type AttributeType =
  | { readonly kind: 'string' | 'int' | 'bool' | 'strings' }
  | { readonly kind: 'one-of'; readonly words: readonly string[] };

export interface AttributeDeclaration {
  readonly at: Position;
  readonly type: AttributeType;
}

export type AttributeValue = string | number | boolean | readonly string[];

/** Who signs tokens that are believed here: an entry of `issuers` in mesh.yaml. */
export interface TokenIssuer {
  readonly at: Position;
  /** What rules call it. */
  readonly name: string;
  /** The `iss` of its tokens, exactly. */
  readonly issuer: string;
  /** A token must be meant for one of these, unless a rule says which; never empty. */
  readonly audiences: readonly string[];
  /** The public keys (RFC 7517), as JSON. */
  readonly jwks: string;
  /** The claim that names a person (`person:NAME`); left out, its tokens name nobody. */
  readonly personClaim?: string;
}
