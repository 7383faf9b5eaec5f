/** Policies and requests by chance; a request comes with what it means, known from how it was made. */
import { pick, type RandomNumber } from '../../src/base/seeded.fixture.ts';
import {
  type Credentials,
  type PairToken,
  type PairTokenMatch,
  pairConditions,
  pairCredentials,
  pairIssuers,
  pairTokenMatches,
} from './authz-pair-conditions.ts';

export interface PairRule {
  readonly id: string;
  readonly effect: 'allow' | 'deny';
  readonly from: readonly string[];
  /** `METHOD PATH`. */
  readonly request: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly host?: readonly string[];
  readonly mode?: 'audit';
  readonly token?: PairTokenMatch;
  /** In CEL; one of those whose meaning is known here. */
  readonly when?: string;
}

export interface PairPolicy {
  readonly rules: readonly PairRule[];
  readonly roles: Readonly<Record<string, readonly string[]>>;
  readonly decide: 'proxy' | 'desk';
}

/** A request as it is sent, and what it means; a meaning of undefined is to be refused. */
export interface PairRequest {
  /** The URI names in the certificate. */
  readonly callers: readonly string[];
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly meaning:
    | {
        readonly path: string;
        readonly host: string;
        readonly caller: string;
        readonly token: PairToken | undefined;
        /** What headers ask for in place of the request line, as some frameworks have it. */
        readonly overrides: { readonly method?: string; readonly path?: string };
        /** What else some applications take the path for. */
        readonly others: readonly string[];
      }
    | undefined;
}

/** What is decided, and the rule that is named; undefined: no rule decides. */
export interface PairVerdict {
  readonly kind: 'allow' | 'deny';
  readonly rule: string | undefined;
}

export const callee = 'payments';
export const ownDomain = 'acme.test';
export const peerDomain = 'partner.test';
export const members = ['cart', 'web', 'reports'];
export const teams: Readonly<Record<string, string>> = { cart: 'money', web: 'goods' };
const alice = 'alice@acme.test';
const roleNames = ['support', 'buyers'];
const words = ['x', 'y', 'xy', 'a.b'];
const methods = ['GET', 'POST', 'PUT'];
const tenants = ['acme', 'other', 'a b', ''];
const wantedValues = ['acme', 'other', 'a b', '*', 'one,two'];
const headerNames = ['x-tenant', 'x-debug'];

export function callerNames(): readonly (readonly string[])[] {
  const own = [...members, 'ghost'].map((name) => [`spiffe://${ownDomain}/${name}`]);
  const guests = ['billing', 'ns/desk', 'other'].map((name) => [`spiffe://${peerDomain}/${name}`]);
  return [
    ...own,
    ...guests,
    [`spiffe://${ownDomain}/cart`, `spiffe://${ownDomain}/web`],
    [`spiffe://${peerDomain}/billing`, `spiffe://${ownDomain}/cart`],
  ];
}

export function randomPairPolicy(random: RandomNumber, prefix: string): PairPolicy {
  const roleMembers = [...members, `spiffe://${peerDomain}/ns/desk`, `person:${alice}`];
  const roles = Object.fromEntries(
    roleNames.map((name) => [
      name,
      [pick(random, roleMembers), ...roleMembers.filter(() => random() < 0.3)].filter(isFirst),
    ]),
  );
  const count = 1 + Math.floor(random() * 9);
  const rules = Array.from({ length: count }, (_, at) => randomRule(random, `${prefix}r${at}`));
  // Without it hardly anything is let in.
  const broad: PairRule = {
    ...{ id: `${prefix}broad`, effect: 'allow', request: ['* /**'] },
    from: pick(random, [['*'], members, [`spiffe://${peerDomain}/**`, 'cart', 'web']]),
  };
  return {
    rules: [...rules, ...(random() < 0.6 ? [broad] : []), guestsCome],
    roles,
    decide: random() < 0.05 ? 'desk' : 'proxy',
  };
}

/** Lets nobody in. With it the listener is the same under every policy: one that believes certificates of the peer. */
const guestsCome: PairRule = {
  ...{ id: 'guests-come', effect: 'allow', mode: 'audit' },
  ...{ from: [`spiffe://${peerDomain}/**`], request: ['GET /never'] },
};

