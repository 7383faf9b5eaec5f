import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { schemaFiles } from '../tools/schema/files.ts';

it('the JSON Schemas are in step with the field tables of the parser', () => {
  for (const [name, text] of schemaFiles()) {
    assert.equal(readFileSync(`schema/${name}`, 'utf8'), text, 'run: npm run schema');
  }
});
