import { err, ok, type Result } from '../base/result.ts';
import type { Operation, PathPattern, Protocol } from '../model/types.ts';
import type {
  Place,
  PolicyDocument,
  PolicyPrincipal,
  PolicyRole,
  PolicyRule,
  ServicePolicy,
} from './document.ts';
import { list, object, oneOf, positiveInteger, type Read, tagged, text } from './read-json.ts';

/** Ten times the largest mesh aimed at; a document past it is not ours. */
const servicesMax = 20_000;
const rolesMax = 20_000;
const rulesPerServiceMax = 50_000;
/** More alternatives in one rule than a person reads; roles exist for that. */
const alternativesMax = 10_000;
const segmentsMax = 256;

const anyText = /^/;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const place: Read<Place> = object<Place>({ file: text(/./), line: positiveInteger });

const principal: Read<PolicyPrincipal> = tagged<PolicyPrincipal>({
  any: object<PolicyPrincipal & { kind: 'any' }>({ kind: oneOf('any') }),
  service: object<PolicyPrincipal & { kind: 'service' }>({
    kind: oneOf('service'),
    service: text(label),
  }),
  role: object<PolicyPrincipal & { kind: 'role' }>({ kind: oneOf('role'), role: text(/./) }),
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
  at: place,
});

const service = object<ServicePolicy>({
  name: text(label),
  protocol: oneOf<Protocol>('http', 'http2', 'grpc', 'tcp'),
  file: text(/./),
  rules: list(rule, { min: 0, max: rulesPerServiceMax }),
});

const role = object<PolicyRole>({
  name: text(/./),
  services: list(text(label), { min: 0, max: servicesMax }),
});

const document = object<PolicyDocument>({
  version: oneOf(1),
  trustDomain: text(/^[a-z0-9._-]{1,255}$/),
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
