import { all, append, type Change, edit, remove } from './change.ts';
import { ports } from './mesh-files.ts';

export const [mesh, web, api, store, db] = [
  'mesh.yaml',
  'services/web.yaml',
  'services/api.yaml',
  'services/store.yaml',
  'services/db.yaml',
] as const;
const split = '{ v1: 34, v2: 33, v3: 33, failing: 0, outdated: 0, slow: 0, mute: 0 }';

export function route(match: string, to = 'to: v1'): Change {
  return edit(api, 'routes:\n', `routes:\n  - { match: ${match}, ${to} }\n`);
}
/** The shares of `api`; versions that are not named get nothing. */
export function shares(given: Readonly<Record<string, number>>): Change {
  const names = ['v1', 'v2', 'v3', 'failing', 'outdated', 'slow', 'mute'];
  const known = names.map((name) => `${name}: ${given[name] ?? 0}`);
  const others = Object.entries(given).flatMap(([name, share]) =>
    names.includes(name) ? [] : [`${name}: ${share}`],
  );
  return edit(api, split, `{ ${[...known, ...others].join(', ')} }`);
}
export const untested: Change = edit(api, /tests:[\s\S]*/, '');

/** What reading the whole tree, or the real Envoy, tells before any proxy gets it. */
export const readKinds: Readonly<Record<string, readonly Change[]>> = {
  'not YAML': [
    edit(api, 'owner: t', 'owner: [t'),
    edit(mesh, 'mesh: bench', '\tmesh: bench'),
    edit(web, 'port:', 'port: 1\nport:'),
    edit(store, 'owner: t', 'owner: "t'),
    edit(db, 'allow:', 'allow: &a *b'),
    edit(api, /[\s\S]*/, ''),
  ],
  'unknown field': [
    edit(api, 'allow:', 'allows:'),
    edit(api, 'timeout: 2s', 'timeot: 2s'),
    edit(mesh, 'defaults:', 'default:'),
    edit(store, 'split:', 'weights:'),
    append(db, 'replicas: 3\n'),
  ],
  'unknown service': [
    edit(api, 'from: web, to: POST', 'from: wep, to: POST'),
    edit(store, '[web, api]', '[web, apl]'),
    edit(web, 'service: db', 'service: dbs'),
    edit(mesh, '[web]', '[wb]'),
    remove(web),
  ],
  'unknown role': [
    edit(api, 'role:readers', 'role:reader'),
    edit(mesh, 'readers:', 'raeders:'),
    edit(mesh, 'readers: [web]', 'readers: ["role:readers"]'),
  ],
  'unknown version': [
    edit(api, 'to: v2', 'to: v9'),
    shares({ v1: 34, v2: 33, v9: 33 }),
    edit(api, '  v2: node app.js http\n', ''),
    edit(store, 'v2: 50', 'v3: 50'),
  ],
  shares: [
    shares({ v1: 34, v2: 33, v3: 34 }),
    shares({ v1: 34 }),
    edit(store, 'v1: 50', 'v1: -50'),
    edit(db, 'v1: 50', 'v1: fifty'),
  ],
  'value out of range': [
    edit(api, `port: ${ports.api}`, 'port: 158620'),
    edit(api, 'timeout: 2s', 'timeout: 2'),
    edit(api, 'attempts: 1', 'attempts: 100'),
    edit(mesh, 'timeout: 5s', 'timeout: -5s'),
    edit(store, 'protocol: http2', 'protocol: http3'),
    edit(mesh, 'defaults:', 'defaults:\n  svid_ttl: 1s'),
  ],
  clash: [
    edit(api, `port: ${ports.api}`, `port: ${ports.web}`),
    edit(api, 'service: api', 'service: web'),
    edit(web, `local_port: ${ports.dbLocal}`, `local_port: ${ports.store}`),
    all(
      append(web, 'identity: { unix: { user: root } }\n'),
      append(db, 'identity: { unix: { user: root } }\n'),
    ),
  ],
  'listener clash': [15_001, 15_002, 15_010, 15_101, 15_102].map((port) =>
    edit(web, `local_port: ${ports.dbLocal}`, `local_port: ${port}`),
  ),
  'route that nothing reaches': [
    route('{ path: /** }'),
    edit(store, 'routes:\n', 'routes:\n  - to: v1\n'),
    edit(api, 'run:', '  - match: { header: { x-beta: "1" } }\n    to: v1\nrun:'),
  ],
  'no route for the rest': [
    edit(api, / {2}- split: .*\n.*\n.*\n/, ''),
    edit(store, '  - split', '  - match: { method: GET }\n    split'),
    edit(api, '  - split', '  - match: { path: /items/** }\n    split'),
  ],
  'path pattern': [
    edit(api, 'GET /**', 'GET /**/x'),
    edit(api, 'POST /items', 'POST items'),
    route('{ path: /a*b }'),
    route('{ path: /a/../b }'),
  ],
  'regex too large': [400, 450, 500].map((count) => route(`{ path: ${'/*'.repeat(count)} }`)),
  'query of a match': [
    route('{ query: { "": "1" } }'),
    route(`{ query: { ${'q'.repeat(1_100)}: "1" } }`),
    route('{ header: { "x y": "1" } }'),
  ],
  'test that does not hold': [
    edit(api, 'POST /items }\nroutes', 'PUT /items }\nroutes'),
    edit(api, 'from: "role:readers"', 'from: "*"'),
    append(api, '  - { from: web, request: DELETE /items, expect: allow }\n'),
    edit(api, 'allow:', 'deny:\n  - { from: "*", to: "* /**" }\nallow:'),
  ],
  'service taken away': [
    all(remove(store)),
    all(remove(db), edit(web, /calls:\n.*\n/, '')),
    all(remove(api), edit(store, '[web, api]', 'web')),
  ],
  'empty tree': [
    remove(web, api, store, db),
    remove(mesh),
    (files) => {
      for (const name of Object.keys(files)) delete files[name];
      files['README'] = 'nothing\n';
    },
  ],
  'another trust domain': [
    edit(mesh, 'bench.test', 'bench.example'),
    edit(mesh, 'bench.test', 'bench.tests'),
    edit(mesh, 'bench.test', 'partner.test'),
  ],
  'hosts that there are not': [
    append(api, 'identity: { host: { name: elsewhere } }\n'),
    append(web, 'identity: { host: { "tpm:ek": abc } }\n'),
  ],
};
