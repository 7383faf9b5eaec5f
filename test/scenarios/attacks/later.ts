import { goodClaims, part } from '../../../src/tokens/token.fixture.ts';
import { token } from './fortress.ts';
import { get, smuggled } from './framing.ts';
import { type Fields, request } from './h2-frames.ts';

export function fields(
  path: string,
  method = 'GET',
  authority = 'vault',
  scheme = 'https',
): Fields {
  return [
    [':method', method],
    [':scheme', scheme],
    [':authority', authority],
    [':path', path],
  ];
}

/** Values of a header over HTTP/2, where white space around them is left to the application to take off. */
export const spaced = [' banned', 'banned ', '\tbanned', 'banned\t ', 'x, banned'];

/** Queries to GET /query, which wants the one value `open` of `a`. */
export const queryAttacks: readonly (readonly [query: string, verdict: string])[] = [
  ['a=open', 'GET /query?a=open'],
  ['%61=%6fpen', 'GET /query?%61=%6fpen'],
  ['a=open&x', 'GET /query?a=open&x'],
  ['a=x&a=open', '403 CH2101'],
  ['a=open&a=x', '403 CH2101'],
  ['a=open&%61=x', '403 CH2101'],
  ['a=open;b', '403 CH2101'],
  ['a[]=open', '403 CH2101'],
  ['a=open%00', '403 CH2101'],
  ['a=open+', '403 CH2101'],
  ['A=open', '403 CH2101'],
  ['?a=open', '403 CH2101'],
  ['', '403 CH2101'],
];

/** What stands in Authorization on GET /token; `T` is a good token. */
export const tokenAttacks: readonly (readonly [
  what: string,
  lines: () => string,
  verdict: string,
])[] = [
  ['a good one', () => bearer(token()), 'GET /token'],
  ['a scheme in capitals', () => `authorization: BEARER ${token()}`, 'GET /token'],
  ['none', () => 'x-a: b', '401 CH2108'],
  ['no scheme', () => `authorization: ${token()}`, '401 CH2108'],
  ['a tab after the scheme', () => `authorization: Bearer\t${token()}`, '401 CH2108'],
  ['two', () => `${bearer(token())}\r\n${bearer(token())}`, '403 CH2128'],
  ['two in one line', () => `${bearer(token())}, Bearer x`, '403 CH2128'],
  ['a comma and more', () => `${bearer(token())},x`, '401 CH2109'],
  ['another word', () => `${bearer(token())} x`, '401 CH2109'],
  ['quotes', () => bearer(`"${token()}"`), '401 CH2109'],
  ['padding', () => bearer(`${token()}=`), '401 CH2109'],
  ['a good one for proxies only', () => `proxy-authorization: Bearer ${token()}`, '401 CH2108'],
  ['one in the query', () => `x-original-url: /token?access_token=${token()}`, '401 CH2108'],
  ['one in a cookie', () => `cookie: access_token=${token()}`, '401 CH2108'],
  ['alg none', () => bearer(`${part({ alg: 'none' })}.${part(goodClaims)}.`), '401 CH2109'],
  ['no signature', () => bearer(`${token().split('.').slice(0, 2).join('.')}.`), '401 CH2109'],
  ['another header to a good signature', () => bearer(spliced()), '401 CH2109'],
  ['the past', () => bearer(token({ exp: Math.floor(Date.now() / 1_000) - 1 })), '401 CH2109'],
  ['another audience', () => bearer(token({ aud: 'billing' })), '401 CH2109'],
  ['another issuer', () => bearer(token({ iss: 'https://evil.test' })), '401 CH2109'],
  ['fewer scopes', () => bearer(token({ scope: 'write' })), '403 CH2101'],
  ['a scope that holds the word', () => bearer(token({ scope: 'readwrite' })), '403 CH2101'],
  ['a key of its own', () => bearer(token({}, own)), '401 CH2109'],
  ['a key from elsewhere', () => bearer(token({}, elsewhere)), '401 CH2109'],
  ['a critical extension', () => bearer(token({}, critical)), '401 CH2109'],
  ['9,000 characters', () => bearer(`${token()}${'A'.repeat(9_000)}`), '401 CH2109'],
];

const own = { alg: 'ES256', kid: 'mine', jwk: { kty: 'EC', crv: 'P-256', x: 'a', y: 'b' } };
const elsewhere = { alg: 'ES256', kid: 'mine', jku: 'http://127.0.0.1:15973/', x5u: 'http://a' };
const critical = { alg: 'ES256', kid: 'ES256', crit: ['b64'], b64: false };

function bearer(text: string): string {
  return `authorization: Bearer ${text}`;
}

function spliced(): string {
  const [, claims, signature] = token().split('.');
  return `${part({ alg: 'ES256', kid: 'ES256', typ: 'JWT' })}.${claims}.${signature}`;
}

/** Claims of a header about where `web` asks from, on GET /address, which is for 10.0.0.0/8. */
export const addressAttacks: readonly string[] = [
  'x-forwarded-for: 10.0.0.1',
  'x-forwarded-for: 10.0.0.1, 127.0.0.1',
  'x-real-ip: 10.0.0.1',
  'forwarded: for=10.0.0.1',
  'x-envoy-external-address: 10.0.0.1',
  'x-envoy-original-src: 10.0.0.1',
  'true-client-ip: 10.0.0.1',
];

