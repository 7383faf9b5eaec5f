import {
  boolType,
  type CelDeclaration,
  type CelDeclarations,
  type CelType,
  dynType,
  listType,
  mapType,
  stringType,
  timestampType,
} from './type.ts';

const headers = mapType(stringType, stringType);
const strings = listType(stringType);

/** What every condition can read, in the order in which it is listed for people. */
const always: readonly (readonly [string, CelType])[] = [
  ['request.method', stringType],
  /** Canonical and without the query, as paths of rules are matched. */
  ['request.path', stringType],
  ['request.host', stringType],
  ['request.scheme', stringType],
  /** Reading a parameter or header that came more than once is a fault. */
  ['request.query', headers],
  ['request.headers', headers],
  ['request.header_values', mapType(stringType, strings)],
  ['request.time', timestampType],
  ['request.id', stringType],
  ['source.service', stringType],
  ['source.trust_domain', stringType],
  ['source.principal', stringType],
  ['source.address', stringType],
  ['source.roles', strings],
  ['destination.service', stringType],
  ['destination.roles', strings],
  ['time', timestampType],
];

/** There together, when the request has a valid token. */
const ofToken: readonly (readonly [string, CelType])[] = [
  ['token.issuer', stringType],
  ['token.subject', stringType],
  ['token.audiences', strings],
  ['token.scopes', strings],
  ['token.claims', mapType(stringType, dynType)],
  ['token.expires', timestampType],
];

/** Who has attributes: they are read as `source.team` and `destination.team`. */
const bearers = ['source', 'destination'];

const builtIn: readonly (readonly [string, CelDeclaration])[] = [
  ...always.map(([name, type]) => [name, { type, optional: false }] as const),
  ...ofToken.map(([name, type]) => [name, { type, optional: true }] as const),
  ['token', { type: boolType, optional: true, presenceOnly: true }],
];

/** The variables of conditions in a mesh whose services have these attributes. */
export function standardDeclarations(attributes: ReadonlyMap<string, CelType>): CelDeclarations {
  const own = [...attributes].flatMap(([name, type]) =>
    bearers.map((bearer) => [`${bearer}.${name}`, { type, optional: true }] as const),
  );
  return new Map<string, CelDeclaration>([...own, ...builtIn]);
}

/** Names that no attribute may have: a condition could not tell it from what is built in, or could not be written. */
export function reservedNames(): ReadonlySet<string> {
  const taken = builtIn.flatMap(([name]) => {
    const [group, field] = name.split('.');
    return group !== undefined && bearers.includes(group) && field !== undefined ? [field] : [];
  });
  return new Set([...taken, ...reservedWords]);
}

/** The words that CEL keeps for itself (its specification, "Syntax", RESERVED and literals). */
export const reservedWords: readonly string[] = [
  'true',
  'false',
  'null',
  'in',
  'as',
  'break',
  'const',
  'continue',
  'else',
  'for',
  'function',
  'if',
  'import',
  'let',
  'loop',
  'package',
  'namespace',
  'return',
  'var',
  'void',
  'while',
];
