import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf } from '../../test/support/gate-world.ts';
import type { Intent, Service, ServiceName } from '../model/types.ts';
import { canonicalCaller } from '../policy/canonical-principal.ts';
import { decide } from '../policy/decide.ts';
import { answerOf } from '../policy/decision.ts';
import { intentPolicy } from '../policy/intent-policy.ts';
import { type Draw, drawFrom } from './random-mesh.fixture.ts';
import { gateFormats, gateStates } from './tcp-gate.fixture.ts';
import { tcpGate } from './tcp-gate.ts';

const services = ['db', 'web', 'cart', 'desk', 'web-2'];
const destination = 'envoy.network.transport_socket.original_dst_address';
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
const callers = [
  ...own,
  ...['spiffe://p.test/web', 'spiffe://p.test/web/a', 'spiffe://p.test/w', 'spiffe://p.testx/web'],
  ...['spiffe://q.test/web', 'spiffe://q.test/x/y', 'spiffe://pxtest/web', 'spiffe://m.test/web/a'],
];

describe('the gate of a TCP service', () => {
  it('opens for exactly whom the engine allows, of 600 random policies', () => {
    const counts = { allow: 0, deny: 0 };
    for (let seed = 1; seed <= 600; seed += 1) {
      const intent = randomIntent(drawFrom(seed));
      const db = serviceOf(intent);
      const gate = tcpGate(intent, db);
      for (const caller of callers) {
        const answer = decided(intent, caller);
        const states = gateStates(gate, [caller]);
        const context = `seed ${seed}, ${caller}: ${[...states].join(' ')}`;
        counts[answer.kind] += 1;
        assert.equal(states.has(destination), answer.kind === 'allow', context);
        assert.equal(states.has('chancery.code'), answer.kind === 'deny', context);
        if (answer.kind === 'deny' && answer.code === 'CH2105') continue;
        const kind = states.get('chancery.rule')?.split('/')[0];
        assert.equal(kind, answer.rule === undefined ? 'none' : answer.kind, context);
        const code = answer.kind === 'deny' ? answer.code : undefined;
        assert.equal(states.get('chancery.code'), code, context);
      }
    }
    assert.ok(counts.allow > 1_000 && counts.deny > 1_000, JSON.stringify(counts));
  });

  it('opens for nobody who has two names, whichever come', () => {
    const intent = intentWith('allow: [{ from: [web, "spiffe://p.test/**"] }]\n');
    const gate = tcpGate(intent, serviceOf(intent));
    const [web, partner] = ['spiffe://m.test/web', 'spiffe://p.test/x'] as const;
    assert.ok(gateStates(gate, [web]).has(destination));
    assert.ok(gateStates(gate, [partner]).has(destination));
    for (const names of [
      [partner, web],
      [web, partner],
      [web, ''],
      [web, 'dns:x'],
    ]) {
      const states = gateStates(gate, names);
      assert.equal(states.has(destination), false, names.join());
      assert.equal(states.get('chancery.code'), 'CH2120');
    }
  });

  it('opens for nobody where no rule allows anybody', () => {
    for (const rules of ['', 'deny: [{ from: web }]\n', 'allow: [{ from: web, mode: audit }]\n']) {
      const intent = intentWith(rules);
      const gate = tcpGate(intent, serviceOf(intent));
      for (const caller of callers)
        assert.equal(gateStates(gate, [caller]).has(destination), false);
    }
  });

  it('tells of a denial in audit, and lets in all the same', () => {
    const intent = intentWith(
      'allow: [{ id: in, from: "*" }]\ndeny: [{ id: not-web, from: web, mode: audit }]\n',
    );
    const gate = tcpGate(intent, serviceOf(intent));
    const states = gateStates(gate, ['spiffe://m.test/web']);
    assert.ok(states.has(destination));
    assert.equal(states.get('chancery.audit'), 'deny/not-web');
    assert.equal(gateStates(gate, ['spiffe://m.test/cart']).has('chancery.audit'), false);
  });

  it('has no text that Envoy does not read, however many may come', () => {
    const names = Array.from({ length: 4_000 }, (_, at) => `service-with-a-long-name-${at}`);
    const files = Object.fromEntries(
      names.map((name, at) => [`services/${name}.yaml`, plain(name, 8_000 + at)]),
    );
    const intent = intentOf({ ...files, ...world('allow: [{ from: "*" }]\n', '') });
    const gate = tcpGate(intent, serviceOf(intent));
    const longest = Math.max(...gateFormats(gate).map(({ format }) => format.length));
    assert.ok(longest < 100_000, `${longest}`);
    for (const name of [names[0], names.at(-1)]) {
      assert.ok(gateStates(gate, [`spiffe://m.test/${name}`]).has(destination));
    }
  });
});

function decided(intent: Intent, caller: string) {
  const read = canonicalCaller(caller);
  assert.ok(read.ok);
  const callee = 'db';
  const asked = { caller: read.value, callee, action: { kind: 'connect' } as const };
  return answerOf(decide(intentPolicy(intent).policy, asked));
}

function randomIntent(draw: Draw): Intent {
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
  return intentWith(rules('allow', 0, 3) + rules('deny', 10, 2), roles);
}

function intentWith(rules: string, roles = 'roles: { red: [web], blue: [cart] }\n'): Intent {
  return intentOf(world(rules, roles));
}

function world(rules: string, roles: string): Record<string, string> {
  const others = services.filter((name) => name !== 'db');
  return {
    'mesh.yaml': `mesh: m\ntrust_domain: m.test\npeers:\n${peersText}${roles}`,
    ...Object.fromEntries(
      others.map((name, at) => [`services/${name}.yaml`, plain(name, 7_001 + at)]),
    ),
    'services/db.yaml': `service: db\nowner: us\nprotocol: tcp\nport: 7000\n${rules}`,
  };
}

function plain(name: string, port: number): string {
  return `service: ${name}\nowner: us\nprotocol: http\nport: ${port}\n`;
}

function serviceOf({ services: all }: Intent): Service {
  const db = all.get('db' as ServiceName);
  assert.ok(db !== undefined);
  return db;
}
