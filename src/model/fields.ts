/**
 * The fields of the language, in one place (those of `hosts` beside it): the parser refuses what is not here, and the JSON
 * Schemas for editors are made from the same tables.
 */

import { deskAway, deskFields } from './desk-fields.ts';
import {
  duration,
  type FieldTable,
  later,
  name,
  object,
  port,
  text,
  textMap,
} from './field-spec.ts';
import { hostsFields } from './hosts-fields.ts';
import { peerFields } from './peer-fields.ts';
import { issuerFields, ruleFields, testTokenFields } from './rule-fields.ts';

const decide = {
  description:
    'proxy: what the proxy of a service can decide it decides; desk: the desk of its host is asked about every request',
  example: 'proxy',
  schema: { enum: ['proxy', 'desk'] },
};

export const defaultsFields: FieldTable = {
  timeout: {
    description: 'how long a route may take, unless it says itself',
    example: '15s',
    unlessSaid: '15s',
    schema: duration,
  },
  connect_timeout: {
    description: 'how long a connection to another proxy may take',
    example: '1s',
    unlessSaid: '1s',
    schema: duration,
  },
  svid_ttl: {
    description: 'lifetime of workload certificates',
    example: '1h',
    unlessSaid: '1h',
    schema: duration,
  },
  decide: { ...decide, unlessSaid: 'proxy' },
  desk: {
    description: 'agent: proxies ask the desk of their own host; pool: those of `desk.pool`',
    example: 'agent',
    unlessSaid: 'agent',
    schema: { enum: ['agent', 'pool'] },
  },
};

export const caFields: FieldTable = {
  root_ttl: {
    description: 'lifetime of a root of our own, from its next rotation on',
    example: '365d',
    unlessSaid: '365d',
    schema: duration,
  },
  intermediate_ttl: {
    description: 'lifetime of the CA that signs certificates, from its next rotation on',
    example: '90d',
    unlessSaid: '90d',
    schema: duration,
  },
};

const operatorNames = { type: 'array', items: text, minItems: 1 };

export const operatorFields: FieldTable = {
  viewers: { description: 'who may look', example: '[dashboard]', schema: operatorNames },
  operators: {
    description: 'who may also work with hosts, revisions and bundles',
    example: '[deploy-bot]',
    schema: operatorNames,
  },
  admins: {
    description: 'who may also change the CA and make tokens',
    example: '[spiffe://shop.test/platform]',
    schema: operatorNames,
  },
};

export const breakglassFields: FieldTable = {
  approvals: {
    narrows: true,
    description: 'how many operators it takes to grant access beside Git',
    example: '2',
    unlessSaid: 1,
    schema: { enum: [1, 2] },
  },
  max: {
    narrows: true,
    description: 'how long such a grant may last, at most 24h',
    example: '4h',
    unlessSaid: '4h',
    schema: duration,
  },
  ticket: {
    narrows: true,
    description: 'required: no grant without the ticket that it is for',
    example: 'required',
    unlessSaid: 'optional',
    schema: { enum: ['required', 'optional'] },
  },
  who: {
    narrows: true,
    description:
      'the operators who may grant and approve, as `chancery log` names them ("token NAME", "uid N" on the machine of the control plane, or a SPIFFE ID); any operator when left out',
    example: '["token oncall", spiffe://shop.test/platform]',
    schema: { type: 'array', items: text, minItems: 1 },
  },
};

