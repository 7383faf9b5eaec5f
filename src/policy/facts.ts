import type { Code } from '../base/finding.ts';
import type { Json } from '../base/json.ts';

/** Stands for what is not known, as when somebody asks what a request could do before it is sent. */
export const unknown = Symbol('unknown');

export type Known<T> = T | typeof unknown;

/** What conditions look at beside who asks for what. Everything in canonical form; see `canonicalize`. */
export interface RequestFacts {
  readonly host: Known<string>;
  readonly scheme: Known<string>;
  /** As sent, without its question mark. */
  readonly query: Known<string>;
  /** One entry a header line; names in small letters. */
  readonly headers: Known<HeaderLines>;
  /** There may be headers beside those. */
  readonly moreHeaders?: true;
  /** The path stands for others that the same rules name: what a condition reads of it is not known. */
  readonly isPathExample?: true;
  readonly token: Known<TokenStanding>;
  readonly timeMs: Known<number>;
  /** Of the peer's socket, never of a header; empty when there is none. */
  readonly address: Known<string>;
  readonly id: Known<string>;
}

export type HeaderLines = readonly (readonly [name: string, value: string])[];

export type TokenStanding =
  | { readonly kind: 'none' }
  | { readonly kind: 'valid'; readonly token: TokenFacts }
  /** Counts as none; the answer says what is wrong with it. */
  | { readonly kind: 'invalid'; readonly code: Code; readonly reason: string };

/** What a token says whose signature, issuer, times and audience were verified. */
export interface TokenFacts {
  /** The name of its issuer in mesh.yaml. */
  readonly issuerName: string;
  readonly issuer: string;
  readonly subject: string;
  /** What `person:` is followed by; undefined where its issuer's claim for it is missing. */
  readonly person: string | undefined;
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, Json>>;
  readonly expiresMs: number;
  /** None of its audiences is one of its issuer's: it is nothing but to rules that name an audience it has. */
  readonly onlyForRules?: boolean;
}

/** Nothing is known but who asks for what. */
export const nothingKnown: RequestFacts = {
  host: unknown,
  scheme: unknown,
  query: unknown,
  headers: unknown,
  token: unknown,
  timeMs: unknown,
  address: unknown,
  id: unknown,
};

export const noToken: TokenStanding = { kind: 'none' };
