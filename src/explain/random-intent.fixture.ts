import { pick, type RandomNumber } from '../base/seeded.fixture.ts';
import { parseIntent } from '../model/parse.ts';
import type { Intent } from '../model/types.ts';
import { canonicalCaller } from '../policy/canonical-principal.ts';
import type { PolicyRequest } from '../policy/decide.ts';
import { noToken, type RequestFacts, type TokenStanding, unknown } from '../policy/facts.ts';
import { overridingHeaders } from '../policy/other-readings.ts';

/** Intents by chance, of all that the language has, and requests with all that conditions look at. */
export type IntentFiles = ReadonlyMap<string, string>;

export interface WrittenRule {
  readonly id: string;
  readonly effect: 'allow' | 'deny';
  readonly fields: Readonly<Record<string, unknown>>;
}

type CalleeProtocol = 'http' | 'grpc' | 'tcp';

/** What is written of the one service whose rules are looked at. */
export interface WrittenIntent {
  readonly protocol: CalleeProtocol;
  readonly team: string;
  readonly roles: Readonly<Record<string, readonly string[]>>;
  readonly rules: readonly WrittenRule[];
}

export interface Sent {
  /** A service, or a SPIFFE ID. */
  readonly from: string;
  /** Undefined: a connection. */
  readonly request: { readonly method: string; readonly path: string } | undefined;
  readonly facts: RequestFacts;
}

export const callee = 'p';
export const trustDomain = 'acme.test';

/** A service of this mesh is named, an identity of another one is written out. */
export function spiffeIdOf(from: string): string {
  return from.startsWith('spiffe://') ? from : `spiffe://${trustDomain}/${from}`;
}

const partner = 'spiffe://partner.test';
const callers = ['a', 'b', 'c', 'd'];
const teams: Readonly<Record<string, string>> = { a: 'money', b: 'goods' };
const roleNames = ['red', 'blue', 'idle'];
const guests = [`${partner}/desk`, `${partner}/ns/bot`, `${partner}/**`];
const people = ['person:alice', 'person:login/alice', 'person:door/bob'];
export const identities = [...callers, `${partner}/desk`, `${partner}/ns/bot`, `${partner}/other`];

const conditions = [
  'request.headers["x-a"] == "1"',
  '!("x-a" in request.headers)',
  '"x-a" in request.headers || "x-b" in request.headers',
  'has(token) && "read" in token.scopes',
  '!has(token)',
  'source.team == "money"',
  'has(source.team) && source.team == destination.team',
  'request.host == "p"',
  'request.query["q"] == "1"',
  'time > timestamp("2026-01-01T00:00:00Z")',
  'source.address == "10.0.0.1"',
  'request.method == "GET"',
  'request.path.startsWith("/x")',
  '"red" in source.roles',
  'request.query["q"] == "1" ? destination.team == "money" : request.host == "p"',
  'request.header_values["x-a"].exists(v, v == "1" && destination.team == "goods")',
];
const tokenMatches = [
  { issuer: 'login' },
  { scopes: ['read'] },
  { audience: 'special' },
  { claims: { level: ['1', '2'] } },
];

export function randomWritten(
  random: RandomNumber,
  { rulesMax = 8, plainShare = 0.3 } = {},
): WrittenIntent {
  const kind = random();
  const protocol = kind < 0.75 ? 'http' : kind < 0.9 ? 'grpc' : 'tcp';
  const isPlain = random() < plainShare;
  const everybody = isPlain ? callers : [...callers, ...guests.slice(0, 2), ...people];
  const members = (): readonly string[] =>
    [pick(random, everybody), ...everybody.filter(() => random() < 0.25)].filter(isFirst);
  return {
    protocol,
    team: pick(random, ['money', 'goods']),
    roles: Object.fromEntries(roleNames.map((name) => [name, members()])),
    rules: Array.from({ length: 1 + Math.floor(random() * rulesMax) }, (_, at) =>
      randomRule(random, protocol, { id: `r${at}`, isPlain }),
    ),
  };
}

/** The same but for a rule or two, a member of a role, or what a service says of itself. */
export function changedWritten(random: RandomNumber, before: WrittenIntent): WrittenIntent {
  const other = randomWritten(random, { plainShare: 0.2 });
  if (random() < 0.15) return { ...other, protocol: before.protocol, rules: before.rules };
  return {
    ...before,
    team: random() < 0.1 ? other.team : before.team,
    roles: random() < 0.2 ? other.roles : before.roles,
    rules: before.rules.flatMap((rule) => {
      const kind = random();
      if (kind < 0.7) return [rule];
      if (kind < 0.8) return [];
      const { fields } = randomRule(random, before.protocol, { id: rule.id, isPlain: false });
      return [
        kind < 0.9
          ? { ...rule, fields: { ...rule.fields, from: fields['from'] } }
          : { ...rule, fields },
      ];
    }),
  };
}

