import type { JsonValue } from '@bufbuild/protobuf';

/** One field that is otherwise; undefined: it is not there. */
export interface FieldChange {
  readonly path: string;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/** Field by field, in the order of the message; a part that is only on one side is one change. */
export function fieldChanges(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  path = '',
): readonly FieldChange[] {
  if (isParent(before) && isParent(after) && Array.isArray(before) === Array.isArray(after)) {
    const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
    const keys = new Set([...old.keys(), ...now.keys()]);
    const step = (key: string): string =>
      Array.isArray(after) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    return [...keys].flatMap((key) => fieldChanges(old.get(key), now.get(key), step(key)));
  }
  return before === after ? [] : [{ path, before, after }];
}

function isParent(
  value: JsonValue | undefined,
): value is Exclude<JsonValue, string | number | boolean | null> {
  return typeof value === 'object' && value !== null;
}
