import { all, append, type Change, edit } from './change.ts';
import { ports } from './mesh-files.ts';
import { api, db, mesh, route, shares, store, untested, web } from './read-kinds.ts';

const issuers = `issuers:
  login:
    issuer: https://login.test
    audience: shop
    jwks: '${JSON.stringify({ keys: [{ kty: 'EC', crv: 'P-256', kid: 'a', alg: 'ES256', ...point() }] })}'
`;

/** What is right in itself, and of which only requests tell that it is wrong. */
export const trafficKinds: Readonly<Record<string, readonly Change[]>> = {
  'deny all': [
    all(untested, edit(api, 'allow:', 'deny:\n  - { from: "*" }\nallow:')),
    all(untested, edit(api, 'allow:', 'deny:\n  - { from: web, to: "* /**" }\nallow:')),
    all(untested, edit(api, 'allow:', 'deny:\n  - { from: "*", to: GET /items/** }\nallow:')),
    edit(store, 'allow:', 'deny:\n  - { from: "*" }\nallow:'),
    edit(db, 'allow:', 'deny:\n  - { from: web }\nallow:'),
    edit(db, 'allow:', 'deny:\n  - { from: "*" }\nallow:'),
  ],
  'rule too narrow': [
    all(untested, edit(api, 'GET /**', 'GET /item/**')),
    all(untested, edit(api, 'GET /**', 'HEAD /**')),
    edit(store, '"* /**"', 'GET /entry'),
    edit(store, '"* /**"', 'POST /**'),
  ],
  'edge cut': [
    edit(store, '[web, api]', 'api'),
    edit(store, '[web, api]', 'web'),
    edit(db, 'from: web', 'from: api'),
    all(
      untested,
      edit(mesh, '[web]', '[store]'),
      edit(api, 'from: web, to: POST', 'from: store, to: POST'),
    ),
  ],
  'wrong protocol': [
    edit(api, 'protocol: http', 'protocol: http2'),
    all(
      untested,
      edit(api, 'protocol: http', 'protocol: grpc'),
      edit(api, /allow:[\s\S]*?routes:/, 'allow:\n  - { from: web }\nroutes:'),
    ),
    edit(store, 'protocol: http2', 'protocol: http'),
    all(
      edit(api, 'protocol: http', 'protocol: tcp'),
      edit(api, /allow:[\s\S]*? {2}- split/, 'allow:\n  - { from: web }\nroutes:\n  - split'),
      untested,
    ),
    all(edit(db, 'protocol: tcp', 'protocol: http'), edit(web, /calls:\n.*\n/, '')),
  ],
  'timeout of a millisecond': [
    edit(api, /split(.*)\n {4}timeout: 2s/, 'split$1\n    timeout: 1ms'),
    edit(store, '  - split: { v1: 50, v2: 50 }', '  - split: { v1: 50, v2: 50 }\n    timeout: 1ms'),
    edit(mesh, 'timeout: 5s', 'timeout: 1ms'),
    edit(api, 'to: v2\n    timeout: 2s', 'to: v2\n    timeout: 1ms'),
    edit(api, 'per_try_timeout: 1s', 'per_try_timeout: 1ms'),
  ],
  'connect timeout of a millisecond': [edit(mesh, 'connect_timeout: 1s', 'connect_timeout: 1ms')],
  'token that nobody has': [
    all(
      untested,
      append(mesh, issuers),
      edit(api, 'to: GET /**', 'to: GET /**, token: { issuer: login }'),
    ),
  ],
  'condition that does not hold': [
    all(
      untested,
      edit(api, 'to: GET /**', `to: GET /**, when: "request.headers['x-team'] == 'a'"`),
    ),
    all(
      untested,
      edit(
        api,
        'allow:',
        `deny:\n  - { from: "*", when: "int(request.headers['x-n']) > 5" }\nallow:`,
      ),
    ),
  ],
  'allow that is only in audit': [
    all(untested, edit(api, 'to: GET /**', 'to: GET /**, mode: audit')),
  ],
  'desks that there are not': [
    all(
      append(mesh, 'desk: { pool: { authz-1: 127.0.0.1:15869 } }\n'),
      edit(mesh, 'timeout: 5s', 'timeout: 5s\n  desk: pool\n  decide: desk'),
    ),
  ],
  'version that fails': [
    shares({ failing: 100 }),
    shares({ v1: 50, failing: 50 }),
    shares({ v1: 45, v2: 45, failing: 10 }),
    edit(api, 'to: v2', 'to: failing'),
    route('{ path: /items }', 'to: failing'),
  ],
  'version that does not know the path': [
    shares({ outdated: 100 }),
    shares({ v1: 45, v2: 45, outdated: 10 }),
    edit(api, 'to: v2', 'to: outdated'),
    route('{ path: /items }', 'to: outdated'),
  ],
  'version that is slow': [
    shares({ slow: 100 }),
    shares({ v1: 50, slow: 50 }),
    edit(api, 'to: v2', 'to: slow'),
    route('{ path: /items }', 'to: slow'),
  ],
  'version that answers nothing': [
    shares({ mute: 100 }),
    shares({ v1: 50, mute: 50 }),
    edit(api, 'to: v2', 'to: mute'),
    route('{ path: /items }', 'to: mute'),
  ],
  'retries that multiply load': [
    edit(
      api,
      'retry: { attempts: 1, per_try_timeout: 1s }',
      'retry: { attempts: 5, per_try_timeout: 5ms, on: always }',
    ),
    all(shares({ v1: 50, failing: 50 }), edit(api, 'attempts: 1', 'attempts: 5')),
    all(
      shares({ v1: 80, failing: 20 }),
      edit(api, 'attempts: 1, per_try_timeout: 1s', 'attempts: 5, on: always'),
    ),
  ],
  'certificates that end soon': [edit(mesh, 'timeout: 5s', 'timeout: 5s\n  svid_ttl: 10s')],
  'local port that nobody calls': [edit(web, `local_port: ${ports.dbLocal}`, 'local_port: 15866')],
  'wrong port of the application': [
    edit(api, `port: ${ports.api}`, 'port: 15869'),
    edit(store, `port: ${ports.store}`, 'port: 15869'),
  ],
  'wrong health check': [
    edit(api, 'health: GET /healthz', 'health: GET /nowhere'),
    edit(api, 'health: GET /healthz', 'health: grpc'),
    edit(store, 'health: grpc', 'health: GET /healthz'),
    edit(db, 'health: connect', 'health: GET /healthz'),
  ],
  'application that does not start': [
    edit(store, '  v2: node app.js http2', '  v2: node nothing.js http2'),
    edit(store, '  v2: node app.js http2', '  v2: node app.js http'),
    edit(web, /node app\.js/g, 'node nothing.js'),
    edit(db, /node app\.js/g, 'no-such-program app.js'),
    edit(
      api,
      '  v1: node app.js http\n',
      '  v1: { command: node app.js http, env: { PORT: "1" } }\n',
    ),
    all(
      edit(store, '{ v1: 50, v2: 50 }', '{ v1: 40, v2: 30, v3: 30 }'),
      edit(
        store,
        '  v2: node app.js http2',
        '  v2: node app.js http2\n  v3: node nothing.js http2',
      ),
    ),
  ],
};

/** The example key of RFC 7515, appendix A.3; nobody here signs with it. */
function point() {
  return {
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  };
}
