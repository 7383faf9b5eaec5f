import { err, ok, type Result } from '../base/result.ts';

/** Reads one value of parsed JSON; `at` is its place, such as `$.services[3].name`. The error is a sentence. */
export type Read<T> = (value: unknown, at: string) => Result<T, string>;

export function text<T extends string>(shape: RegExp): Read<T> {
  return (value, at) =>
    typeof value === 'string' && shape.test(value)
      ? ok(value as T)
      : err(`${at} is not a text of the form ${shape.source}`);
}

export function oneOf<const T extends string | number>(...allowed: readonly T[]): Read<T> {
  return (value, at) => {
    const found = allowed.find((candidate) => candidate === value);
    return found === undefined ? err(`${at} is none of ${allowed.join(', ')}`) : ok(found);
  };
}

export const positiveInteger: Read<number> = (value, at) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0
    ? ok(value)
    : err(`${at} is not a positive whole number`);

/** A field that may be left out. */
export function optional<T>(read: Read<T>): Read<T | undefined> {
  return (value, at) => (value === undefined ? ok(undefined) : read(value, at));
}

export const flag: Read<boolean> = (value, at) =>
  typeof value === 'boolean' ? ok(value) : err(`${at} is neither true nor false`);

/** Texts, numbers and the like under names of their own. */
export function record<T>(item: Read<T>, entriesMax: number): Read<Readonly<Record<string, T>>> {
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return err(`${at} is not an object`);
    }
    const entries = Object.entries(value);
    if (entries.length > entriesMax) return err(`${at} has more than ${entriesMax} fields`);
    const result: [string, T][] = [];
    for (const [name, entry] of entries) {
      const read = item(entry, `${at}.${name}`);
      if (!read.ok) return read;
      result.push([name, read.value]);
    }
    return ok(Object.fromEntries(result));
  };
}

export function list<T>(
  item: Read<T>,
  length: { readonly min: number; readonly max: number },
): Read<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) return err(`${at} is not a list`);
    if (value.length < length.min || value.length > length.max) {
      return err(`${at} does not have between ${length.min} and ${length.max} entries`);
    }
    const items: T[] = [];
    for (const [index, entry] of value.entries()) {
      const read = item(entry, `${at}[${index}]`);
      if (!read.ok) return read;
      items.push(read.value);
    }
    return ok(items);
  };
}

/** Exactly these fields: one that is not known could narrow what the others grant. */
export function object<T extends object>(
  fields: {
    readonly [K in keyof T]-?: Read<T[K]>;
  },
): Read<T> {
  const known = new Map<string, Read<unknown>>(Object.entries(fields));
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return err(`${at} is not an object`);
    }
    const given = new Map<string, unknown>(Object.entries(value));
    for (const name of given.keys()) {
      if (!known.has(name)) return err(`${at}.${name} is not a known field`);
    }
    const result: [string, unknown][] = [];
    for (const [name, read] of known) {
      const field = read(given.get(name), `${at}.${name}`);
      if (!field.ok) return field;
      if (field.value !== undefined) result.push([name, field.value]);
    }
    return ok(Object.fromEntries(result) as T);
  };
}

/** An object whose field `kind` says which reader takes it. */
export function tagged<T>(cases: { readonly [kind: string]: Read<T> }): Read<T> {
  const known = new Map(Object.entries(cases));
  return (value, at) => {
    const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : null;
    const read = typeof kind === 'string' ? known.get(kind) : undefined;
    return read === undefined
      ? err(`${at}.kind is none of ${[...known.keys()].join(', ')}`)
      : read(value, at);
  };
}
