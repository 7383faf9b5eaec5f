import type { JsonValue } from '@bufbuild/protobuf';

/** One field that is otherwise; undefined: it is not there. */
export interface FieldChange {
  readonly path: string;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/**
 * Field by field, in the order of the message; a part that is only on one side is one change. What has names in a list
 * is held against its namesake, so that one more at the front is one change and not one for each that follows.
 */
export function fieldChanges(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  path = '',
): readonly FieldChange[] {
  if (Array.isArray(before) && Array.isArray(after)) return listChanges(before, after, path);
  if (isMessage(before) && isMessage(after)) {
    const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
    const step = (key: string): string => (path === '' ? key : `${path}.${key}`);
    return partChanges(old, now, step);
  }
  return before === after ? [] : [{ path, before, after }];
}

type Message = Exclude<JsonValue, string | number | boolean | null | JsonValue[]>;

function isMessage(value: JsonValue | undefined): value is Message {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function partChanges(
  old: ReadonlyMap<string, JsonValue>,
  now: ReadonlyMap<string, JsonValue>,
  step: (key: string) => string,
): readonly FieldChange[] {
  const keys = new Set([...old.keys(), ...now.keys()]);
  return [...keys].flatMap((key) => fieldChanges(old.get(key), now.get(key), step(key)));
}

function listChanges(
  before: readonly JsonValue[],
  after: readonly JsonValue[],
  path: string,
): readonly FieldChange[] {
  const isNamed = [...before, ...after].every((one) => nameOf(one) !== undefined);
  const keyed = isNamed ? byName : byPlace;
  const [old, now] = [keyed(before), keyed(after)];
  const parts = partChanges(old, now, (key) => `${path}[${key}]`);
  const [wasOrder, isOrder] = [common(old, now), common(now, old)];
  if (wasOrder.join('\n') === isOrder.join('\n')) return parts;
  return [...parts, { path: `${path} in the order`, before: wasOrder, after: isOrder }];
}

function byPlace(list: readonly JsonValue[]): ReadonlyMap<string, JsonValue> {
  return new Map(list.map((one, place) => [String(place), one]));
}

/** Of namesakes the later ones are counted. */
function byName(list: readonly JsonValue[]): ReadonlyMap<string, JsonValue> {
  const found = new Map<string, JsonValue>();
  const counts = new Map<string, number>();
  for (const one of list) {
    const name = nameOf(one) ?? '';
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    found.set(count === 1 ? name : `${name} #${count}`, one);
  }
  return found;
}

function nameOf(value: JsonValue): string | undefined {
  if (!isMessage(value)) return undefined;
  const name = value['name'];
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function common(
  own: ReadonlyMap<string, JsonValue>,
  other: ReadonlyMap<string, JsonValue>,
): string[] {
  return [...own.keys()].filter((key) => other.has(key));
}
