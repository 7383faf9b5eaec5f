import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { schemaOf } from '../src/model/field-spec.ts';
import { schemaFiles } from '../tools/schema/files.ts';
import { sections } from '../tools/schema/intent-fields.ts';

it('the JSON Schemas and the page of fields are in step with the field tables of the parser', () => {
  for (const [path, text] of schemaFiles()) {
    assert.equal(readFileSync(path, 'utf8'), text, 'run: npm run schema');
  }
});

it('the page of fields has every map of the language', () => {
  const known = sections.map(([, fields]) => fieldsOf(schemaOf(fields)));
  for (const [path, text] of schemaFiles()) {
    if (!path.endsWith('.json')) continue;
    const maps = mapsIn(JSON.parse(text));
    assert.ok(maps.length > 5);
    for (const map of maps) {
      const isKnown = known.some((one) => isDeepStrictEqual(one, fieldsOf(map)));
      assert.ok(isKnown, `no section for a map of ${Object.keys(map['properties'] ?? {})}`);
    }
  }
});

function fieldsOf({ properties, required }: Readonly<Record<string, unknown>>): unknown {
  return JSON.parse(JSON.stringify({ properties, required }));
}

/** Those whose fields have names. */
function mapsIn(schema: unknown): readonly Record<string, object>[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const inner = Object.values(schema).flatMap(mapsIn);
  return 'additionalProperties' in schema && schema.additionalProperties === false
    ? [schema as Record<string, object>, ...inner]
    : inner;
}
