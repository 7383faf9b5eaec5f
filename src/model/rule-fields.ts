/** The fields of rules and of what their conditions look at; the rest of the language is in `fields.ts`. */
import { type FieldTable, name, object, oneOrMany, text, textMap } from './field-spec.ts';

export const tokenFields: FieldTable = {
  issuer: {
    narrows: true,
    description:
      'who signed it: a name of `issuers` in mesh.yaml, or several; any of them when left out',
    example: 'acme-login',
    schema: oneOrMany(name),
  },
  audience: {
    narrows: true,
    description: 'for whom it is: one of these is in `aud`; what the issuer says when left out',
    example: 'payments',
    schema: oneOrMany(text),
  },
  scopes: {
    narrows: true,
    description: 'what it grants: all of these',
    example: '[charges.read]',
    schema: oneOrMany(text),
  },
  claims: {
    narrows: true,
    description: 'claims and their values; of several values any one',
    example: '{ department: finance }',
    schema: {
      type: 'object',
      additionalProperties: oneOrMany({ type: ['string', 'number', 'boolean'] }),
    },
  },
};

export const targetFields: FieldTable = {
  request: {
    narrows: true,
    description: '"METHOD PATH", or "pkg.Service/Method" for gRPC; everything when left out',
    example: 'GET /v1/charges/*',
    schema: oneOrMany(text),
  },
  headers: {
    narrows: true,
    description: 'headers and their exact values, "*" for any',
    example: '{ x-tenant: acme }',
    schema: textMap,
  },
  host: {
    narrows: true,
    description: 'the name by which the service was called, or several',
    example: 'payments',
    schema: oneOrMany(text),
  },
};

export const ruleFields: FieldTable = {
  from: {
    description:
      'who: a service, role:NAME, "*" for every service of the mesh, spiffe://PARTNER/NAME of a peer, person:NAME or person:ISSUER/NAME; or a list of them',
    example: 'checkout',
    required: true,
    schema: oneOrMany(text),
  },
  to: {
    narrows: true,
    description:
      'what: "METHOD PATH" with * and **, "pkg.Service/Method" for gRPC, or a map that names headers and hosts, too; everything when left out',
    example: 'GET /v1/charges/*',
    schema: {
      anyOf: [text, { type: 'array', items: text, minItems: 1 }, object(() => targetFields)],
    },
  },
  id: {
    description: 'a stable name of the rule; derived from its content when left out',
    example: 'read-charges',
    schema: name,
  },
  description: { description: 'why the rule is there', example: 'monthly report', schema: text },
  token: {
    narrows: true,
    description: 'what the verified token of the request holds; {}: any token of a declared issuer',
    example: '{ scopes: [charges.read] }',
    schema: object(() => tokenFields),
  },
  when: {
    narrows: true,
    description: 'a condition in CEL over request, source, destination, token and time',
    example: 'source.team == destination.team',
    schema: text,
  },
  mode: {
    narrows: true,
    description: 'enforce, or audit: the rule decides nothing and says what it would have done',
    example: 'enforce',
    unlessSaid: 'enforce',
    schema: { enum: ['enforce', 'audit'] },
  },
};

export const issuerFields: FieldTable = {
  issuer: {
    description: 'what its tokens have as `iss`, exactly',
    example: 'https://login.acme.test',
    required: true,
    schema: text,
  },
  audience: {
    description: 'for whom its tokens are, where a rule does not say',
    example: 'shop',
    required: true,
    schema: oneOrMany(text),
  },
  jwks: {
    description: 'its public keys, a JSON Web Key Set',
    example: '|',
    required: true,
    schema: text,
  },
  person: {
    description:
      'the claim that names a person (person:NAME, person:ISSUER/NAME); its tokens name nobody when left out',
    example: 'email',
    schema: text,
  },
};

export const testTokenFields: FieldTable = {
  issuer: { description: 'a name of `issuers` in mesh.yaml', example: 'acme-login', schema: name },
  subject: { description: 'the `sub` of the token', example: 'alice', schema: text },
  audience: { description: 'the `aud` of the token', example: 'payments', schema: oneOrMany(text) },
  scopes: {
    description: 'what the token grants',
    example: '[charges.read]',
    schema: oneOrMany(text),
  },
  claims: { description: 'other claims', example: '{ department: finance }', schema: textMap },
};
