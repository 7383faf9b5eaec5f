import { schemaOf } from '../../src/model/field-spec.ts';
import { meshFields, serviceFields } from '../../src/model/fields.ts';

/** File name to text, for every kind of intent file. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['mesh.schema.json', text('A mesh of Chancery (mesh.yaml)', meshFields)],
    ['service.schema.json', text('A service of Chancery (services/NAME.yaml)', serviceFields)],
  ]);
}

function text(title: string, fields: Parameters<typeof schemaOf>[0]): string {
  const $schema = 'https://json-schema.org/draft/2020-12/schema';
  return `${JSON.stringify({ $schema, title, ...schemaOf(fields) }, undefined, 2)}\n`;
}
