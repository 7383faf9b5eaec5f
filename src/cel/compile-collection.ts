import { plainKey } from './compare.ts';
import { type CelCode, celError, isFailure, merged } from './frame.ts';
import { isList, kindOf } from './kind.ts';
import type { CelFailure, CelKey, CelValue } from './value.ts';

export function listCode(items: readonly CelCode[]): CelCode {
  return (read, frame) => {
    let failure: CelFailure | undefined;
    const values: CelValue[] = [];
    for (const item of items) {
      const value = item(read, frame);
      if (isFailure(value)) failure = merged(failure, value);
      else values.push(value);
    }
    return failure ?? values;
  };
}

/** Keys and values in turn. */
export function mapCode(parts: readonly CelCode[], at: number): CelCode {
  const list = listCode(parts);
  return (read, frame) => {
    const values = list(read, frame);
    return isFailure(values) || !isList(values) ? values : mapOf(values, at);
  };
}

function mapOf(parts: readonly CelValue[], at: number): CelValue | CelFailure {
  const entries = new Map<string | boolean | number | bigint, CelValue>();
  const keys: CelKey[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const key = parts[index] ?? null;
    const plain = plainKey(key);
    if (plain === undefined) return celError(`a ${kindOf(key)} can not be a key`, at);
    if (entries.has(plain)) return celError('a key comes twice', at);
    entries.set(plain, parts[index + 1] ?? null);
    keys.push(key as CelKey);
  }
  return {
    size: entries.size,
    has: (key) => entries.has(key),
    get: (key) => entries.get(key),
    keys: () => keys,
  };
}
