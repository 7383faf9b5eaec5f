/** `npm run openapi`: writes the OpenAPI document from the route table and the wire types, and the client's types from it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { clientTypes } from './openapi/client-types.ts';
import { openApiText } from './openapi/document.ts';

const text = openApiText();
writeFileSync('schema/openapi.json', text);
mkdirSync('src/client/gen', { recursive: true });
writeFileSync('src/client/gen/api.ts', await clientTypes(text));
