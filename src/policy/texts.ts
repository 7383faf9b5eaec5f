import type { Action } from './decision.ts';

/**
 * The principals, methods and segments in the rules of a policy, as numbers: each text of a request is looked up once, however
 * many rules it is then compared with, and no part of the request is copied for it.
 */
export interface Texts {
  /** By number. */
  readonly all: readonly string[];
  /** Open addressing, at least half of it empty: hash and number of each text; a number of -1 is an empty place. */
  readonly slots: Int32Array;
  /** Of the pattern with the most segments. */
  readonly segmentsMax: number;
}

/** What is asked for, in the numbers of a policy. */
export interface Wanted {
  readonly method: number;
  readonly segments: readonly number[];
}

/** `*`: any principal of the mesh, any method, a segment that is not empty. */
export const anyText = -1;
/** A text of the request that is in no rule. */
export const unknownText = -2;
/** In place of a method. */
export const connect = -3;
/** A final `**`. */
export const anyRest = -4;
export const emptyText = 0;

/** Those of some rules, also `''`; `segmentsMax` is that of their patterns. */
export function newTexts(texts: Iterable<string>, segmentsMax: number): Texts {
  const all = [...new Set(['', ...texts])].filter((text) => signOf(text) === undefined);
  const size = 2 ** Math.ceil(Math.log2(all.length * 2));
  const slots = new Int32Array(size * 2).fill(-1);
  for (const [number, text] of all.entries()) {
    const hash = hashOf(text, 0, text.length);
    let place = hash & (size - 1);
    while (slots[place * 2 + 1] !== -1) place = (place + 1) & (size - 1);
    slots.set([hash, number], place * 2);
  }
  return { all, slots, segmentsMax };
}

function signOf(text: string): number | undefined {
  return text === '*' ? anyText : text === '**' ? anyRest : undefined;
}

/** Of a text in a rule; others have `unknownText`. */
export function ruleText(texts: Texts, text: string): number {
  return signOf(text) ?? lookUp(texts, text, 0, text.length);
}

const wantedConnect: Wanted = { method: connect, segments: [] };

export function wantedOf(texts: Texts, action: Action): Wanted {
  if (action.kind === 'connect') return wantedConnect;
  const { method, path } = action;
  return { method: lookUp(texts, method, 0, method.length), segments: pathNumbers(texts, path) };
}

/** Of a path longer than any pattern no more than shows that it is, also without its final slash. */
function pathNumbers(texts: Texts, path: string): readonly number[] {
  const segments: number[] = [];
  for (let at = 1; segments.length < texts.segmentsMax + 2; ) {
    const slash = path.indexOf('/', at);
    const stop = slash === -1 ? path.length : slash;
    segments.push(lookUp(texts, path, at, stop));
    if (slash === -1) break;
    at = stop + 1;
  }
  return segments;
}

/** Texts come from rules and never from requests, so that no request can make this slow. */
function lookUp({ all, slots }: Texts, text: string, from: number, to: number): number {
  const hash = hashOf(text, from, to);
  const mask = (slots.length >> 1) - 1;
  for (let place = hash & mask; ; place = (place + 1) & mask) {
    const number = slots[place * 2 + 1] ?? -1;
    if (number === -1) return unknownText;
    if (slots[place * 2] !== hash) continue;
    const found = all[number] ?? '';
    if (found.length === to - from && text.startsWith(found, from)) return number;
  }
}

/** FNV-1a, with the well mixed high bits brought down. */
function hashOf(text: string, from: number, to: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash ^ (hash >>> 15);
}

/** How many of the segments a deny rule has to match: a final slash does not make another resource. */
export function lengthWithoutFinalSlash(segments: readonly number[]): number {
  const { length } = segments;
  return length > 1 && segments[length - 1] === emptyText ? length - 1 : length;
}
