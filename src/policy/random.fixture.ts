import { pick, type RandomNumber } from '../base/seeded.fixture.ts';
import type {
  Operation,
  PathPattern,
  RoleName,
  RuleId,
  ServiceName,
  TrustDomain,
} from '../model/types.ts';
import type { Action } from './decision.ts';
import type { PolicyDocument, PolicyPrincipal, PolicyRule } from './document.ts';
import { sketchPattern } from './policy.fixture.ts';

const services = ['a', 'b', 'c', 'd', 'e'] as ServiceName[];
/** Named by rules and roles, but no service of the mesh. */
const ghost = 'ghost' as ServiceName;
const roles = ['red', 'blue', 'idle'] as RoleName[];
const methods = ['GET', 'POST', 'PUT', '*'];
/** Few and short, so that patterns and paths meet often. */
const words = ['x', 'y', 'z', 'xy'];

/** Five services with up to a dozen rules each, or more. */
export function randomPolicy(random: RandomNumber, rulesMax = 12): PolicyDocument {
  return {
    version: 1,
    trustDomain: 'acme' as TrustDomain,
    roles: roles.map((name) => ({
      name,
      services: [...services, ghost].filter(() => random() < 0.4),
    })),
    services: services.map((name) => ({
      name,
      protocol: 'http',
      file: `services/${name}.yaml`,
      rules: times(random, 0, rulesMax, (at) => randomRule(random, name, at)),
    })),
  };
}

/** Mostly a known service. */
export function randomCaller(random: RandomNumber): string {
  return pick(random, [...services, ...services, ghost]);
}

export function randomAction(random: RandomNumber): Action {
  if (random() < 0.05) return { kind: 'connect' };
  return {
    kind: 'http',
    method: pick(random, ['GET', 'POST', 'PUT', 'LIST']),
    path: randomPath(random),
  };
}

/** Canonical. */
export function randomPath(random: RandomNumber): string {
  const segments = times(random, 0, 4, () => pick(random, words));
  if (segments.length === 0) return '/';
  return `/${segments.join('/')}${random() < 0.2 ? '/' : ''}`;
}

export function randomPattern(random: RandomNumber): PathPattern {
  const segments = times(random, 0, 3, () => pick(random, [...words, '*']));
  if (random() < 0.3) segments.push('**');
  else if (random() < 0.1) segments.push('');
  return sketchPattern(`/${segments.join('/')}`);
}

function randomRule(random: RandomNumber, service: string, at: number): PolicyRule {
  return {
    id: `r${at}` as RuleId,
    effect: random() < 0.7 ? 'allow' : 'deny',
    from: times(random, 1, 2, () => randomPrincipal(random)),
    to: times(random, 1, 3, () => randomOperation(random)),
    at: { file: `services/${service}.yaml`, line: at + 1 },
  };
}

function randomPrincipal(random: RandomNumber): PolicyPrincipal {
  const kind = random();
  if (kind < 0.15) return { kind: 'any' };
  return kind < 0.4
    ? { kind: 'role', role: pick(random, roles) }
    : { kind: 'service', service: pick(random, [...services, ghost]) };
}

function randomOperation(random: RandomNumber): Operation {
  const kind = random();
  if (kind < 0.1) return { kind: 'connect' };
  if (kind < 0.2) {
    return {
      kind: 'grpc',
      service: pick(random, ['x', 'y', '*']),
      method: pick(random, ['x', '*']),
    };
  }
  return { kind: 'http', method: pick(random, methods), path: randomPattern(random) };
}

function times<T>(random: RandomNumber, min: number, max: number, make: (at: number) => T): T[] {
  const length = min + Math.floor(random() * (max - min + 1));
  return Array.from({ length }, (_, at) => make(at));
}
