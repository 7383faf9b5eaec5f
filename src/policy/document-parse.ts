import { err, ok, type Result } from '../base/result.ts';
import { readCelExpr } from '../cel/expr-read.ts';
import type {
  AttributeValue,
  ClaimMatch,
  Conditions,
  TokenMatch,
  When,
} from '../model/condition-types.ts';
import type { Operation, PathPattern, Protocol, ValueMatch } from '../model/types.ts';
import type {
  Place,
  PolicyDocument,
  PolicyIssuer,
  PolicyPrincipal,
  PolicyRole,
  PolicyRule,
  ServicePolicy,
} from './document.ts';
import {
  flag,
  list,
  object,
  oneOf,
  optional,
  positiveInteger,
  type Read,
  record,
  tagged,
  text,
} from './read-json.ts';

/** Ten times the largest mesh aimed at; a document past it is not ours. */
const servicesMax = 20_000;
const rolesMax = 20_000;
const rulesPerServiceMax = 50_000;
/** More alternatives in one rule than a person reads; roles exist for that. */
const alternativesMax = 10_000;
const segmentsMax = 256;
const attributesMax = 1_000;
const issuersMax = 1_000;

const anyText = /^/;
const guest = /^(?:spiffe:\/\/|person:)./;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const place: Read<Place> = object<Place>({ file: text(/./), line: positiveInteger });

const principal: Read<PolicyPrincipal> = tagged<PolicyPrincipal>({
  any: object<PolicyPrincipal & { kind: 'any' }>({ kind: oneOf('any') }),
  service: object<PolicyPrincipal & { kind: 'service' }>({
    kind: oneOf('service'),
    service: text(label),
  }),
  role: object<PolicyPrincipal & { kind: 'role' }>({ kind: oneOf('role'), role: text(/./) }),
  guest: object<PolicyPrincipal & { kind: 'guest' }>({ kind: oneOf('guest'), guest: text(guest) }),
});

const values = { min: 0, max: alternativesMax };

const headerMatch = object<ValueMatch>({
  name: text(/^[^A-Z:]+$/),
  value: tagged<ValueMatch['value']>({
    exact: object<ValueMatch['value'] & { kind: 'exact' }>({
      kind: oneOf('exact'),
      text: text<string>(anyText),
    }),
    present: object<ValueMatch['value'] & { kind: 'present' }>({ kind: oneOf('present') }),
  }),
});

const tokenMatch = object<TokenMatch>({
  issuers: list(text<string>(/./), values),
  audiences: list(text<string>(anyText), values),
  scopes: list(text<string>(anyText), values),
  claims: list(
    object<ClaimMatch>({
      name: text<string>(anyText),
      values: list(text<string>(anyText), { ...values, min: 1 }),
    }),
    values,
  ),
});

const conditions = object<Conditions>({
  headers: list(headerMatch, values),
  hosts: list(text<string>(/./), values),
  token: optional(tokenMatch),
  when: optional(object<When>({ text: text<string>(/./), expr: readCelExpr })),
});

const number: Read<number> = (value, at) =>
  typeof value === 'number' ? ok(value) : err(`${at} is no number`);

/** A text, a number, true or false, or texts. */
const attribute: Read<AttributeValue> = (value, at) => {
  if (typeof value === 'string') return ok(value);
  if (typeof value === 'number') return number(value, at);
  return typeof value === 'boolean'
    ? flag(value, at)
    : list(text<string>(anyText), values)(value, at);
};

const issuer = object<PolicyIssuer>({
  name: text(label),
  issuer: text(/./),
  audiences: list(text<string>(anyText), { ...values, min: 1 }),
  jwks: text(/./),
  personClaim: optional(text(/./)),
});

const rawPattern = object<PathPattern>({
  text: text(/^\//),
  segments: list(text<string>(anyText), { min: 0, max: segmentsMax }),
});

/** `**` stands only at the end (the model's PathPattern); a matcher that met one elsewhere would misread it. */
const pattern: Read<PathPattern> = (value, at) => {
  const read = rawPattern(value, at);
  if (!read.ok) return read;
  const { segments } = read.value;
  if (segments.slice(0, -1).includes('**')) return err(`${at} holds "**" before its end`);
  if (segments.some((segment) => segment.includes('/'))) return err(`${at} holds "/" in a segment`);
  return read;
};

const operation: Read<Operation> = tagged<Operation>({
  http: object<Operation & { kind: 'http' }>({
    kind: oneOf('http'),
    method: text(/^(?:\*|[A-Z][A-Z0-9!#$%&'*+.^_`|~-]*)$/),
    path: pattern,
  }),
  grpc: object<Operation & { kind: 'grpc' }>({
    kind: oneOf('grpc'),
    service: text(/^(?:\*|[\w.]+)$/),
    method: text(/^(?:\*|\w+)$/),
  }),
  connect: object<Operation & { kind: 'connect' }>({ kind: oneOf('connect') }),
});

const rule = object<PolicyRule>({
  id: text(/./),
  effect: oneOf('allow', 'deny'),
  from: list(principal, { min: 1, max: alternativesMax }),
  to: list(operation, { min: 1, max: alternativesMax }),
  conditions: optional(conditions),
  mode: optional(oneOf('audit')),
  at: place,
});

const service = object<ServicePolicy>({
  name: text(label),
  protocol: oneOf<Protocol>('http', 'http2', 'grpc', 'tcp'),
  file: text(/./),
  attributes: optional(record(attribute, attributesMax)),
  rules: list(rule, { min: 0, max: rulesPerServiceMax }),
});

const role = object<PolicyRole>({
  name: text(/./),
  services: list(text(label), { min: 0, max: servicesMax }),
  guests: optional(list(text(guest), { min: 0, max: servicesMax })),
});

const document = object<PolicyDocument>({
  version: oneOf(1, 2, 3),
  trustDomain: text(/^[a-z0-9._-]{1,255}$/),
  issuers: optional(list(issuer, { min: 0, max: issuersMax })),
  roles: list(role, { min: 0, max: rolesMax }),
  services: list(service, { min: 0, max: servicesMax }),
});

/** Takes parsed JSON. The error is one sentence that names the place. */
export function parsePolicyDocument(json: unknown): Result<PolicyDocument, string> {
  const read = document(json, '$');
  if (!read.ok) return read;
  const fault = danglingName(read.value);
  return fault === undefined ? ok(read.value) : err(fault);
}

/** A role that nobody is in would silently void a deny rule, and a doubled service would hide one. */
function danglingName(parsed: PolicyDocument): string | undefined {
  const roles = new Set<string>(parsed.roles.map((entry) => entry.name));
  if (roles.size !== parsed.roles.length) return 'a role stands twice';
  const names = new Set<string>(parsed.services.map((entry) => entry.name));
  if (names.size !== parsed.services.length) return 'a service stands twice';
  for (const { name, rules } of parsed.services) {
    if (new Set(rules.map((entry) => entry.id)).size !== rules.length) {
      return `two rules of ${name} have one id`;
    }
    for (const { id, from } of rules) {
      const missing = from.find((who) => who.kind === 'role' && !roles.has(who.role));
      if (missing !== undefined) return `rule ${id} of ${name} names a role that does not exist`;
    }
  }
  return undefined;
}
