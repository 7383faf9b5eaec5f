import { schemaOf } from '../../src/model/field-spec.ts';
import { meshFields, serviceFields } from '../../src/model/fields.ts';
import { intentFieldsPage } from './intent-fields.ts';

/** Path to text: a schema for every kind of intent file, and the page of their fields. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['schema/mesh.schema.json', text('A mesh of Chancery (mesh.yaml)', meshFields)],
    [
      'schema/service.schema.json',
      text('A service of Chancery (services/NAME.yaml)', serviceFields),
    ],
    ['docs/intent-fields.md', intentFieldsPage()],
  ]);
}

function text(title: string, fields: Parameters<typeof schemaOf>[0]): string {
  const $schema = 'https://json-schema.org/draft/2020-12/schema';
  return `${JSON.stringify({ $schema, title, ...schemaOf(fields) }, undefined, 2)}\n`;
}
