/** One field of the language, for the parser and for the JSON Schemas of editors. */
interface FieldSpec {
  readonly description: string;
  readonly example: string;
  readonly required?: true;
  /** What it is when it is left out, where that is one value; held to the parser by `unless-said.test.ts`. */
  readonly unlessSaid?: string | number;
  /** Known to the design, not to this version: refused with that reason. */
  readonly later?: true;
  /** Left out it means more than with any value, so that nothing behind its colon is a mistake. */
  readonly narrows?: true;
  /** JSON Schema of the value. */
  readonly schema: Readonly<Record<string, unknown>>;
}

export type FieldTable = Readonly<Record<string, FieldSpec>>;

export const text = { type: 'string' };
export const name = { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' };
export const duration = { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$' };
export const port = { type: 'integer', minimum: 1, maximum: 65_535 };
export const oneOrMany = (items: unknown): FieldSpec['schema'] => ({
  anyOf: [items, { type: 'array', items, minItems: 1 }],
});
export const textMap = {
  type: 'object',
  additionalProperties: { type: ['string', 'number', 'boolean'] },
};

export function object(table: () => FieldTable): FieldSpec['schema'] {
  return schemaOf(table());
}

/** JSON Schema of a map with these fields and no others. */
export function schemaOf(table: FieldTable): FieldSpec['schema'] {
  const present = Object.entries(table).filter(([, field]) => field.later !== true);
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(
      present.map(([key, { description, unlessSaid, schema }]) => [
        key,
        { description, ...schema, ...(unlessSaid === undefined ? {} : { default: unlessSaid }) },
      ]),
    ),
    required: present.filter(([, field]) => field.required === true).map(([key]) => key),
  };
}

export function later(description: string): FieldSpec {
  return { description, example: '', later: true, schema: {} };
}
