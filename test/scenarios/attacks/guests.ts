import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Certificate } from '../../support/peer.ts';
import { type Made, make } from '../../support/pki.ts';
import { idle, victim } from './world.ts';

const appPort = 15_961;
const [hourMs, dayMs] = [3_600_000, 86_400_000];

/** The trust domains of partners, each with its own root; none of them has an endpoint that answers. */
export interface Partners {
  readonly partner: Made;
  readonly third: Made;
  /** Its root has run out; what it signed has not. */
  readonly old: Made;
  /** Its root says in its own certificate that it is ours. */
  readonly sly: Made;
}

export function partners(): Partners {
  const now = Date.now();
  const root = (uri: string, startMs = now - dayMs, endMs = now + dayMs): Made =>
    make({ name: 'root', ca: true, uris: [uri], notBeforeMs: startMs, notAfterMs: endMs });
  return {
    partner: root('spiffe://partner.test'),
    third: root('spiffe://third.test'),
    old: root('spiffe://old.test', now - 3 * dayMs, now - hourMs),
    sly: root('spiffe://siege.test'),
  };
}

const login = generateKeyPairSync('ed25519');
/** What the partner signs its own tokens with. */
const foreign = generateKeyPairSync('ed25519');

const jwkOf = (key: KeyObject): object => createPublicKey(key).export({ format: 'jwk' });

function bundleOf({ der, key }: Made): string {
  const x5c = [Buffer.from(der).toString('base64')];
  const x509 = { use: 'x509-svid', x5c, ...jwkOf(key) };
  const jwt = { use: 'jwt-svid', kid: 'k', ...jwkOf(foreign.privateKey) };
  return JSON.stringify({ spiffe_sequence: 1, keys: [x509, jwt] });
}

export function guestFiles({ partner, third, old, sly }: Partners): Record<string, string> {
  const peer = (name: string, root: Made): object => ({
    [name]: {
      ...{ endpoint: `https://127.0.0.1:9/${name}`, profile: 'https_web', bundle: bundleOf(root) },
    },
  });
  const mesh = {
    ...{ mesh: 'siege', trust_domain: 'siege.test' },
    roles: { support: ['web', 'spiffe://partner.test/lead'] },
    issuers: {
      login: {
        ...{ issuer: 'https://login.test', audience: 'siege', person: 'sub' },
        jwks: JSON.stringify({ keys: [{ kid: 'k', ...jwkOf(login.privateKey) }] }),
      },
    },
    peers: {
      ...peer('partner.test', partner),
      ...peer('third.test', third),
      ...peer('old.test', old),
      ...peer('sly.test', sly),
    },
  };
  return {
    'mesh.yaml': JSON.stringify(mesh),
    'services/vault.yaml': `
service: vault
owner: test
protocol: http
port: ${appPort}
health: GET /healthz
run: node victim.js
allow:
  - { id: web, from: [web, wide], to: "GET /web" }
  - { id: everybody, from: "*", to: "GET /open/**" }
  - { id: desk, from: spiffe://partner.test/desk, to: "GET /guest" }
  - { id: bot, from: spiffe://partner.test/ns/bot, to: "GET /bot" }
  - { id: support, from: role:support, to: "GET /support" }
  - { id: third, from: spiffe://third.test/**, to: "GET /third" }
  - { id: old, from: spiffe://old.test/**, to: "GET /third" }
  - { id: sly, from: spiffe://sly.test/**, to: "GET /third" }
  - { id: ann, from: person:login/ann, to: "GET /person" }
  - { id: roles, from: spiffe://partner.test/desk, to: "GET /role", when: '"support" in source.roles' }
  - { id: own, from: spiffe://partner.test/desk, to: "GET /own", when: source.trust_domain == "siege.test" }
deny:
  - { id: bad, from: spiffe://third.test/bad, to: "* /**" }
`,
    'services/web.yaml': idle('web', 15_962),
    'services/wide.yaml': idle('wide', 15_963),
    'services/stranger.yaml': idle('stranger', 15_964),
    'victim.js': victim,
  };
}

