import { all, append, type Change, edit } from './change.ts';
import { api, db, mesh, route, shares, store, web } from './read-kinds.ts';

/** Commits that nothing is wrong with: each must be live on all, whatever the load does meanwhile. */
export const goodKinds: Readonly<Record<string, readonly Change[]>> = {
  shares: [
    shares({ v1: 80, v2: 10, v3: 10 }),
    shares({ v1: 50, v2: 50 }),
    shares({ v3: 100 }),
    edit(store, '{ v1: 50, v2: 50 }', '{ v1: 0, v2: 100 }'),
    edit(db, '{ v1: 50, v2: 50 }', '{ v1: 90, v2: 10 }'),
  ],
  timeouts: [
    edit(mesh, 'timeout: 5s', 'timeout: 8s'),
    edit(mesh, 'connect_timeout: 1s', 'connect_timeout: 2s'),
    edit(api, 'per_try_timeout: 1s', 'per_try_timeout: 800ms'),
  ],
  retries: [
    edit(api, 'attempts: 1', 'attempts: 3'),
    edit(
      store,
      '  - split: { v1: 50, v2: 50 }',
      '  - split: { v1: 50, v2: 50 }\n    retry: { attempts: 2 }',
    ),
  ],
  rules: [
    edit(api, 'from: web, to: POST /items', 'from: web, to: "* /items/**"'),
    edit(api, 'routes:', 'deny:\n  - { from: "*", to: "* /internal/**" }\nroutes:'),
    edit(store, 'allow:', 'allow:\n  - { id: db, from: db, to: GET /** }'),
    edit(mesh, 'readers: [web]', 'readers: [web, db]'),
    append(api, 'deny:\n  - { from: db }\n'),
  ],
  routes: [
    route('{ path: /v2/** }', 'to: v2'),
    route('{ query: { beta: "1" } }', 'to: v3'),
    edit(api, 'x-beta: "1"', 'x-beta: "*"'),
  ],
  'words only': [
    edit(api, 'owner: t', 'owner: team-api\ndescription: what it is for'),
    all(edit(web, 'owner: t', 'owner: team-web'), edit(store, 'owner: t', 'owner: team-store')),
  ],
  commands: [
    edit(store, /node app\.js/g, 'node --no-warnings app.js'),
    all(
      edit(web, /node app\.js/g, 'node --no-warnings app.js'),
      edit(db, '  v2: node app.js', '  v2: node --no-warnings app.js'),
    ),
    all(
      edit(store, '{ v1: 50, v2: 50 }', '{ v1: 40, v2: 30, v3: 30 }'),
      edit(store, '  v2: node app.js http2', '  v2: node app.js http2\n  v3: node app.js http2'),
    ),
    all(
      edit(store, '{ v1: 50, v2: 50 }', '{ v1: 100 }'),
      edit(store, '  v2: node app.js http2\n', ''),
    ),
  ],
};
