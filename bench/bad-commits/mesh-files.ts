/**
 * A mesh that is good, and in which commits can go wrong: callers and callees of several instances, one callee of each
 * protocol, and beside the good versions of `api` some that no commit should send requests to.
 */
export const ports = {
  web: 15_861,
  api: 15_862,
  store: 15_863,
  db: 15_864,
  dbLocal: 15_865,
} as const;

const callers = ['v1', 'v2', 'v3'];
const goodApi = ['v1', 'v2', 'v3'];
/** Named by what is wrong with them. */
const oddApi = ['failing', 'outdated', 'slow', 'mute'];

function run(versions: readonly string[], kind: string): string {
  return `run:\n${versions.map((version) => `  ${version}: node app.js ${kind}\n`).join('')}`;
}

const web = `service: web
owner: t
protocol: http
port: ${ports.web}
health: GET /healthz
calls:
  - { service: db, local_port: ${ports.dbLocal} }
routes:
  - to: v1
${run(callers, 'http')}`;

const api = `service: api
owner: t
protocol: http
port: ${ports.api}
health: GET /healthz
allow:
  - { id: read, from: "role:readers", to: GET /** }
  - { id: write, from: web, to: POST /items }
routes:
  - match: { header: { x-beta: "1" } }
    to: v2
    timeout: 2s
  - split: { v1: 34, v2: 33, v3: 33, failing: 0, outdated: 0, slow: 0, mute: 0 }
    timeout: 2s
    retry: { attempts: 1, per_try_timeout: 1s }
${run([...goodApi, ...oddApi], 'http')}
tests:
  - { from: web, request: GET /items, expect: allow }
  - { from: web, request: POST /items, expect: allow }
  - { from: store, request: GET /items, expect: deny }
`;

const store = `service: store
owner: t
protocol: http2
port: ${ports.store}
health: grpc
allow:
  - { id: all, from: [web, api], to: "* /**" }
routes:
  - split: { v1: 50, v2: 50 }
${run(['v1', 'v2'], 'http2')}`;

const db = `service: db
owner: t
protocol: tcp
port: ${ports.db}
health: connect
allow:
  - { id: web, from: web }
routes:
  - split: { v1: 50, v2: 50 }
${run(['v1', 'v2'], 'tcp')}`;

const meshYaml = `mesh: bench
trust_domain: bench.test
roles:
  readers: [web]
defaults:
  timeout: 5s
  connect_timeout: 1s
`;

/** Answers after some milliseconds, as applications do; it listens on the port that it was started with. */
const app = `'use strict';
const [kind] = process.argv.slice(2);
const { PORT: port, SERVICE_VERSION: version } = process.env;
const behave = { failing: [500, 2], outdated: [404, 2], slow: [200, 600] }[version] ?? [200, 4];
const answer = (request, response) => {
  if (request.url === '/healthz') return response.end('ok');
  if (version === 'mute') return request.socket.destroy();
  const [status, afterMs] = behave;
  request.resume();
  setTimeout(() => { response.writeHead(status); response.end(version); }, afterMs);
};
const server =
  kind === 'tcp'
    ? require('node:net').createServer((socket) => { socket.on('error', () => {}); socket.pipe(socket); })
    : require(kind === 'http2' ? 'node:http2' : 'node:http').createServer(answer);
server.listen(port, '127.0.0.1');
`;

export const meshFiles: Readonly<Record<string, string>> = {
  'mesh.yaml': meshYaml,
  'services/web.yaml': web,
  'services/api.yaml': api,
  'services/store.yaml': store,
  'services/db.yaml': db,
  'app.js': app,
};