type Sign = (uris: readonly string[], issuer?: Made) => Certificate;

/** Who comes, what for, and what becomes of it. Where the first of two is a name, it is of the issuer's partner. */
export const guestAttacks: readonly (readonly [
  name: string,
  who: (sign: Sign, all: Partners) => Certificate,
  path: string,
  verdict: string,
])[] = [
  [
    'a guest whom a rule names',
    (s, p) => s(['spiffe://partner.test/desk'], p.partner),
    '/guest',
    'GET /guest',
  ],
  [
    'a guest in a role',
    (s, p) => s(['spiffe://partner.test/lead'], p.partner),
    '/support',
    'GET /support',
  ],
  [
    'a guest where everybody may',
    (s, p) => s(['spiffe://partner.test/desk'], p.partner),
    '/open/x',
    '403 CH2101',
  ],
  [
    'a guest with more segments',
    (s, p) => s(['spiffe://partner.test/ns/bot'], p.partner),
    '/bot',
    'GET /bot',
  ],
  [
    'one that no rule names',
    (s, p) => s(['spiffe://partner.test/other'], p.partner),
    '/guest',
    '403 CH2105',
  ],
  [
    'one with the name of a service of ours',
    (s, p) => s(['spiffe://partner.test/web'], p.partner),
    '/web',
    '403 CH2105',
  ],
  [
    'a segment more',
    (s, p) => s(['spiffe://partner.test/desk/x'], p.partner),
    '/guest',
    '403 CH2105',
  ],
  ['a segment less', (s, p) => s(['spiffe://partner.test/ns'], p.partner), '/bot', '403 CH2105'],
  ['another case', (s, p) => s(['spiffe://partner.test/DESK'], p.partner), '/guest', '403 CH2105'],
  [
    'a final slash',
    (s, p) => s(['spiffe://partner.test/desk/'], p.partner),
    '/guest',
    '403 CH2120',
  ],
  [
    'a slash before',
    (s, p) => s(['spiffe://partner.test//desk'], p.partner),
    '/guest',
    '403 CH2120',
  ],
  [
    'an empty segment',
    (s, p) => s(['spiffe://partner.test/ns//bot'], p.partner),
    '/bot',
    '403 CH2120',
  ],
  ['a dot', (s, p) => s(['spiffe://partner.test/ns/./bot'], p.partner), '/bot', '403 CH2120'],
  ['two dots', (s, p) => s(['spiffe://partner.test/x/../desk'], p.partner), '/guest', '403 CH2120'],
  [
    'two dots out of the trust domain',
    (s, p) => s(['spiffe://partner.test/../siege.test/web'], p.partner),
    '/web',
    '403 CH2120',
  ],
  [
    'an escaped letter',
    (s, p) => s(['spiffe://partner.test/%64esk'], p.partner),
    '/guest',
    '403 CH2120',
  ],
  [
    'an escaped slash',
    (s, p) => s(['spiffe://partner.test/ns%2Fbot'], p.partner),
    '/bot',
    '403 CH2120',
  ],
  [
    'escaped dots',
    (s, p) => s(['spiffe://partner.test/x/%2e%2e/desk'], p.partner),
    '/guest',
    '403 CH2120',
  ],
  [
    'an escaped end',
    (s, p) => s(['spiffe://partner.test/desk%00'], p.partner),
    '/guest',
    '403 CH2120',
  ],
  [
    'an end in the middle',
    (s, p) => s(['spiffe://partner.test/desk\0/x'], p.partner),
    '/guest',
    '403 CH2120',
  ],
  [
    'a line break',
    (s, p) => s(['spiffe://partner.test/desk\n'], p.partner),
    '/guest',
    '403 CH2120',
  ],
  [
    'a space behind',
    (s, p) => s(['spiffe://partner.test/desk '], p.partner),
    '/guest',
    '403 CH2120',
  ],
  ['a query', (s, p) => s(['spiffe://partner.test/desk?x'], p.partner), '/guest', '403 CH2120'],
  ['a fragment', (s, p) => s(['spiffe://partner.test/desk#x'], p.partner), '/guest', '403 CH2120'],
  [
    'a comma and a service of ours',
    (s, p) => s(['spiffe://partner.test/desk,spiffe://siege.test/web'], p.partner),
    '/web',
    '403 CH2120',
  ],
  [
    'a semicolon, as XFCC has it',
    (s, p) => s(['spiffe://partner.test/desk;URI=spiffe://siege.test/web'], p.partner),
    '/web',
    '403 CH2120',
  ],
  [
    'a quote, as XFCC has it',
    (s, p) => s(['spiffe://partner.test/desk";URI="spiffe://siege.test/web'], p.partner),
    '/web',
    '403 CH2120',
  ],
  ['a port', (s, p) => s(['spiffe://partner.test:443/desk'], p.partner), '/guest', 'closed'],
  ['a user', (s, p) => s(['spiffe://siege.test@partner.test/desk'], p.partner), '/guest', 'closed'],
  [
    'capitals in the trust domain',
    (s, p) => s(['spiffe://Partner.test/desk'], p.partner),
    '/guest',
    'closed',
  ],
  [
    'a dot behind the trust domain',
    (s, p) => s(['spiffe://partner.test./desk'], p.partner),
    '/guest',
    'closed',
  ],
  [
    'a trust domain below',
    (s, p) => s(['spiffe://x.partner.test/desk'], p.partner),
    '/guest',
    'closed',
  ],
  ['a trust domain alone', (s, p) => s(['spiffe://partner.test'], p.partner), '/guest', 'closed'],
  [
    'the name that stands for all',
    (s, p) => s(['spiffe://third.test/**'], p.third),
    '/third',
    '403 CH2120',
  ],
  ['somebody of all', (s, p) => s(['spiffe://third.test/a/b/c'], p.third), '/third', 'GET /third'],
  [
    'one of all who is denied',
    (s, p) => s(['spiffe://third.test/bad'], p.third),
    '/third',
    '403 CH2102',
  ],
  [
    'who is denied, with a slash',
    (s, p) => s(['spiffe://third.test/bad/'], p.third),
    '/third',
    '403 CH2120',
  ],
  [
    'who is denied, by a detour',
    (s, p) => s(['spiffe://third.test/x/../bad'], p.third),
    '/third',
    '403 CH2120',
  ],
  [
    'who is denied, and another',
    (s, p) => s(['spiffe://third.test/a', 'spiffe://third.test/bad'], p.third),
    '/third',
    '403 CH2120',
  ],
  [
    'two names of the partner',
    (s, p) => s(['spiffe://partner.test/desk', 'spiffe://partner.test/lead'], p.partner),
    '/guest',
    '403 CH2120',
  ],
  [
    'a name of the partner, and one of ours',
    (s, p) => s(['spiffe://partner.test/desk', 'spiffe://siege.test/web'], p.partner),
    '/web',
    '403 CH2120',
  ],
  [
    'a name of ours by the partner',
    (s, p) => s(['spiffe://siege.test/web'], p.partner),
    '/web',
    'closed',
  ],
  [
    'a name of ours, and one of the partner',
    (s, p) => s(['spiffe://siege.test/web', 'spiffe://partner.test/desk'], p.partner),
    '/web',
    'closed',
  ],
  [
    'a name of another partner',
    (s, p) => s(['spiffe://third.test/a'], p.partner),
    '/third',
    'closed',
  ],
  [
    'a name of a partner by our own CA',
    (s) => s(['spiffe://partner.test/desk']),
    '/guest',
    'closed',
  ],
  [
    'a name of ours by who says that its root is ours',
    (s, p) => s(['spiffe://siege.test/web'], p.sly),
    '/web',
    'closed',
  ],
  [
    'who says that its root is ours, as itself',
    (s, p) => s(['spiffe://sly.test/a'], p.sly),
    '/third',
    'GET /third',
  ],
  [
    'a name of a partner whose root has run out',
    (s, p) => s(['spiffe://old.test/a'], p.old),
    '/third',
    'closed',
  ],
  [
    'a trust domain that nobody believes',
    (s) =>
      s(
        ['spiffe://nobody.test/desk'],
        make({ name: 'r', ca: true, notAfterMs: Date.now() + dayMs }),
      ),
    '/guest',
    'closed',
  ],
  [
    'a role that it has not',
    (s, p) => s(['spiffe://partner.test/desk'], p.partner),
    '/role',
    '403 CH2101',
  ],
  [
    'a trust domain that it has not',
    (s, p) => s(['spiffe://partner.test/desk'], p.partner),
    '/own',
    '403 CH2101',
  ],
];

