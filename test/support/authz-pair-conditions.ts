/** Tokens and conditions by chance, beside what they mean. */
import { systemClock } from '../../src/base/clock.ts';
import { jwkOf, signed } from '../../src/tokens/token.fixture.ts';

export interface PairToken {
  readonly person: string | undefined;
  readonly audience: string;
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface PairTokenMatch {
  readonly issuer?: string;
  readonly audience?: string;
  readonly scopes?: readonly string[];
  readonly claims?: Readonly<Record<string, string | readonly string[]>>;
}

/** Lines of a request, whether they have one reading, and the token that counts. */
export type Credentials = readonly [
  lines: readonly (readonly [name: string, value: string])[],
  isOneReading: boolean,
  token: PairToken | undefined,
];

const audience = 'shop';
const issuer = 'https://login.test';

export function pairIssuers(): object {
  const jwks = JSON.stringify({ keys: [jwkOf('ES256')] });
  return { login: { issuer, audience: [audience, 'other'], person: 'email', jwks } };
}

export const pairTokenMatches: readonly PairTokenMatch[] = [
  { issuer: 'login' },
  { scopes: ['read'] },
  { scopes: ['read', 'write'] },
  { audience },
  { claims: { department: ['finance', 'hr'] } },
  { claims: { department: 'hr', level: '3' } },
];

export function hasToken(token: PairToken | undefined, match: PairTokenMatch): boolean {
  if (token === undefined) return false;
  return (
    (match.audience === undefined || token.audience === match.audience) &&
    (match.scopes ?? []).every((scope) => token.scopes.includes(scope)) &&
    Object.entries(match.claims ?? {}).every(([name, values]) =>
      [values].flat().includes(String(token.claims[name])),
    )
  );
}

let credentials: readonly Credentials[] | undefined;

/** Most requests have none. */
export function pairCredentials(): readonly Credentials[] {
  credentials ??= newCredentials();
  return credentials;
}

function newCredentials(): readonly Credentials[] {
  const seconds = Math.floor(systemClock.nowMs() / 1_000);
  const claims = { iss: issuer, sub: 'u-1', aud: audience, iat: seconds - 5, exp: seconds + 7_200 };
  const bearer = (more: object, pair: 'ES256' | 'EdDSA' = 'ES256'): string =>
    `Bearer ${signed({ alg: 'ES256', kid: 'ES256', typ: 'JWT' }, { ...claims, ...more }, pair)}`;
  const valid = (more: Omit<PairToken, 'audience'>, aud = audience): Credentials => {
    const { person, scopes, claims: own } = more;
    const text = bearer({
      ...{ aud, scope: scopes.join(' ') },
      ...own,
      ...(person === undefined ? {} : { email: person }),
    });
    return [[['Authorization', text]], true, { ...more, audience: aud }];
  };
  const good = bearer({ email: 'alice@acme.test', scope: 'read write' });
  const person = 'alice@acme.test';
  return [
    ...Array.from({ length: 8 }, (): Credentials => [[], true, undefined]),
    valid({ person, scopes: ['read', 'write'], claims: { department: 'finance' } }),
    valid({ person, scopes: [], claims: {} }),
    valid({ person: 'bob@acme.test', scopes: ['read'], claims: { department: 'hr', level: 3 } }),
    valid({ person: undefined, scopes: ['read', 'write'], claims: {} }, 'other'),
    [[['authorization', bearer({ exp: seconds - 3_600, iat: seconds - 7_200 })]], true, undefined],
    [[['authorization', bearer({ aud: 'elsewhere', email: person })]], true, undefined],
    [[['authorization', bearer({ email: person }, 'EdDSA')]], true, undefined],
    [[['authorization', `${good}x`]], true, undefined],
    [[['authorization', 'Basic YTpi']], true, undefined],
    [
      [
        ['authorization', good],
        ['authorization', good],
      ],
      false,
      undefined,
    ],
    [[['Authorization', 'Basic YTpi, Basic YzpkCg']], false, undefined],
  ];
}

/** What a condition may look at. */
export interface ConditionInput {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly service: string;
  readonly domain: string;
  readonly team: string | undefined;
  readonly token: PairToken | undefined;
}

function tenants({ headers }: ConditionInput): readonly string[] {
  return headers.flatMap(([name, value]) => (name.toLowerCase() === 'x-tenant' ? [value] : []));
}

/** By its text in CEL: what it comes to. */
export const pairConditions: ReadonlyMap<string, (input: ConditionInput) => boolean | 'error'> =
  new Map<string, (input: ConditionInput) => boolean | 'error'>([
    ['source.team == "money"', ({ team }) => (team === undefined ? 'error' : team === 'money')],
    [
      'source.team == destination.team',
      ({ team }) => (team === undefined ? 'error' : team === 'money'),
    ],
    ['has(source.team) && source.team != "goods"', ({ team }) => team === 'money'],
    ['request.method == "GET"', ({ method }) => method === 'GET'],
    ['request.path.startsWith("/x")', ({ path }) => path.startsWith('/x')],
    ['request.host == "payments"', ({ host }) => host === 'payments'],
    ['source.service == "web"', ({ service }) => service === 'web'],
    ['source.trust_domain == "partner.test"', ({ domain }) => domain === 'partner.test'],
    [
      'request.headers["x-tenant"] == "acme"',
      (input) => (tenants(input).length === 1 ? tenants(input)[0] === 'acme' : 'error'),
    ],
    [
      'request.header_values["x-tenant"].exists(v, v == "acme")',
      (input) => (tenants(input).length === 0 ? 'error' : tenants(input).includes('acme')),
    ],
    [
      'has(token) && "read" in token.scopes',
      ({ token }) => token?.scopes.includes('read') ?? false,
    ],
  ]);
