/** `npm run schema`: writes the JSON Schemas for editors from the field tables of the parser. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { schemaFiles } from './schema/files.ts';

mkdirSync('schema', { recursive: true });
for (const [name, text] of schemaFiles()) writeFileSync(`schema/${name}`, text);
