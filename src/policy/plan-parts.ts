import type { Conditions } from '../model/condition-types.ts';
import type { requestOf } from './rule-parts.ts';

/**
 * The action is named `${kind}/${id}`. The desk is asked wherever the name does not start with `allow/`, unless the proxy
 * has refused already.
 */
export interface Verdict {
  readonly kind: 'allow' | 'deny' | 'ask';
  readonly id: string;
}

/** `caller`: URI SANs joined by commas. `path`: without query. `target`: with it. A header that came more than once: its values joined by commas. */
export type PlanInput = 'caller' | 'method' | 'path' | 'target' | 'host' | `header ${string}`;

/** A part of a rule's conditions; fails where the input is not there. */
export interface Clause {
  readonly input: PlanInput;
  readonly match: TextMatch;
}

/** What of a rule a proxy can tell. */
export interface PlannedRule {
  readonly verdict: Verdict;
  readonly operations: readonly ReturnType<typeof requestOf>[];
  /** SPIFFE IDs of services of this mesh that it names, also where it is for anyone. */
  readonly callers: readonly string[];
  readonly isForAnyone: boolean;
  readonly when: readonly Clause[];
}

/** How the value of an input is looked at; whole values, byte by byte. */
export type TextMatch =
  | { readonly kind: 'exact'; readonly text: string }
  /** Any of these. */
  | { readonly kind: 'any-of'; readonly texts: readonly string[] }
  /** One value: it holds no comma. */
  | { readonly kind: 'single' }
  /** It may be several values: it holds a comma. */
  | { readonly kind: 'list' }
  | { readonly kind: 'present' }
  /** The value, or an item of a list with commas. */
  | { readonly kind: 'item'; readonly text: string };

/** One canonical segment of characters that stand for themselves: not empty, `.` or `..`. */
const plain = "-A-Za-z0-9_~!$&'()*+,=:@";
const segment = `(?:\\.?[${plain}][${plain}.]*|\\.\\.[${plain}.]+)`;
/** What `canonicalize` leaves as it is. Holds no `;`, `%` or backslash, so no second reading. */
const canonicalPath = `/(?:${segment}(?:/${segment})*/?)?`;
/** With what a query may hold, as `canonicalPath` in `canonical-path.ts` takes it. */
export const canonicalTarget = `${canonicalPath}(?:\\?[!"$-~]*)?`;
/** Likewise; other hosts are asked about, such as addresses of IPv6 and names of more parts. */
export const canonicalHostName = '[a-z0-9_][a-z0-9_-]{0,62}(?:\\.[a-z0-9_-]{1,63}){0,3}';
export const canonicalMethod = "[A-Z][A-Z0-9!#$%&'*+.^_`|~-]{0,31}";

/**
 * Envoy compares bytes, the desk the characters of Latin-1: of these they are the same. A comma could be the one between
 * two values, and what is empty is not told from what is not there.
 */
const comparable = /^(?! )[\x20-\x2b\x2d-\x7e]+(?<! )$/;

export function isComparable(text: string): boolean {
  return comparable.test(text);
}

/** Of an allow: a proxy can tell whether they hold. */
export function isToldByProxy({ headers, token, when }: Conditions): boolean {
  const plain = headers.every(({ value }) => value.kind === 'present' || isComparable(value.text));
  return plain && token === undefined && when === undefined;
}
