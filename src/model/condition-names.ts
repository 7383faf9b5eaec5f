import { nearestName } from '../base/nearest.ts';
import { type CelExpr, partsOf } from '../cel/expr.ts';
import type { MeshDraft } from './mesh-file.ts';
import { parseSpiffeId, pathOf, trustDomainOf } from './spiffe-id.ts';

/** What the names in a condition are looked up in. */
export interface KnownNames {
  readonly mesh: MeshDraft;
  readonly services: ReadonlyMap<string, unknown>;
  /** The service whose rule it is. */
  readonly callee: string;
}

/** A name that a condition compares with, and that nothing has. */
export interface UnknownName {
  readonly at: number;
  readonly length: number;
  readonly name: string;
  readonly expected: string;
  readonly nearest: string | undefined;
}

interface Names {
  readonly expected: string;
  has(name: string): boolean;
  readonly all: Iterable<string>;
}

type Call = CelExpr & { readonly k: 'call' };

/** Comparisons of what a request has with a text that it can never be, and looks for what it can never have. */
export function unknownNames(expr: CelExpr, known: KnownNames): readonly UnknownName[] {
  const inside = partsOf(expr).flatMap((part) => unknownNames(part, known));
  const own = [...(expr.k === 'call' ? unknownIn(expr, known) : []), ...headerNeverThere(expr)];
  return [...own, ...inside];
}

/** Proxies hand on names in lower case, and refuse requests with others than these. */
const headerThere = /^[a-z0-9!#$%&'*+.^`|~-]+$/;

/** A header that is looked up by a name which no request can have here. */
function headerNeverThere(expr: CelExpr): readonly UnknownName[] {
  const name = headerIn(expr);
  if (name === undefined || headerThere.test(name) || !('at' in expr)) return [];
  const nearest = name.toLowerCase().replaceAll('_', '-');
  return [
    {
      ...{ at: expr.at, length: expr.len, name },
      expected: 'the name of a header in lower case, without `_`: no other reaches a rule',
      nearest: headerThere.test(nearest) ? nearest : undefined,
    },
  ];
}

function headerIn(expr: CelExpr): string | undefined {
  const isHeaders = (of: CelExpr | undefined): boolean =>
    of?.k === 'var' && (of.name === 'request.headers' || of.name === 'request.header_values');
  switch (expr.k) {
    case 'hasKey':
      return isHeaders(expr.of) ? expr.key : undefined;
    case 'get':
      return isHeaders(expr.of) && expr.key.k === 'string' ? expr.key.v : undefined;
    case 'call': {
      const [key, of] = expr.args;
      return expr.fn === 'in' && key?.k === 'string' && isHeaders(of) ? key.v : undefined;
    }
    default:
      return undefined;
  }
}

function unknownIn(call: Call, known: KnownNames): readonly UnknownName[] {
  const [one, other] = call.args;
  if (one === undefined || other === undefined) return [];
  const [read, texts] =
    one.k === 'var' ? [one.name, textsOf(other)] : [nameOf(other), textsOf(one)];
  const isFit = call.fn === 'in' || call.fn === '==' || call.fn === '!=';
  const names = isFit && read !== undefined ? namesFor(read, known) : undefined;
  if (names === undefined) return [];
  return texts.flatMap((name) =>
    names.has(name)
      ? []
      : [
          {
            ...{ at: call.at, length: call.len, name, expected: names.expected },
            nearest: nearestName(name, names.all),
          },
        ],
  );
}

function nameOf(expr: CelExpr): string | undefined {
  return expr.k === 'var' ? expr.name : undefined;
}

function textsOf(expr: CelExpr): readonly string[] {
  if (expr.k === 'string') return [expr.v];
  return expr.k === 'list' ? expr.items.flatMap(textsOf) : [];
}

/** Undefined: it may be any text. */
function namesFor(read: string, known: KnownNames): Names | undefined {
  const { mesh, callee } = known;
  switch (read) {
    case 'source.roles':
    case 'destination.roles':
      return { ...oneOf(mesh.roles.keys()), expected: 'a role of mesh.yaml' };
    case 'destination.service':
      return { ...oneOf([callee]), expected: `${callee}, whose rule it is` };
    case 'request.host':
      return { ...oneOf([callee]), expected: `${callee}, the name by which it is called` };
    case 'source.service':
      // Identities of a peer have names of their own.
      return mesh.peers.size > 0 ? undefined : serviceNames(known);
    case 'source.trust_domain': {
      const domains = [mesh.trustDomain, ...mesh.peers.keys()];
      return { ...oneOf(domains), expected: 'the own trust domain, or one of `peers`' };
    }
    case 'source.principal':
      return principals(known);
    case 'token.issuer': {
      const issuers = [...mesh.issuers.values()].map(({ issuer }) => issuer);
      return { ...oneOf(issuers), expected: 'what `issuers` in mesh.yaml have as `issuer`' };
    }
    case 'request.method':
      return methods;
    default:
      return attributeWords(read, mesh);
  }
}

function oneOf(names: Iterable<string>): Pick<Names, 'has' | 'all'> {
  const all = new Set(names);
  return { all, has: (name) => all.has(name) };
}

function serviceNames({ services }: KnownNames): Names {
  return {
    expected: 'the name of a file in services/',
    all: services.keys(),
    has: (name) => services.has(name),
  };
}

/** A workload of this mesh, or anybody of a peer. */
function principals({ mesh, services }: KnownNames): Names {
  const own = `spiffe://${mesh.trustDomain}/`;
  return {
    expected: `${own}SERVICE, or an identity of a peer`,
    all: [...services.keys()].map((name) => own + name),
    has: (name) => {
      const id = parseSpiffeId(name);
      if (!id.ok || pathOf(id.value) === '') return false;
      const domain = trustDomainOf(id.value);
      if (domain !== mesh.trustDomain) return mesh.peers.has(domain);
      return services.has(name.slice(own.length));
    },
  };
}

/** They are case-sensitive (RFC 9110 section 9.1), and rules see capital letters only. */
const methods: Names = {
  expected: 'a method in capital letters',
  all: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'TRACE'],
  has: (name) => /^[A-Z][A-Z-]*$/.test(name),
};

function attributeWords(read: string, { attributes }: MeshDraft): Names | undefined {
  const [bearer = '', field = ''] = read.split('.');
  const type = ['source', 'destination'].includes(bearer) ? attributes.get(field)?.type : undefined;
  if (type?.kind !== 'one-of') return undefined;
  return { ...oneOf(type.words), expected: `one of ${type.words.join(', ')}` };
}