export const meshFields: FieldTable = {
  mesh: { description: 'the name of the mesh', example: 'shop', required: true, schema: name },
  trust_domain: {
    description: 'the SPIFFE trust domain: every identity starts with it',
    example: 'shop.test',
    required: true,
    schema: { type: 'string', pattern: '^[a-z0-9._-]+$' },
  },
  description: { description: 'for people', example: 'what this mesh is for', schema: text },
  roles: {
    description:
      'groups: each role lists services, other roles (role:NAME), spiffe://PARTNER/NAME of peers and people (person:NAME)',
    example: '{ support: [reports] }',
    schema: { type: 'object', additionalProperties: { type: 'array', items: text, minItems: 1 } },
  },
  defaults: {
    description: 'values for services that do not say',
    example: '{ timeout: 15s }',
    schema: object(() => defaultsFields),
  },
  desk: {
    description: 'policy desks apart from agents',
    example: '{ pool: { authz-1: 10.0.0.5:15012 } }',
    schema: object(() => deskFields),
  },
  hosts: {
    description: 'how machines come into the mesh',
    example: '{ join_token: { max_ttl: 1h } }',
    schema: object(() => hostsFields),
  },
  ca: {
    description: 'how long the CA lives; it rotates at half of that',
    example: '{ root_ttl: 365d, intermediate_ttl: 90d }',
    schema: object(() => caFields),
  },
  issuers: {
    description: 'whose tokens are believed: names for rules, and what their tokens are like',
    example: '{ acme-login: { issuer: https://login.acme.test, audience: shop, jwks: … } }',
    schema: { type: 'object', additionalProperties: object(() => issuerFields) },
  },
  attributes: {
    description:
      'what services say of themselves, for conditions: a name and its type (string, int, bool, strings, or the list of its values)',
    example: '{ team: string, tier: int, environment: [production, staging] }',
    schema: {
      type: 'object',
      additionalProperties: {
        anyOf: [
          { enum: ['string', 'int', 'bool', 'strings'] },
          { type: 'array', items: text, minItems: 1 },
        ],
      },
    },
  },
  operators: {
    description:
      "services, or SPIFFE IDs of this trust domain, that may use the operators' API with their certificate",
    example: '{ viewers: [dashboard] }',
    schema: object(() => operatorFields),
  },
  breakglass: {
    narrows: true,
    description: 'access that operators grant beside Git, for a time',
    example: '{ approvals: 2, max: 4h }',
    schema: object(() => breakglassFields),
  },
  peers: {
    description: 'trust domains whose identities are believed here, and where their bundles are',
    example: '{ partner.test: { endpoint: https://bundle.partner.test/, profile: https_web } }',
    schema: { type: 'object', additionalProperties: object(() => peerFields) },
  },
};

export const matchFields: FieldTable = {
  path: { narrows: true, description: 'a path pattern', example: '/v2/**', schema: text },
  method: { narrows: true, description: 'an HTTP method', example: 'GET', schema: text },
  header: {
    narrows: true,
    description: 'headers and their exact values, "*" for any',
    example: '{ x-beta: "1" }',
    schema: textMap,
  },
  query: {
    narrows: true,
    description: 'query parameters and their exact values, "*" for any',
    example: '{ beta: "1" }',
    schema: textMap,
  },
};

export const retryFields: FieldTable = {
  attempts: {
    description: 'retries after the first attempt',
    example: '2',
    required: true,
    schema: { type: 'integer', minimum: 1, maximum: 5 },
  },
  per_try_timeout: {
    description: 'how long one attempt may take',
    example: '600ms',
    schema: duration,
  },
  on: {
    description:
      'safe: failures are repeated for GET, HEAD and OPTIONS only; always: for every method',
    example: 'safe',
    unlessSaid: 'safe',
    schema: { enum: ['safe', 'always'] },
  },
};

export const routeFields: FieldTable = {
  id: { description: 'a stable name of the route', example: 'beta', schema: name },
  match: {
    narrows: true,
    description: 'which requests; all when left out',
    example: '{ header: { x-beta: "1" } }',
    schema: object(() => matchFields),
  },
  to: { description: 'the version that gets them', example: 'v2', schema: text },
  split: {
    description: 'versions and their shares, which add to 100',
    example: '{ v1: 90, v2: 10 }',
    schema: { type: 'object', additionalProperties: { type: 'integer', minimum: 0, maximum: 100 } },
  },
  timeout: { description: 'how long the whole request may take', example: '2s', schema: duration },
  retry: {
    description: 'repeats of failed attempts',
    example: '{ attempts: 2 }',
    schema: object(() => retryFields),
  },
  desk_away: deskAway,
  failover: later('where to go when no instance is near'),
};