const forged = 'URI=spiffe://siege.test/web';

/** What a guest says of itself in headers changes nothing. */
export const guestHeaders: readonly string[] = [
  `x-forwarded-client-cert: By=spiffe://siege.test/vault;Hash=00;${forged}`,
  `x-forwarded-client-cert: ${forged}\r\nx-forwarded-client-cert: ${forged}`,
  `X-Forwarded-Client-Cert: "By=a,${forged}"`,
  `x-forwarded-client-cert : ${forged}`,
  'x-chancery-caller: web',
  'x-chancery-roles: support',
  'x-role: support\r\nx-spiffe-id: spiffe://siege.test/web',
  'x-envoy-peer-metadata-id: web',
  'x-envoy-internal: true\r\nx-forwarded-for: 127.0.0.1',
  'forwarded: for=web',
];

/** A token in compact form. */
export function token(by: 'login' | 'partner', claims: object, head: object = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const seconds = Math.floor(Date.now() / 1_000);
  const body = { iat: seconds - 5, exp: seconds + 600, ...claims };
  const text = `${part({ alg: 'EdDSA', kid: 'k', ...head })}.${part(body)}`;
  const { privateKey } = by === 'login' ? login : foreign;
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
}

const ours = { iss: 'https://login.test', aud: 'siege', sub: 'ann' };

