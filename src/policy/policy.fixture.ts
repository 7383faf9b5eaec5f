import type { Operation, PathPattern, RuleId, ServiceName } from '../model/types.ts';
import type { PolicyDocument, PolicyPrincipal, PolicyRule } from './document.ts';
import { parsePolicyDocument } from './document-parse.ts';

/** Test shorthand: `payments: ['allow checkout POST /v1/charges']`; a rule's id is its position, `r1` the first. */
export interface Sketch {
  readonly services: { readonly [service: string]: readonly string[] };
  readonly roles?: { readonly [role: string]: readonly string[] };
  readonly protocols?: { readonly [service: string]: 'http' | 'grpc' | 'tcp' };
}

export function sketchPolicy(sketch: Sketch): PolicyDocument {
  const document = {
    version: 1,
    trustDomain: 'acme',
    roles: Object.entries(sketch.roles ?? {}).map(([name, services]) => ({ name, services })),
    services: Object.entries(sketch.services).map(([name, rules]) => ({
      name,
      protocol: sketch.protocols?.[name] ?? 'http',
      file: `services/${name}.yaml`,
      rules: rules.map((text, at) => sketchRule(name, text, at + 1)),
    })),
  };
  const parsed = parsePolicyDocument(document);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function sketchRule(service: string, text: string, number: number): PolicyRule {
  const [effect, from = '', method = '', path] = text.split(' ');
  return {
    id: `r${number}` as RuleId,
    effect: effect === 'deny' ? 'deny' : 'allow',
    from: from.split(',').map(sketchPrincipal),
    to: [sketchOperation(method, path)],
    at: { file: `services/${service}.yaml`, line: number },
  };
}

function sketchPrincipal(text: string): PolicyPrincipal {
  if (text === '*') return { kind: 'any' };
  return text.startsWith('role:')
    ? ({ kind: 'role', role: text.slice(5) } as PolicyPrincipal)
    : { kind: 'service', service: text as ServiceName };
}

export function sketchPattern(text: string): PathPattern {
  return { text, segments: text.slice(1).split('/') };
}

function sketchOperation(method: string, path: string | undefined): Operation {
  if (method === 'connect') return { kind: 'connect' };
  if (path !== undefined) return { kind: 'http', method, path: sketchPattern(path) };
  const [service = '', name = ''] = method.split('/');
  return { kind: 'grpc', service, method: name };
}
