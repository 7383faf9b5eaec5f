import { entryOf, hasKey, isValue, plainKey } from './compare.ts';
import { type CelCode, celError, isFailure, merged } from './frame.ts';
import { isList, isMap, kindOf, noOverload } from './kind.ts';
import { absent, type CelFailure, type CelMap, type CelValue } from './value.ts';

/** No more of one than a line holds. */
const keyCharactersMax = 64;

export function readCode(name: string, at: number): CelCode {
  const missing = celError(`${name} is not there`, at);
  return (read) => {
    const value = read(name);
    if (typeof value !== 'object') return value === absent ? missing : (value as CelValue);
    if (value === null || !('kind' in value)) return value;
    return value.kind === 'fault' ? celError(`${name}: ${value.message}`, at) : value;
  };
}

/** What is there but not to be used is there. */
export function hasCode(name: string): CelCode {
  return (read) => {
    const value = read(name);
    if (value === absent) return false;
    const unknown = typeof value === 'object' && value !== null && 'kind' in value;
    return unknown && value.kind === 'unknown' ? value : true;
  };
}

export function hasKeyCode(of: CelCode, key: string, at: number): CelCode {
  return (read, frame) => {
    const map = of(read, frame);
    if (isFailure(map)) return map;
    return isMap(map) ? hasKey(map, key) : celError(`a ${kindOf(map)} has no fields`, at);
  };
}

/** `name`: the key as the condition has it written down; one that is made of a request is in no message. */
export function getCode(
  of: CelCode,
  keyCode: CelCode,
  { at, name }: { readonly at: number; readonly name: string | undefined },
): CelCode {
  return (read, frame) => {
    const container = of(read, frame);
    const key = keyCode(read, frame);
    if (isFailure(container)) return isFailure(key) ? merged(container, key) : container;
    if (isFailure(key)) return key;
    if (isMap(container)) return valueAt(container, key, { at, name });
    return isList(container)
      ? elementAt(container, key, at)
      : celError(noOverload('[]', container, key).message, at);
  };
}

function valueAt(
  map: CelMap,
  key: CelValue,
  { at, name }: { readonly at: number; readonly name: string | undefined },
): CelValue | CelFailure {
  const shown = name === undefined ? 'such key' : `\`${name.slice(0, keyCharactersMax)}\``;
  const entry = entryOf(map, key);
  if (entry === undefined) return celError(`there is no ${shown}`, at);
  if (isValue(entry)) return entry;
  return entry.kind === 'fault' ? celError(`${shown}: ${entry.message}`, at) : entry;
}

function elementAt(list: readonly CelValue[], key: CelValue, at: number): CelValue | CelFailure {
  const index = plainKey(key);
  const element = typeof index === 'number' ? list[index] : undefined;
  if (element !== undefined) return element;
  // Which one was made of the request, unless it is written down.
  return celError(`a list of ${list.length} has no such element`, at);
}
