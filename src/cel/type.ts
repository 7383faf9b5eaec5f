/** The type of a value in a condition. JSON as it stands. */
export type CelType =
  | { readonly kind: CelScalarKind }
  | { readonly kind: 'list'; readonly of: CelType }
  | { readonly kind: 'map'; readonly key: CelType; readonly value: CelType };

type CelScalarKind =
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration'
  | 'null'
  /** Known only at run time, as a claim of a token is. */
  | 'dyn';

export interface CelDeclaration {
  readonly type: CelType;
  /** May be absent: then reading it is an error and `has()` of it is false. */
  readonly optional: boolean;
  /** Stands for a group of variables that are there together; it can be asked for by `has()` only. */
  readonly presenceOnly?: true;
}

/** By flat name: `request.method`. */
export type CelDeclarations = ReadonlyMap<string, CelDeclaration>;

export const boolType: CelType = { kind: 'bool' };
export const intType: CelType = { kind: 'int' };
export const stringType: CelType = { kind: 'string' };
export const timestampType: CelType = { kind: 'timestamp' };
export const dynType: CelType = { kind: 'dyn' };

export function listType(of: CelType): CelType {
  return { kind: 'list', of };
}

export function mapType(key: CelType, value: CelType): CelType {
  return { kind: 'map', key, value };
}

export function typeText(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list<${typeText(type.of)}>`;
    case 'map':
      return `map<${typeText(type.key)}, ${typeText(type.value)}>`;
    default:
      return type.kind;
  }
}

/** Whether a value of one type can stand where the other is wanted; what is known only at run time is held to it then. */
export function fits(found: CelType, wanted: CelType): boolean {
  if (found.kind === 'dyn' || wanted.kind === 'dyn') return true;
  if (found.kind === 'list' && wanted.kind === 'list') return fits(found.of, wanted.of);
  if (found.kind === 'map' && wanted.kind === 'map')
    return fits(found.key, wanted.key) && fits(found.value, wanted.value);
  return found.kind === wanted.kind;
}

/** The type that holds both: `dyn` where they differ, so that a mixed list is a list of `dyn` as in CEL. */
export function joined(one: CelType, other: CelType): CelType {
  if (one.kind === 'list' && other.kind === 'list') return listType(joined(one.of, other.of));
  if (one.kind === 'map' && other.kind === 'map')
    return mapType(joined(one.key, other.key), joined(one.value, other.value));
  return one.kind === other.kind ? one : dynType;
}
