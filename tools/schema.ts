/** `npm run schema`: writes the JSON Schemas for editors, and the page of all fields, from the field tables of the parser. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { schemaFiles } from './schema/files.ts';

mkdirSync('schema', { recursive: true });
for (const [path, text] of schemaFiles()) writeFileSync(path, text);
