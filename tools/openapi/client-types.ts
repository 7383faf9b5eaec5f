import openapiTypeScript, { astToString } from 'openapi-typescript';
import ts from 'typescript';

export const header =
  '/** Written by npm run openapi from schema/openapi.json. Do not edit. */\n\n';

/** The types of the client, from the text of the OpenAPI document. */
export async function clientTypes(openApiText: string): Promise<string> {
  const nodes = await openapiTypeScript(openApiText, {
    immutable: true,
    rootTypes: true,
    rootTypesNoSchemaPrefix: true,
    alphabetize: true,
    transform: (schema) => ('pattern' in schema ? codeType(String(schema.pattern)) : undefined),
  });
  return header + astToString(nodes);
}

/** A code as the program has it, `CH${number}`: TypeScript has no patterns. */
function codeType(pattern: string): ts.TypeNode {
  const head = /^\^(\w+)\\d\{4\}\$$/.exec(pattern)?.[1];
  if (head === undefined) throw new Error(`there is no type for the pattern ${pattern}`);
  const digits = ts.factory.createKeywordTypeNode(ts.SyntaxKind.NumberKeyword);
  const tail = ts.factory.createTemplateTail('');
  return ts.factory.createTemplateLiteralType(ts.factory.createTemplateHead(head), [
    ts.factory.createTemplateLiteralTypeSpan(digits, tail),
  ]);
}