function randomRule(
  random: RandomNumber,
  protocol: CalleeProtocol,
  { id, isPlain }: { readonly id: string; readonly isPlain: boolean },
): WrittenRule {
  const effect = random() < 0.7 ? 'allow' : 'deny';
  const roles = roleNames.map((name) => `role:${name}`);
  const own = ['*', ...callers, ...callers, ...roles];
  const from = some(random, 2, () => pick(random, isPlain ? own : [...own, ...guests, ...people]));
  const to = { request: some(random, 2, () => randomOperation(random, protocol)) };
  const mode = !isPlain && random() < 0.1 ? { mode: 'audit' } : {};
  if (protocol === 'tcp') return { id, effect, fields: { from, ...mode } };
  const has = (share: number): boolean => !isPlain && random() < share;
  return {
    id,
    effect,
    fields: {
      from,
      to: {
        ...to,
        ...(has(0.15)
          ? { headers: { [pick(random, ['x-a', 'x-b'])]: pick(random, ['1', '*']) } }
          : {}),
        ...(has(0.08) ? { host: [pick(random, ['p', 'other'])] } : {}),
      },
      ...(has(0.1) ? { token: pick(random, tokenMatches) } : {}),
      ...(has(0.15) ? { when: pick(random, conditions) } : {}),
      ...mode,
    },
  };
}

const words = ['x', 'y', 'z'];

function randomOperation(random: RandomNumber, protocol: CalleeProtocol): string {
  if (protocol === 'grpc') {
    return `${pick(random, ['k.X', 'Y', '*'])}/${pick(random, ['Get', 'Put', '*'])}`;
  }
  const segments = Array.from({ length: Math.floor(random() * 3) }, () =>
    pick(random, [...words, '*']),
  );
  if (random() < 0.5) segments.push('**');
  else if (segments.length > 0 && random() < 0.1) segments.push('');
  return `${pick(random, ['GET', 'POST', '*'])} /${segments.join('/')}`;
}

const keys = JSON.stringify({
  keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
});

export function filesOf({ protocol, team, roles, rules }: WrittenIntent): IntentFiles {
  const written = (effect: WrittenRule['effect']) => {
    const found = rules
      .filter((rule) => rule.effect === effect)
      .map(({ id, fields }) => ({ id, ...fields }));
    return found.length === 0 ? {} : { [effect]: found };
  };
  const issuer = (name: string) => ({
    ...{ issuer: `https://${name}.test`, audience: 'shop', person: 'email', jwks: keys },
  });
  const mesh = {
    ...{ mesh: 'acme', trust_domain: trustDomain, roles, attributes: { team: 'string' } },
    issuers: { login: issuer('login'), door: issuer('door') },
    peers: {
      'partner.test': { endpoint: 'https://bundle.partner.test/', profile: 'https_web' },
    },
  };
  const service = (name: string, port: number, more: object) =>
    [
      `services/${name}.yaml`,
      JSON.stringify({ service: name, owner: 'us', protocol: 'http', port, ...more }),
    ] as const;
  return new Map([
    ['mesh.yaml', JSON.stringify(mesh)],
    ...callers.map((name, at) =>
      service(
        name,
        7_001 + at,
        teams[name] === undefined ? {} : { attributes: { team: teams[name] } },
      ),
    ),
    service(callee, 7_000, {
      ...{ protocol, attributes: { team }, ...written('allow'), ...written('deny') },
    }),
  ]);
}

export function intentOf(written: WrittenIntent, files = filesOf(written)): Intent {
  const { intent, findings } = parseIntent(files);
  if (intent === undefined) throw new Error(JSON.stringify([findings, written]));
  return intent;
}

const token = (issuerName: string, person: string, more: object = {}): TokenStanding => ({
  kind: 'valid',
  token: {
    ...{ issuerName, issuer: `https://${issuerName}.test`, subject: 'u', person },
    ...{ audiences: ['shop'], scopes: [], claims: {}, expiresMs: 1_800_000_000_000, ...more },
  },
});