/** Of the stranger, who may do GET /person with a token of Alice only. */
export const personAttacks: readonly (readonly [claims: object, verdict: string])[] = [
  [{}, 'GET /person'],
  [{ email: 'mallory@acme.test' }, '403 CH2101'],
  [{ email: ['alice@acme.test'] }, '403 CH2101'],
  [{ email: 'Alice@acme.test' }, '403 CH2101'],
  [{ email: 'alice@acme.test ' }, '403 CH2101'],
  [{ email: undefined, sub: 'alice@acme.test' }, '403 CH2101'],
];

const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\n';

/** Upgrades with a body of their own, of which nothing may be a request to the application. */
export const upgradeAttacks: readonly (readonly [what: string, bytes: string])[] = [
  ['a length', get('/public/no', `${upgrade}content-length: ${smuggled.length}\r\n`) + smuggled],
  [
    'chunks',
    `${get('/public/no', `${upgrade}transfer-encoding: chunked\r\n`)}0\r\n\r\n${smuggled}`,
  ],
  ['POST', `POST /public/no HTTP/1.1\r\nhost: vault\r\n${upgrade}\r\n${smuggled}`],
  ['HEAD', `HEAD /public/no HTTP/1.1\r\nhost: vault\r\n${upgrade}\r\n${smuggled}`],
  ['an expectation', get('/public/no', `${upgrade}expect: 100-continue\r\n`) + smuggled],
  ['capitals', get('/public/no', upgrade.replace('w', 'W')) + smuggled],
  ['a second upgrade', get('/public/no', `${upgrade}upgrade: h2c\r\n`) + smuggled],
];

const grpc: Fields = [
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
];
const message = { body: '\0\0\0\0\0' };
const socket: Fields = [[':protocol', 'websocket']];
const call = 'POST /pkg.Svc/Method';

/** Frames of `web` to an application of HTTP/2, and what becomes of them. */
export const hallAttacks: readonly (readonly [what: string, frames: Buffer, verdict: string])[] = [
  ['a request', request(to('/public/x')), 'GET /public/x'],
  ['a host beside the authority', request([...to('/public/x'), ['host', 'web']]), 'GET /public/x'],
  ['a gRPC method', request([...to('/pkg.Svc/Method', 'POST'), ...grpc], message), call],
  ['slashes before it', request([...to('//pkg.Svc/Method', 'POST'), ...grpc], message), call],
  ['a slash after it', request([...to('/pkg.Svc/Method/', 'POST'), ...grpc], message), '200'],
  ['another case', request([...to('/pkg.svc/method', 'POST'), ...grpc], message), '200'],
  ['a package before it', request([...to('/x/pkg.Svc/Method', 'POST'), ...grpc], message), '200'],
  ['gRPC by GET', request([...to('/pkg.Svc/Method'), ...grpc]), '200'],
  ['a WebSocket', request([...to('/public/x', 'CONNECT'), ...socket]), 'CONNECT /public/x'],
  ['a WebSocket elsewhere', request([...to('/plain', 'CONNECT'), ...socket]), '403 CH2101'],
  ['connect-tcp', request([...to('/public/x', 'CONNECT'), [':protocol', 'connect-tcp']]), 'closed'],
  ['connect-ip', request([...to('/public/x', 'CONNECT'), [':protocol', 'connect-ip']]), 'closed'],
  ['bytes in the query', request(to('/public/x?\xc3\xa9')), '403 CH2121'],
  ['bytes in the query that are no UTF-8', request(to('/public/x?\xff')), '403 CH2121'],
];

export function to(path: string, method = 'GET'): Fields {
  return fields(path, method, 'hall');
}

/** What the own application of `web` sends, or a page in a browser on its host: Host, or what stands in its place. */
export const egressAttacks: readonly (readonly [head: string, verdict: string])[] = [
  ['GET /plain HTTP/1.1\r\nhost: vault:15001\r\norigin: http://vault:15001', 'GET /plain'],
  ['GET http://vault/plain HTTP/1.1\r\nhost: evil.test', 'GET /plain'],
  ['GET /plain HTTP/1.1\r\nhost: evil.test\r\norigin: http://evil.test', '404 CH2104'],
  ['GET /plain HTTP/1.1\r\nhost: localhost\r\norigin: null', '404 CH2104'],
  ['GET /plain HTTP/1.1\r\nhost: 127.0.0.1', '404 CH2104'],
  ['GET /plain HTTP/1.1\r\nhost: [::1]', '404 CH2104'],
  ['GET /plain HTTP/1.1\r\nhost: vault.evil.test', '404 CH2104'],
  ['GET http://evil.test/plain HTTP/1.1\r\nhost: vault', '404 CH2104'],
  ['GET /plain HTTP/1.1\r\nhost: evil.test\r\nx-forwarded-host: vault', '404 CH2104'],
  [
    'GET /plain HTTP/1.1\r\nhost: evil.test\r\nx-host: vault\r\nforwarded: host=vault',
    '404 CH2104',
  ],
  ['GET /plain HTTP/1.1\r\nhost: vault\r\nhost: evil.test', '403 CH2127'],
  ['CONNECT vault:80 HTTP/1.1\r\nhost: vault:80', '404 CH4101'],
  ['CONNECT 127.0.0.1:15970 HTTP/1.1\r\nhost: 127.0.0.1:15970', '404 CH4101'],
  ['OPTIONS * HTTP/1.1\r\nhost: vault', '404 CH4110'],
  ['GET /admin HTTP/1.1\r\nhost: vault\r\nx-chancery-caller: wide', '403 CH2102'],
  [
    'GET /x HTTP/1.1\r\nhost: vault\r\nx-forwarded-client-cert: URI=spiffe://siege.test/wide',
    '403 CH2101',
  ],
  ['GET /x HTTP/1.1\r\nhost: stranger', '403 CH2103'],
];
