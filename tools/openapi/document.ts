import { readFileSync } from 'node:fs';
import { type BodyShape, type FieldShape, wordsBytesMax } from '../../src/serve/api/body-shape.ts';
import {
  nameBytesMax,
  type ParameterShape,
  type QueryShape,
} from '../../src/serve/api/query-shape.ts';
import { type Route, routes } from '../../src/serve/api/routes.ts';
import { type Schema, TypeSchemas } from './type-schema.ts';

const wireFiles = [
  'src/serve/api/wire.ts',
  'src/serve/api/operator-wire.ts',
  'src/serve/api/ledger-wire.ts',
  'src/base/ledger.ts',
  'src/serve/api/wire-gate.ts',
  'src/serve/api/wire-breakglass.ts',
  'src/breakglass/grant.ts',
  'src/serve/api/wire-intent.ts',
  'src/serve/api/wire-shadow.ts',
  'src/policy/shadow.ts',
  'src/serve/api/wire-trust.ts',
  'src/serve/api/wire-upgrade.ts',
  'src/base/finding.ts',
  'src/serve/api/wire-status.ts',
  'src/compile/inventory.ts',
  'src/identity/hosts/host-record.ts',
  'src/rollout/rollout.ts',
];

/** The OpenAPI document of the operators' API, from its route table and its wire types. */
export function openApiText(): string {
  const types = new TypeSchemas(wireFiles);
  const error = types.named('RefusedReply');
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] = {
      ...paths[route.path],
      [route.method.toLowerCase()]: operation(route, types, error),
    };
  }
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  const document = {
    openapi: '3.1.0',
    info: {
      ...{ title: 'Chancery: the API of operators', version },
      description:
        'Served by `chancery server --api-port N`. Who asks shows a token (chancery token create) or a certificate that `operators` in mesh.yaml names. Each refusal is a finding with a code: chancery help CODE.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: types.components,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        certificate: { type: 'mutualTLS' },
      },
    },
    security: [{ token: [] }, { certificate: [] }],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function operation(route: Route, types: TypeSchemas, error: Schema): Schema {
  const { method, path, role, summary, body } = route;
  const parameters = [...nameParameter(path), ...queryParameters(route.query)];
  const refusal = { content: { 'application/json': { schema: error } } };
  return {
    operationId: operationId(method, path),
    summary,
    description: `For the role ${role} and above.`,
    'x-role': role,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(body) }),
    responses: {
      200: { description: summary, content: replyContent(route, types) },
      ...(path === '/readyz'
        ? { 503: { description: 'it cannot serve', content: replyContent(route, types) } }
        : {}),
      400: { description: 'the body or a parameter is not what it takes', ...refusal },
      401: { description: 'who asks is not known', ...refusal },
      403: { description: 'the role is not enough', ...refusal },
      default: { description: 'a refusal, with its reason', ...refusal },
    },
  };
}

function nameParameter(path: string): Schema[] {
  if (!path.includes('{name}')) return [];
  const schema = { type: 'string', minLength: 1, maxLength: nameBytesMax };
  return [{ name: 'name', in: 'path', required: true, schema }];
}

function queryParameters(query: QueryShape): Schema[] {
  return Object.entries(query).map(([name, parameter]) => ({
    ...{ name, in: 'query', description: parameter.meaning },
    schema: parameterSchema(parameter),
  }));
}

function parameterSchema(parameter: ParameterShape): Schema {
  if (parameter.kind === 'number') {
    return { type: 'integer', minimum: parameter.min, maximum: parameter.max };
  }
  const text = { type: 'string', maxLength: parameter.bytesMax };
  return parameter.isMany ? { type: 'array', items: text } : text;
}

function operationId(method: string, path: string): string {
  const words = path
    .replace('/v1/', '/')
    .replace('.json', '')
    .split(/[/-]/)
    .filter((word) => word !== '' && word !== '{name}');
  const named = path.endsWith('{name}') ? ['by', 'name'] : [];
  return [method.toLowerCase(), ...words, ...named]
    .map((word, at) => (at === 0 ? word : `${word.charAt(0).toUpperCase()}${word.slice(1)}`))
    .join('');
}

const linesOf = 'lines of ';

function replyContent({ reply }: Route, types: TypeSchemas): Schema {
  if (reply === 'document') return { 'application/json': { schema: { type: 'object' } } };
  if (reply === 'text') return { 'text/plain': { schema: { type: 'string' } } };
  if (!reply.startsWith(linesOf)) return { 'application/json': { schema: types.named(reply) } };
  return { 'application/x-ndjson': { schema: types.named(reply.slice(linesOf.length)) } };
}

function requestBody(shape: BodyShape): Schema {
  const fields = Object.entries(shape);
  const schema = {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(fields.map(([name, field]) => [name, fieldSchema(field)])),
    required: fields
      .filter(([, one]) => !one.isOptional && one.kind !== 'caller')
      .map(([name]) => name),
  };
  return { required: true, content: { 'application/json': { schema } } };
}

function fieldSchema(field: FieldShape): Schema {
  switch (field.kind) {
    case 'text':
      return { type: 'string', maxLength: field.bytesMax };
    case 'caller':
      return {
        ...{ type: 'string', maxLength: wordsBytesMax },
        description:
          'taken on the socket of the same machine only; else it is who was authenticated',
      };
    case 'number':
      return { type: 'number', minimum: 0, maximum: field.max };
    case 'flag':
      return { type: 'boolean' };
    case 'word':
      return { enum: field.words };
  }
}
