import type { Json } from '../base/json.ts';
/**
 * A value while a condition runs.
 *
 * An int is a number as long as that is exact and a bigint beyond, so that the usual case is fast; hence a double is marked.
 * `intOf` and `celDouble` are the only makers of the two that never break this.
 */
export type CelValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | CelUint
  | CelDouble
  | CelTimestamp
  | CelDuration
  | Uint8Array
  | readonly CelValue[]
  | CelMap;

export interface CelUint {
  readonly kind: 'uint';
  readonly value: bigint;
}

export interface CelDouble {
  readonly kind: 'double';
  readonly value: number;
}

/** From year 1 to 9999; nanos are 0 to 999,999,999. */
export interface CelTimestamp {
  readonly kind: 'timestamp';
  readonly seconds: number;
  readonly nanos: number;
}

/** Within 64 bits of nanoseconds; seconds and nanos have one sign. */
export interface CelDuration {
  readonly kind: 'duration';
  readonly seconds: number;
  readonly nanos: number;
}

export type CelKey = string | boolean | number | bigint | CelUint;

/**
 * What conditions ask of a map, so that headers need not be copied into one. A `Map` whose keys are strings, booleans or ints
 * is one. Numbers as keys are asked for as ints, whatever their type.
 */
export interface CelMap {
  readonly size: number;
  has(key: string | boolean | number | bigint): boolean;
  get(
    key: string | boolean | number | bigint,
  ): CelValue | typeof absent | CelUnknown | CelFault | undefined;
  keys(): Iterable<CelKey>;
  /** There may be keys beside those; `get` tells of which. Left out: these are all. */
  readonly further?: CelUnknown;
}

/** A variable or a value of a map that is not there. */
export const absent = Symbol('absent');

/** What can not be told yet, as a claim before the token was looked at. */
export interface CelUnknown {
  readonly kind: 'unknown';
  readonly names: readonly string[];
}

/** There, but not to be used: for example a header that came twice where one value is wanted. */
export interface CelFault {
  readonly kind: 'fault';
  readonly message: string;
}

/** `at` is the offset in the text of the condition. */
export interface CelError {
  readonly kind: 'error';
  readonly message: string;
  readonly at: number;
}

export type CelFailure = CelError | CelUnknown;

export type CelOutcome = { readonly kind: 'value'; readonly value: CelValue } | CelFailure;

/** Answers for declared names only. It must answer the same for a name throughout one evaluation. */
export type CelRead = (name: string) => CelValue | typeof absent | CelUnknown | CelFault;

export type CelProgram = (read: CelRead) => CelOutcome;

export function celUnknown(name: string): CelUnknown {
  return { kind: 'unknown', names: [name] };
}

export function celFault(message: string): CelFault {
  return { kind: 'fault', message };
}

export function celDouble(value: number): CelDouble {
  return { kind: 'double', value };
}

/** A timestamp from milliseconds since 1970, as clocks give it. */
export function celTimestamp(unixMs: number): CelTimestamp {
  const seconds = Math.floor(unixMs / 1000);
  return { kind: 'timestamp', seconds, nanos: Math.round((unixMs - seconds * 1000) * 1e6) };
}

/** A claim as CEL sees JSON: every number is a double. Objects are wrapped, not copied. */
export function celFromJson(json: Json): CelValue {
  if (json === null || typeof json === 'boolean' || typeof json === 'string') return json;
  if (typeof json === 'number') return celDouble(json);
  if (isList(json)) return json.map(celFromJson);
  return objectMap(json);
}

function isList(json: readonly Json[] | { readonly [key: string]: Json }): json is readonly Json[] {
  return Array.isArray(json);
}

/** Only own keys: `constructor` is not a claim. */
function objectMap(object: { readonly [key: string]: Json }): CelMap {
  const keys = Object.keys(object);
  return {
    size: keys.length,
    has: (key) => typeof key === 'string' && Object.hasOwn(object, key),
    get: (key) => {
      if (typeof key !== 'string' || !Object.hasOwn(object, key)) return undefined;
      const value = object[key];
      return value === undefined ? undefined : celFromJson(value);
    },
    keys: () => keys,
  };
}