function randomRule(random: RandomNumber, id: string): PairRule {
  const hasHeaders = random() < 0.2;
  const headers = headerNames.filter(() => random() < 0.6);
  const effect = random() < 0.65 ? 'allow' : 'deny';
  const restShare = effect === 'allow' ? 0.6 : 0.2;
  return {
    ...{ id, effect },
    from: some(random, 2, () => randomPrincipal(random)),
    request: some(
      random,
      2,
      () => `${pick(random, [...methods, '*'])} ${randomPattern(random, restShare)}`,
    ),
    ...(hasHeaders && headers.length > 0
      ? {
          headers: Object.fromEntries(headers.map((name) => [name, pick(random, wantedValues)])),
        }
      : {}),
    ...(random() < 0.12 ? { host: some(random, 2, () => pick(random, [callee, 'other'])) } : {}),
    ...(random() < 0.12 ? { mode: 'audit' as const } : {}),
    ...(random() < 0.12 ? { token: pick(random, pairTokenMatches) } : {}),
    ...(random() < 0.15 ? { when: pick(random, [...pairConditions.keys()]) } : {}),
  };
}

function randomPrincipal(random: RandomNumber): string {
  return pick(random, [
    ...['*', ...members, ...members, ...roleNames.map((name) => `role:${name}`)],
    ...[`spiffe://${peerDomain}/billing`, `spiffe://${peerDomain}/**`, `person:${alice}`],
    `person:login/${alice}`,
  ]);
}

function randomPattern(random: RandomNumber, restShare: number): string {
  const depth = Math.floor(random() * 3.3);
  const segments = Array.from({ length: depth }, () => pick(random, [...words, '*']));
  if (random() < restShare) segments.push('**');
  else if (depth > 0 && random() < 0.1) segments.push('');
  return `/${segments.join('/')}`;
}

function some<T>(random: RandomNumber, max: number, make: () => T): T[] {
  return Array.from({ length: 1 + Math.floor(random() * max) }, make).filter(isFirst);
}

function isFirst<T>(item: T, at: number, all: readonly T[]): boolean {
  return all.indexOf(item) === at;
}

export function randomPairRequest(random: RandomNumber): PairRequest {
  const callers = pick(
    random,
    random() < 0.6 ? callerNames().slice(0, members.length) : callerNames(),
  );
  const depth = Math.floor(random() * 4);
  const segments = Array.from({ length: depth }, () => pick(random, words));
  const path = `/${segments.join('/')}${depth > 0 && random() < 0.2 ? '/' : ''}`;
  const { target, read } = spelled(random, path);
  const [own, ...others] = read;
  const [host, hostMeaning] = pick(random, hosts);
  const method = random() < 0.04 ? 'get' : pick(random, [...methods, 'PURGE']);
  const [plainHeaders, isOneReading, token] = randomHeaders(random);
  const [overriding, byHeader] = randomOverrides(random);
  const headers = [...plainHeaders, ...overriding];
  const [query, byQuery] = method === 'POST' ? randomQueryMethod(random) : ['', {}];
  const overrides = { ...byHeader, ...byQuery };
  const [caller] = callers;
  const hasMeaning =
    hostMeaning !== undefined && method !== 'get' && isOneReading && callers.length === 1;
  return {
    ...{ callers, method, host, headers, target: withQuery(target, query) },
    meaning:
      hasMeaning && caller !== undefined && own !== undefined
        ? { path: own, host: hostMeaning, caller, token, overrides, others }
        : undefined,
  };
}

/** As it is written, and what host is meant. */
const hosts: readonly (readonly [string, string | undefined])[] = [
  ...Array.from({ length: 14 }, () => [callee, callee] as const),
  ['Payments', callee],
  ['payments:8080', callee],
  ['payments.', callee],
  ['other', 'other'],
  ['other', 'other'],
  ['a..b', undefined],
];

/** What follows the question mark, also where it looks like more of the path. */
const queries = ['', 'a=/x/y', '/x', '/x/y/', 'y', '?x', '/../x', 'b;c', '%2f'];

interface Spelled {
  readonly target: string;
  /** What it means, and what some applications take it for; nothing for what has no reading. */
  readonly read: readonly string[];
}