/** Of whom with which token, and what becomes of GET /person. */
export const guestTokens: readonly (readonly [
  name: string,
  who: string,
  token: () => string,
  verdict: string,
])[] = [
  [
    'a person of ours behind a guest whom a rule names',
    'desk',
    () => token('login', ours),
    'GET /person',
  ],
  [
    'a person of ours behind one that no rule names',
    'other',
    () => token('login', ours),
    '403 CH2105',
  ],
  ['our issuer, signed by the partner', 'desk', () => token('partner', ours), '403'],
  [
    'an SVID of the partner',
    'desk',
    () => token('partner', { sub: 'spiffe://partner.test/desk', aud: 'siege' }),
    '403',
  ],
  [
    'an SVID of the partner with a name of ours',
    'desk',
    () => token('partner', { sub: 'spiffe://siege.test/web', aud: 'siege' }),
    '403',
  ],
  [
    'the trust domain as the issuer',
    'desk',
    () => token('partner', { ...ours, iss: 'spiffe://partner.test' }),
    '403',
  ],
  [
    'our issuer in another case',
    'desk',
    () => token('login', { ...ours, iss: 'https://LOGIN.test' }),
    '403',
  ],
  ['for another audience', 'desk', () => token('login', { ...ours, aud: 'partner' }), '403'],
  [
    'with a key of its own inside',
    'desk',
    () => token('partner', ours, { jwk: jwkOf(foreign.privateKey) }),
    '403',
  ],
  [
    'without a signature',
    'desk',
    () => `${token('login', ours).split('.').slice(0, 2).join('.')}.`,
    '403',
  ],
  ['another person', 'desk', () => token('login', { ...ours, sub: 'bob' }), '403'],
  [
    'a person with an issuer in the name',
    'desk',
    () => token('login', { ...ours, sub: 'login/ann' }),
    '403',
  ],
];
