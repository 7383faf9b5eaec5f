/** As much of JSON Schema as our OpenAPI document uses; a keyword that it does not know is an error. */
export type Schema = Readonly<Record<string, unknown>>;

const known = [
  'type',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'anyOf',
  'enum',
  'const',
  'pattern',
  '$ref',
];
const told = ['description', 'minLength', 'maxLength', 'minimum', 'maximum'];

/** Where a value does not fit, or undefined. */
export function misfit(
  schema: Schema,
  value: unknown,
  components: Readonly<Record<string, Schema>>,
  at = '$',
): string | undefined {
  const stranger = Object.keys(schema).find((key) => !known.includes(key) && !told.includes(key));
  if (stranger !== undefined) return `${at}: the keyword ${stranger} is not known`;
  const ref = schema['$ref'];
  if (typeof ref === 'string') {
    const target = components[ref.replace('#/components/schemas/', '')];
    return target === undefined
      ? `${at}: ${ref} is not there`
      : misfit(target, value, components, at);
  }
  const anyOf = schema['anyOf'] as readonly Schema[] | undefined;
  if (anyOf !== undefined) {
    const all = anyOf.map((one) => misfit(one, value, components, at));
    return all.includes(undefined) ? undefined : all.join(' | ');
  }
  const words = schema['enum'] as readonly unknown[] | undefined;
  if (words !== undefined) return words.includes(value) ? undefined : `${at}: not one of ${words}`;
  if ('const' in schema)
    return schema['const'] === value ? undefined : `${at}: not ${schema['const']}`;
  return typeMisfit(schema, value, components, at);
}

function typeMisfit(
  schema: Schema,
  value: unknown,
  components: Readonly<Record<string, Schema>>,
  at: string,
): string | undefined {
  const type = schema['type'];
  if (type === undefined) return undefined;
  const found = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  if (found !== type) return `${at}: ${found}, not ${String(type)}`;
  const pattern = schema['pattern'];
  if (typeof pattern === 'string' && !new RegExp(pattern).test(String(value))) {
    return `${at}: not ${pattern}`;
  }
  if (Array.isArray(value)) {
    const items = schema['items'] as Schema;
    return value.map((one, n) => misfit(items, one, components, `${at}[${n}]`)).find(Boolean);
  }
  if (type !== 'object') return undefined;
  const object = value as Readonly<Record<string, unknown>>;
  const missing = ((schema['required'] ?? []) as string[]).find((name) => !(name in object));
  if (missing !== undefined) return `${at}: without ${missing}`;
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>;
  const rest = schema['additionalProperties'] as Schema | undefined;
  // What nobody documented is a misfit: the document is to be whole.
  const isWhole = Object.keys(properties).length > 0;
  return Object.entries(object)
    .map(([name, one]) => {
      const of = properties[name] ?? rest;
      if (of === undefined) return isWhole ? `${at}.${name}: not documented` : undefined;
      return misfit(of, one, components, `${at}.${name}`);
    })
    .find(Boolean);
}