export const runFields: FieldTable = {
  command: {
    description: 'the program and its arguments, run in the intent folder',
    example: 'node apps/payments.ts',
    required: true,
    schema: text,
  },
  env: { description: 'environment variables', example: '{ LOG: debug }', schema: textMap },
  port: {
    description: 'where this version listens, when not on the service port',
    example: '8092',
    schema: port,
  },
};

export const callFields: FieldTable = {
  service: {
    description: 'the service to be called',
    example: 'ledger-db',
    required: true,
    schema: name,
  },
  local_port: { description: 'the local port for a tcp service', example: '15432', schema: port },
};

export const testFields: FieldTable = {
  name: { description: 'what is tested', example: 'reports may read', schema: text },
  from: { description: 'the calling service', example: 'checkout', required: true, schema: name },
  request: {
    description: '"METHOD PATH", or "pkg.Service/Method" for gRPC',
    example: 'POST /v1/charges',
    required: true,
    schema: text,
  },
  headers: { description: 'headers of the request', example: '{ x-beta: "1" }', schema: textMap },
  token: {
    description: 'the claims of a token that counts as verified; none when left out',
    example: '{ scopes: [charges.read] }',
    schema: object(() => testTokenFields),
  },
  expect: {
    description: 'allow or deny',
    example: 'allow',
    required: true,
    schema: { enum: ['allow', 'deny'] },
  },
};

export const serviceFields: FieldTable = {
  service: {
    description: 'the name of the service, which is also the name of the file',
    example: 'payments',
    required: true,
    schema: name,
  },
  owner: {
    description: 'the team that answers for it',
    example: 'team-payments',
    required: true,
    schema: text,
  },
  description: { description: 'for people', example: 'takes money', schema: text },
  protocol: {
    description: 'what the application speaks; declared, never sniffed',
    example: 'http',
    required: true,
    schema: { enum: ['http', 'http2', 'grpc', 'tcp'] },
  },
  port: {
    description: 'where the application listens on its own host',
    example: '8080',
    required: true,
    schema: port,
  },
  health: {
    description: '"GET /path", "HEAD /path", "grpc" or "connect"; a connection when left out',
    example: 'GET /healthz',
    schema: text,
  },
  identity: {
    narrows: true,
    description:
      'what a process must show to be this service (unix, systemd, container, cgroup, parent), and its host (host)',
    example: '{ unix: { user: payments } }',
    schema: { type: 'object', additionalProperties: textMap },
  },
  attributes: {
    description: 'what it says of itself, for conditions; mesh.yaml declares which there are',
    example: '{ team: payments, tier: 1 }',
    schema: {
      type: 'object',
      additionalProperties: {
        anyOf: [{ type: ['string', 'number', 'boolean'] }, { type: 'array', items: text }],
      },
    },
  },
  decide,
  allow: {
    description: 'who may call what; nobody unless named',
    example: '[{ from: checkout }]',
    schema: { type: 'array', items: object(() => ruleFields), minItems: 1 },
  },
  deny: {
    narrows: true,
    description: 'who may not, whatever allow says',
    example: '[{ from: "*", to: "* /internal/**" }]',
    schema: { type: 'array', items: object(() => ruleFields), minItems: 1 },
  },
  routes: {
    description: 'which version gets which requests; the first match wins',
    example: '[{ to: v1 }]',
    schema: { type: 'array', items: object(() => routeFields), minItems: 1 },
  },
  run: {
    description: 'how `chancery up` starts the application: a command, or one for each version',
    example: 'node apps/payments.ts',
    schema: {
      anyOf: [
        text,
        { type: 'object', additionalProperties: { anyOf: [text, object(() => runFields)] } },
      ],
    },
  },
  calls: {
    description: 'tcp services on a local port, and other wishes of the caller',
    example: '[{ service: db, local_port: 15432 }]',
    schema: { type: 'array', items: { anyOf: [name, object(() => callFields)] }, minItems: 1 },
  },
  tests: {
    description: 'requests and whether they are allowed',
    example: '[{ from: checkout, request: GET /, expect: allow }]',
    schema: { type: 'array', items: object(() => testFields), minItems: 1 },
  },
  limits: later('rate limits'),
  rollout: later('a gradual change of versions'),
  secrets: later('secrets and who may read them'),
  tokens: later('tokens and who may mint them'),
};
