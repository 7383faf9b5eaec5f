/** `npm run openapi`: writes the OpenAPI document from the route table and the wire types. */
import { writeFileSync } from 'node:fs';
import { openApiText } from './openapi/document.ts';

writeFileSync('schema/openapi.json', openApiText());
