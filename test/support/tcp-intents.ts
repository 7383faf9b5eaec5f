import assert from 'node:assert/strict';
import type { Draw } from '../../src/compile/random-mesh.fixture.ts';
import type { Intent, Service, ServiceName } from '../../src/model/types.ts';
import { intentOf } from './gate-world.ts';

const services = ['db', 'web', 'cart', 'desk', 'web-2'];
const peers = ['p.test', 'q.test'];
const peersText = peers
  .map((peer) => `  ${peer}: { endpoint: "https://${peer}/", profile: https_web }\n`)
  .join('');
const principals = [
  ...services.filter((name) => name !== 'db'),
  ...['"*"', 'role:red', 'role:blue', 'spiffe://p.test/web', 'spiffe://p.test/web/a'],
  ...['spiffe://p.test/**', 'spiffe://q.test/**', 'spiffe://q.test/web'],
];
const own = [...services, 'ghost', 'we'].map((name) => `spiffe://m.test/${name}`);
/** Services, others that are none, and guests of peers and of nobody. */
export const tcpCallerIds = [
  ...own,
  ...['spiffe://p.test/web', 'spiffe://p.test/web/a', 'spiffe://p.test/w', 'spiffe://p.testx/web'],
  ...['spiffe://q.test/web', 'spiffe://q.test/x/y', 'spiffe://pxtest/web', 'spiffe://m.test/web/a'],
];

/** Of roles, peers, denials and rules in audit. */
export function randomTcpIntent(draw: Draw): Intent {
  const some = (from: readonly string[], most: number): string =>
    Array.from({ length: 1 + draw(most) }, () => from[draw(from.length)]).join(', ');
  const rule = (at: number): string =>
    `  - { id: r${at}, from: [${some(principals, 3)}]${draw(5) === 0 ? ', mode: audit' : ''} }\n`;
  const rules = (effect: string, from: number, most: number): string => {
    const all = Array.from({ length: draw(most + 1) }, (_, at) => rule(from + at));
    return all.length === 0 ? '' : `${effect}:\n${all.join('')}`;
  };
  const members = ['web', 'cart', 'desk', 'web-2', 'spiffe://p.test/web', 'spiffe://q.test/**'];
  const roles = `roles: { red: [${some(members, 2)}], blue: [${some(members, 3)}] }\n`;
  return tcpIntent(rules('allow', 0, 3) + rules('deny', 10, 2), roles);
}

/** The service `db` with these rules. */
export function tcpIntent(rules: string, roles = 'roles: { red: [web], blue: [cart] }\n'): Intent {
  return intentOf(tcpFiles(rules, roles));
}

export function tcpFiles(rules: string, roles: string): Record<string, string> {
  const others = services.filter((name) => name !== 'db');
  return {
    'mesh.yaml': `mesh: m\ntrust_domain: m.test\npeers:\n${peersText}${roles}`,
    ...Object.fromEntries(
      others.map((name, at) => [`services/${name}.yaml`, plainService(name, 7_001 + at)]),
    ),
    'services/db.yaml': `service: db\nowner: us\nprotocol: tcp\nport: 7000\n${rules}`,
  };
}

export function plainService(name: string, port: number): string {
  return `service: ${name}\nowner: us\nprotocol: http\nport: ${port}\n`;
}

export function dbOf({ services: all }: Intent): Service {
  const db = all.get('db' as ServiceName);
  assert.ok(db !== undefined);
  return db;
}