/** The same path in another spelling, or one with several readings or none. */
function spelled(random: RandomNumber, path: string): Spelled {
  const kind = Math.floor(random() * 80);
  if (kind < 7) return { target: otherwise(random, path, kind), read: [path] };
  const slash = path.indexOf('/', 1);
  const cut = slash === -1 ? path.length : slash;
  const [first, rest] = [path.slice(0, cut), path.slice(cut)];
  const inserted = (text: string, ...read: readonly string[]): Spelled => ({
    // Behind nothing an inserted text reads otherwise.
    target: first === '/' && read.length > 0 ? path : `${first}${text}${rest}`,
    read: first === '/' && read.length > 0 ? [path] : read,
  });
  switch (kind) {
    case 7:
      return inserted('%2fx', `${first}%2Fx${rest}`, `${first}/x${rest}`);
    case 8:
      return inserted(pick(random, ['%252fx', '%2561']));
    case 9:
      return inserted(';v=1', `${first};v=1${rest}`, path, first);
    case 10:
      return inserted('%3bv', `${first};v${rest}`, path, first);
    case 11:
      return inserted('%2f..%2fx');
    case 12:
      return inserted(pick(random, ['%00', '%5cx', '%zz', '/..%3bv']));
    default:
      return { target: path, read: [path] };
  }
}

function otherwise(random: RandomNumber, path: string, kind: number): string {
  switch (kind) {
    case 0:
      return `/${path}`;
    case 1:
      return `/.${path}`;
    case 2:
      return `/zz/..${path}`;
    case 3:
      return path.replace('x', '%78');
    case 4:
      return `/zz/%2e%2e${path}`;
    default:
      return `${path}?${pick(random, queries)}`;
  }
}

function randomHeaders(random: RandomNumber): Credentials {
  const lines: [string, string][] = [];
  for (const name of headerNames) {
    for (let count = Math.floor(random() * 2.6); count > 0; count -= 1) {
      const value = pick(random, [...tenants, ...tenants, 'acme, other', 'other,acme', 'one,two']);
      lines.push([random() < 0.2 ? name.toUpperCase() : name, value]);
    }
  }
  const [credentials, isOneReading, token] = pick(random, pairCredentials());
  return [[...lines, ...credentials], isOneReading, token];
}

type Overrides = NonNullable<PairRequest['meaning']>['overrides'];

function randomOverrides(random: RandomNumber): readonly [PairRequest['headers'], Overrides] {
  const kind = Math.floor(random() * 25);
  if (kind === 0) return [[['X-HTTP-Method-Override', 'put']], { method: 'PUT' }];
  if (kind === 1) return [[['x-original-url', '/x/zz/../y?q']], { path: '/x/y' }];
  return [[], {}];
}

/** A method that some frameworks take a POST for. */
function randomQueryMethod(random: RandomNumber): readonly [query: string, overrides: Overrides] {
  const kind = Math.floor(random() * 25);
  if (kind === 0) return ['_method=PUT', { method: 'PUT' }];
  if (kind === 1) return ['a=b&%5Fm%65thod=put', { method: 'PUT' }];
  return kind === 2 ? ['_methods=PUT&_method=cash', {}] : ['', {}];
}

function withQuery(target: string, query: string): string {
  return query === '' ? target : `${target}${target.includes('?') ? '&' : '?'}${query}`;
}

/** The intent that says this. */
export function pairFiles({ rules, roles, decide }: PairPolicy): ReadonlyMap<string, string> {
  const written = (effect: PairRule['effect']) => {
    const found = rules
      .filter((rule) => rule.effect === effect)
      .map(({ id, from, request, headers, host, mode, token, when }) => ({
        ...{ id, from, to: { request, ...(headers && { headers }), ...(host && { host }) } },
        ...{ ...(mode && { mode }), ...(token && { token }), ...(when && { when }) },
      }));
    return found.length === 0 ? {} : { [effect]: found };
  };
  const service = (name: string, port: number, more: object) =>
    [
      `services/${name}.yaml`,
      JSON.stringify({ service: name, owner: 'us', protocol: 'http', port, ...more }),
    ] as const;
  const endpoint = `https://bundle.${peerDomain}/`;
  const mesh = {
    ...{ mesh: 'acme', trust_domain: ownDomain, roles },
    ...{ attributes: { team: 'string' }, issuers: pairIssuers() },
    peers: { [peerDomain]: { endpoint, profile: 'https_web' } },
  };
  return new Map([
    ['mesh.yaml', JSON.stringify(mesh)],
    ...members.map((name, at) => {
      const team = teams[name];
      return service(name, 7_001 + at, team === undefined ? {} : { attributes: { team } });
    }),
    service(callee, 7_000, {
      decide,
      attributes: { team: 'money' },
      ...written('allow'),
      ...written('deny'),
    }),
  ]);
}
