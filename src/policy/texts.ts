import type { Action } from './decision.ts';

/**
 * The methods and segments in the rules of one service, as numbers: each text of a request is looked up once, however
 * many rules it is then compared with.
 */
export interface Texts {
  readonly numbers: ReadonlyMap<string, number>;
  /** Of the pattern with the most segments. */
  readonly segmentsMax: number;
}

/** What is asked for, in the numbers of a service. */
export interface Wanted {
  readonly method: number;
  readonly segments: readonly number[];
}

/** `*`, as a method or as a segment that is not empty. */
export const anyText = -1;
/** A text of the request that is in no rule. */
export const unknownText = -2;
/** In place of a method. */
export const connect = -3;
/** A final `**`. */
export const anyRest = -4;
export const emptyText = 0;

export interface GrowingTexts extends Texts {
  readonly numbers: Map<string, number>;
  segmentsMax: number;
}

export function noTexts(): GrowingTexts {
  return { numbers: new Map([['', emptyText]]), segmentsMax: 1 };
}

/** Numbers for a pattern, made where they are new. */
export function numbersOf(texts: GrowingTexts, segments: readonly string[]): readonly number[] {
  texts.segmentsMax = Math.max(texts.segmentsMax, segments.length);
  return segments.map((text) => (text === '**' ? anyRest : numberOf(texts, text)));
}

export function numberOf({ numbers }: GrowingTexts, text: string): number {
  if (text === '*') return anyText;
  const number = numbers.get(text) ?? numbers.size;
  numbers.set(text, number);
  return number;
}

const wantedConnect: Wanted = { method: connect, segments: [] };

export function wantedOf(texts: Texts, action: Action): Wanted {
  if (action.kind === 'connect') return wantedConnect;
  return { method: methodNumber(texts, action.method), segments: pathNumbers(texts, action.path) };
}

export function methodNumber({ numbers }: Texts, method: string): number {
  return numbers.get(method) ?? unknownText;
}

/** Of a path longer than any pattern no more than shows that it is, also without its final slash. */
function pathNumbers({ numbers, segmentsMax }: Texts, path: string): readonly number[] {
  const segments: number[] = [];
  for (let at = 1; segments.length < segmentsMax + 2; ) {
    const slash = path.indexOf('/', at);
    const stop = slash === -1 ? path.length : slash;
    segments.push(numbers.get(path.slice(at, stop)) ?? unknownText);
    if (slash === -1) break;
    at = stop + 1;
  }
  return segments;
}

/** How many of the segments a deny rule has to match: a final slash does not make another resource. */
export function lengthWithoutFinalSlash({ segments }: Wanted): number {
  const { length } = segments;
  return length > 1 && segments[length - 1] === emptyText ? length - 1 : length;
}