/** Values that the conditions above tell apart. */
export const worlds = {
  host: ['p', 'other'],
  scheme: ['http'],
  query: ['', 'q=1'],
  headers: [
    [],
    [['x-a', '1']],
    [['x-a', '2']],
    [['x-b', '1']],
    [
      ['x-a', '1'],
      ['x-b', '1'],
    ],
    [
      ['x-a', '1'],
      ['x-a', '2'],
    ],
  ],
  token: [
    noToken,
    { kind: 'invalid', code: 'CH2107', reason: 'it is over' },
    token('login', 'alice', { scopes: ['read'], claims: { level: 2 } }),
    token('door', 'alice'),
    token('door', 'bob', { scopes: ['read'] }),
    token('login', 'alice', { audiences: ['special'], onlyForRules: true, scopes: ['read'] }),
    token('login', 'alice', { audiences: ['shop', 'special'] }),
    token('door', 'bob', { audiences: ['shop', 'special'], claims: { level: '1' } }),
  ],
  timeMs: [Date.UTC(2025, 6), Date.UTC(2026, 6)],
  address: ['10.0.0.1', '10.0.0.2'],
  id: ['r-1'],
} as const satisfies { readonly [Name in keyof RequestFacts]?: readonly RequestFacts[Name][] };

export function randomFacts(random: RandomNumber): RequestFacts {
  return {
    host: pick(random, worlds.host),
    scheme: pick(random, worlds.scheme),
    query: pick(random, worlds.query),
    headers: pick<RequestFacts['headers']>(random, worlds.headers),
    token: pick<RequestFacts['token']>(random, worlds.token),
    timeMs: pick(random, worlds.timeMs),
    address: pick(random, worlds.address),
    id: pick(random, worlds.id),
  };
}

export function randomSent(random: RandomNumber, protocol: CalleeProtocol): Sent {
  const from = pick(random, random() < 0.6 ? callers : identities);
  const facts = randomFacts(random);
  const request = randomRequest(random, protocol);
  return { from, request, facts: request === undefined ? { ...facts, token: noToken } : facts };
}

/** As the engine is asked about it. */
export function requestOf({ from, request, facts }: Sent): Required<PolicyRequest> {
  const caller = canonicalCaller(spiffeIdOf(from));
  if (!caller.ok) throw new Error(`${from} is no caller`);
  const action =
    request === undefined ? { kind: 'connect' as const } : { kind: 'http' as const, ...request };
  return { caller: caller.value, callee, action, facts };
}

function randomRequest(random: RandomNumber, protocol: CalleeProtocol): Sent['request'] {
  if (protocol === 'tcp') return undefined;
  if (protocol === 'grpc') {
    const path = `/${pick(random, ['k.X', 'Y', 'Z'])}/${pick(random, ['Get', 'Put', 'Other'])}`;
    return { method: 'POST', path };
  }
  const segments = Array.from({ length: Math.floor(random() * 4) }, () =>
    pick(random, [...words, '17']),
  );
  const slash = segments.length > 0 && random() < 0.1 ? '/' : '';
  return { method: pick(random, ['GET', 'POST', 'PUT']), path: `/${segments.join('/')}${slash}` };
}

/** What a question may leave out. */
export const forgettable = ['host', 'query', 'headers', 'token', 'timeMs', 'address'] as const;

/** As an application could read it otherwise: by a header, or by letters that fold into others. */
export function readOtherwise(random: RandomNumber, sent: Sent): Sent {
  const { request, facts } = sent;
  if (request === undefined || facts.headers === unknown || random() < 0.8) return sent;
  if (random() < 0.5) {
    const path = request.path.replace('x', '%EF%BD%98');
    return { ...sent, request: { ...request, path } };
  }
  const headers = [...facts.headers, ['x-http-method-override', 'POST'] as const];
  return { ...sent, facts: { ...facts, headers } };
}

/** Some of it is not known; of headers some may be. */
export function forgotten(random: RandomNumber, facts: RequestFacts): RequestFacts {
  const share = random();
  const found: Record<string, unknown> = { ...facts };
  for (const name of forgettable) if (random() < share) found[name] = unknown;
  if (asksForAnother(facts)) found['headers'] = facts.headers;
  const more = facts.headers === found['headers'] && random() < share ? { moreHeaders: true } : {};
  return { ...found, ...more } as unknown as RequestFacts;
}

/** What such a header asks for is decided only when it is known that there is one. */
export function asksForAnother({ headers }: RequestFacts): boolean {
  return headers !== unknown && headers.some(([name]) => overridingHeaders.has(name));
}

function some<T>(random: RandomNumber, max: number, make: () => T): T[] {
  return Array.from({ length: 1 + Math.floor(random() * max) }, make).filter(isFirst);
}

function isFirst<T>(item: T, at: number, all: readonly T[]): boolean {
  return all.indexOf(item) === at;
}

/** `CHANCERY_PAIRS=1000000` for a night; `CHANCERY_SEED` replays what a failure names. */
export function seedsFor(pairs: number, pairsBySeed: number): readonly number[] {
  const wanted = Number(process.env['CHANCERY_PAIRS'] ?? pairs);
  const first = Number(process.env['CHANCERY_SEED'] ?? 1);
  return Array.from({ length: Math.ceil(wanted / pairsBySeed) }, (_, at) => first + at);
}
