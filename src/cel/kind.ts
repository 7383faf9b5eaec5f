import type {
  CelDouble,
  CelDuration,
  CelFault,
  CelMap,
  CelTimestamp,
  CelUint,
  CelValue,
} from './value.ts';

/** The name of a value's type, as it is told to people. */
export function kindOf(value: CelValue): string {
  switch (typeof value) {
    case 'number':
    case 'bigint':
      return 'int';
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    default:
      return kindOfObject(value);
  }
}

function kindOfObject(value: CelValue & (object | null)): string {
  if (value === null) return 'null';
  if (isList(value)) return 'list';
  if (value instanceof Uint8Array) return 'bytes';
  return isMap(value) ? 'map' : value.kind;
}

export function isList(value: CelValue): value is readonly CelValue[] {
  return Array.isArray(value);
}

export function isMap(value: CelValue): value is CelMap {
  return typeof value === 'object' && value !== null && 'has' in value;
}

export function isTimestamp(value: CelValue): value is CelTimestamp {
  return hasKind(value, 'timestamp');
}

export function isDuration(value: CelValue): value is CelDuration {
  return hasKind(value, 'duration');
}

export function isUint(value: CelValue): value is CelUint {
  return hasKind(value, 'uint');
}

export function isDouble(value: CelValue): value is CelDouble {
  return hasKind(value, 'double');
}

function hasKind(value: CelValue, kind: string): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

/** The fault of an operator or function that was given what it is not defined for; only `dyn` gets so far. */
export function noOverload(fn: string, ...args: readonly CelValue[]): CelFault {
  const message = `\`${fn}\` is not defined for ${args.map(kindOf).join(' and ')}`;
  return { kind: 'fault', message };
}
