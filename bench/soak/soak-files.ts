/** A mesh of ten proxies or eleven, all good, of which each part can be changed for the better or for nothing. */
export interface SoakState {
  /** Counts changes of the rule, of the timeout and of the command. */
  readonly rule: number;
  readonly timeout: number;
  readonly command: number;
  readonly shares: readonly [number, number, number, number];
  /** Whether there is a fifth version of `api`. */
  readonly fifth: boolean;
}

export const firstState: SoakState = {
  ...{ rule: 0, timeout: 0, command: 0 },
  shares: [25, 25, 25, 25],
  fifth: false,
};

const service = (name: string, port: number, rest: readonly string[]): string =>
  [
    `service: ${name}\nowner: t\nprotocol: http\nport: ${port}\nhealth: GET /healthz`,
    ...rest,
    '',
  ].join('\n');

const run = (name: string, count: number, flag = ''): string =>
  `run:\n${Array.from({ length: count }, (_, at) => `  v${at + 1}: node ${flag}app.js ${name}`).join('\n')}`;

export function soakFiles(state: SoakState): Readonly<Record<string, string>> {
  const { rule, timeout, command, shares, fifth } = state;
  const split = shares.map((share, at) => `v${at + 1}: ${share}`).join(', ');
  return {
    'mesh.yaml': 'mesh: soak\ntrust_domain: soak.test\n',
    'services/api.yaml': service('api', 15_841, [
      'allow:',
      '  - { id: read, from: web, to: GET /** }',
      `  - { id: step-${rule}, from: web, to: POST /step-${rule} }`,
      'routes:',
      ...(fifth ? ['  - match: { header: { x-fifth: "1" } }\n    to: v5'] : []),
      `  - split: { ${split} }\n    retry: { attempts: 2 }`,
      run('api', fifth ? 5 : 4),
    ]),
    'services/store.yaml': service('store', 15_842, [
      'allow:\n  - { id: read, from: [web, api], to: GET /** }',
      `routes:\n  - split: { v1: 50, v2: 50 }\n    timeout: ${5_000 + timeout}ms\n    retry: { attempts: 2 }`,
      run('store', 2, command % 2 === 1 ? '--no-warnings ' : ''),
    ]),
    'services/web.yaml': service('web', 15_843, [
      'routes:\n  - split: { v1: 34, v2: 33, v3: 33 }',
      run('web', 3),
    ]),
    'services/solo.yaml': service('solo', 15_844, [
      'allow:\n  - { id: read, from: web, to: GET /** }',
      run('solo', 1),
    ]),
    'app.js': app,
  };
}

/** It ends what it has begun when it is told to go, as applications do. */
const app = `'use strict';
const server = require('node:http').createServer((request, response) => {
  if (request.url === '/healthz') return response.end('ok');
  setTimeout(() => response.end(process.env.SERVICE_VERSION), 4);
});
server.listen(process.env.PORT, '127.0.0.1');
process.once('SIGTERM', () => server.close(() => process.exit(0)));
`;
