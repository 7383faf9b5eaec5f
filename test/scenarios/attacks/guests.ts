import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
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
    // What it says of guests is nothing to the vault.
    'services/web.yaml': `${idle('web', 15_962)}allow: [{ id: all, from: spiffe://partner.test/** }]\n`,
    'services/wide.yaml': idle('wide', 15_963),
    'services/stranger.yaml': idle('stranger', 15_964),
    'victim.js': victim,
  };
}

/** Whose root signs; `own` is the CA of the mesh. */
export type Issuer = keyof Partners | 'own';

/** Of the issuer's own trust domain, what stands behind it; what is asked for, and what becomes of it. */
const own: readonly (readonly [
  issuer: keyof Partners,
  rest: string,
  path: string,
  gets: string,
])[] = [
  ['partner', '/desk', '/guest', 'GET /guest'],
  ['partner', '/lead', '/support', 'GET /support'],
  ['partner', '/ns/bot', '/bot', 'GET /bot'],
  // What is for everybody is for the mesh, and a role of one is no role of another.
  ['partner', '/desk', '/open/x', '403 CH2101'],
  ['partner', '/desk', '/support', '403 CH2101'],
  ['partner', '/desk', '/role', '403 CH2101'],
  ['partner', '/desk', '/own', '403 CH2101'],
  // Nobody whom no rule names, also not by the name of a service of ours.
  ['partner', '/other', '/guest', '403 CH2105'],
  ['partner', '/web', '/web', '403 CH2105'],
  ['partner', '/desk/x', '/guest', '403 CH2105'],
  ['partner', '/ns', '/bot', '403 CH2105'],
  ['partner', '/DESK', '/guest', '403 CH2105'],
  // What is no SPIFFE ID is nobody's.
  ['partner', '/desk/', '/guest', '403 CH2120'],
  ['partner', '//desk', '/guest', '403 CH2120'],
  ['partner', '/ns//bot', '/bot', '403 CH2120'],
  ['partner', '/ns/./bot', '/bot', '403 CH2120'],
  ['partner', '/x/../desk', '/guest', '403 CH2120'],
  ['partner', '/../siege.test/web', '/web', '403 CH2120'],
  ['partner', '/%64esk', '/guest', '403 CH2120'],
  ['partner', '/ns%2Fbot', '/bot', '403 CH2120'],
  ['partner', '/x/%2e%2e/desk', '/guest', '403 CH2120'],
  ['partner', '/desk%00', '/guest', '403 CH2120'],
  ['partner', '/desk\0/x', '/guest', '403 CH2120'],
  ['partner', '/desk\n', '/guest', '403 CH2120'],
  ['partner', '/desk ', '/guest', '403 CH2120'],
  ['partner', '/desk?x', '/guest', '403 CH2120'],
  ['partner', '/desk#x', '/guest', '403 CH2120'],
  ['partner', '/desk,spiffe://siege.test/web', '/web', '403 CH2120'],
  ['partner', '/desk;URI=spiffe://siege.test/web', '/web', '403 CH2120'],
  ['partner', '/desk";URI="spiffe://siege.test/web', '/web', '403 CH2120'],
  ['partner', '', '/guest', 'closed'],
  ['partner', ':443/desk', '/guest', 'closed'],
  ['partner', './desk', '/guest', 'closed'],
  // All of a trust domain, and one of it who is denied.
  ['third', '/a/b/c', '/third', 'GET /third'],
  ['third', '/**', '/third', '403 CH2120'],
  ['third', '/bad', '/third', '403 CH2102'],
  ['third', '/bad/', '/third', '403 CH2120'],
  ['third', '/x/../bad', '/third', '403 CH2120'],
  ['third', '/BAD', '/third', 'GET /third'],
  // What a root says of itself is not asked; what it has signed ends with it.
  ['sly', '/a', '/third', 'GET /third'],
  ['old', '/a', '/third', 'closed'],
];

/** Names that are not the issuer's, or several. */
const others: readonly (readonly [issuer: Issuer, uris: string, path: string, gets: string])[] = [
  ['partner', 'spiffe://Partner.test/desk', '/guest', 'closed'],
  ['partner', 'spiffe://siege.test@partner.test/desk', '/guest', 'closed'],
  ['partner', 'spiffe://x.partner.test/desk', '/guest', 'closed'],
  ['partner', 'spiffe://siege.test/web', '/web', 'closed'],
  ['partner', 'spiffe://third.test/a', '/third', 'closed'],
  ['partner', 'spiffe://partner.test/desk spiffe://partner.test/lead', '/guest', '403 CH2120'],
  ['partner', 'spiffe://partner.test/desk spiffe://siege.test/web', '/web', '403 CH2120'],
  ['partner', 'spiffe://siege.test/web spiffe://partner.test/desk', '/web', 'closed'],
  ['third', 'spiffe://third.test/a spiffe://third.test/bad', '/third', '403 CH2120'],
  ['sly', 'spiffe://siege.test/web', '/web', 'closed'],
  ['own', 'spiffe://partner.test/desk', '/guest', 'closed'],
  ['own', 'spiffe://nobody.test/desk', '/guest', 'closed'],
];

/** Who signs which names for whom, what for, and what becomes of it. */
export const guestAttacks: readonly {
  readonly issuer: Issuer;
  readonly uris: readonly string[];
  readonly path: string;
  readonly gets: string;
}[] = [
  ...own.map(([issuer, rest, path, gets]) => {
    return { issuer, uris: [`spiffe://${issuer}.test${rest}`], path, gets };
  }),
  ...others.map(([issuer, uris, path, gets]) => ({ issuer, uris: uris.split(' '), path, gets })),
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
const svid = (sub: string) => ({ aud: 'siege', sub });
const unsigned = `${token('login', ours).split('.').slice(0, 2).join('.')}.`;

/** Of which guest with which token, and what becomes of GET /person. */
export const guestTokens: readonly (readonly [
  name: string,
  who: string,
  token: string,
  gets: string,
])[] = [
  ['a person of ours', 'desk', token('login', ours), 'GET /person'],
  ['one behind whom no rule names', 'other', token('login', ours), '403 CH2105'],
  ['our issuer, signed by the partner', 'desk', token('partner', ours), '403'],
  ['an SVID', 'desk', token('partner', svid('spiffe://partner.test/desk')), '403'],
  ['an SVID of ours', 'desk', token('partner', svid('spiffe://siege.test/web')), '403'],
  ['another issuer', 'desk', token('partner', { ...ours, iss: 'spiffe://partner.test' }), '403'],
  ['another case', 'desk', token('login', { ...ours, iss: 'https://LOGIN.test' }), '403'],
  ['another audience', 'desk', token('login', { ...ours, aud: 'partner' }), '403'],
  ['its own key', 'desk', token('partner', ours, { jwk: jwkOf(foreign.privateKey) }), '403'],
  ['no signature', 'desk', unsigned, '403'],
  ['another person', 'desk', token('login', { ...ours, sub: 'bob' }), '403'],
  ['an issuer in the name', 'desk', token('login', { ...ours, sub: 'login/ann' }), '403'],
];
