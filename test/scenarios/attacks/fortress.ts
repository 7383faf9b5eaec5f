import { goodClaims, issuer, signed } from '../../../src/tokens/token.fixture.ts';
import { idle, type Victim, victim } from './world.ts';

/** Speaks HTTP/2 without TLS, and tells on another port what reached it, trailers too. */
const hallScript = `
const http = require('node:http');
const http2 = require('node:http2');
let reached = [];
const pairs = (raw) => raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1]]] : []));
const server = http2.createServer({ settings: { enableConnectProtocol: true } });
server.on('stream', (stream, head, flags, raw) => {
  const entry = { method: head[':method'], url: head[':path'], headers: pairs(raw), body: '', trailers: [] };
  if (head[':path'] !== '/healthz') reached.push(entry);
  stream.on('error', () => {});
  stream.setEncoding('latin1');
  stream.on('data', (text) => { entry.body += text; });
  stream.on('trailers', (more, flags, raw) => { entry.trailers = raw === undefined ? Object.entries(more) : pairs(raw); });
  stream.on('end', () => { stream.respond({ ':status': 200 }); stream.end('ok'); });
  stream.resume();
});
server.listen(Number(process.env.PORT), '127.0.0.1');
http.createServer((q, s) => { s.end(JSON.stringify({ reached, raw: '' })); reached = []; }).listen(15972, '127.0.0.1');
`;

export const vault: Victim = { service: 'vault', reachedPort: 15_970 };
export const hall: Victim = { service: 'hall', reachedPort: 15_972 };

export const fortress: Readonly<Record<string, string>> = {
  'mesh.yaml': `
mesh: siege
trust_domain: siege.test
issuers:
  login:
    issuer: ${issuer.issuer}
    audience: [${issuer.audiences.join(', ')}]
    person: email
    jwks: '${issuer.jwks}'
`,
  'services/vault.yaml': `
service: vault
owner: test
protocol: http
port: 15970
health: GET /healthz
run: node victim.js
allow:
  - { from: web, to: [GET /plain, POST /plain, "* /public/**", "GET /ws/**"] }
  - { from: wide, to: "* /**" }
  - { id: by-tenant, from: web, to: { request: GET /tenant, headers: { x-tenant: acme } } }
  - { id: news, from: web, to: GET /news/**, token: { issuer: login } }
  - { id: by-token, from: web, to: GET /token, token: { issuer: login, scopes: [read] } }
  - { id: by-person, from: "person:alice@acme.test", to: GET /person }
  - { id: by-query, from: web, to: GET /query, when: '"a" in request.query && request.query["a"] == "open"' }
  - { id: by-address, from: web, to: GET /address, when: 'inCidr(source.address, "10.0.0.0/8")' }
deny:
  - { from: "*", to: ["* /admin/**", "* /internal/**"] }
  - { id: mode, from: "*", to: { request: "GET /public/mode", headers: { x-mode: banned } } }
  - { id: step, from: "*", to: "GET /public/step", when: '"x-step" in request.headers && request.headers["x-step"] == "down"' }
  - { id: shut, from: "*", to: "GET /news/shut", when: source.service != "wide" }
routes:
  - { match: { path: "/news/**", method: GET }, to: v1, desk_away: open }
  - { to: v1 }
`,
  'services/hall.yaml': `
service: hall
owner: test
protocol: http2
port: 15971
run: node hall.js
allow:
  - { from: web, to: ["* /public/**", POST /pkg.Svc/Method] }
  - { from: wide, to: "* /**" }
deny:
  - { from: "*", to: ["* /admin/**", "* /internal/**"] }
`,
  'services/web.yaml': idle('web', 15_973),
  'services/wide.yaml': idle('wide', 15_974),
  'services/stranger.yaml': idle('stranger', 15_975),
  'victim.js': victim,
  'hall.js': hallScript,
};

export function token(
  claims: object = {},
  header: object = { alg: 'ES256', kid: 'ES256' },
): string {
  const exp = Math.floor(Date.now() / 1_000) + 300;
  return signed(header, { ...goodClaims, iat: exp - 300, exp, ...claims }, 'ES256');
}
