import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf } from '../../test/support/gate-world.ts';
import {
  dbOf,
  plainService,
  randomTcpIntent,
  tcpCallerIds,
  tcpFiles,
  tcpIntent,
} from '../../test/support/tcp-intents.ts';
import type { Intent } from '../model/types.ts';
import { canonicalCaller } from '../policy/canonical-principal.ts';
import { decide } from '../policy/decide.ts';
import { answerOf } from '../policy/decision.ts';
import { intentPolicy } from '../policy/intent-policy.ts';
import { drawFrom } from './random-mesh.fixture.ts';
import { gateFormats, gateStates } from './tcp-gate.fixture.ts';
import { tcpGate } from './tcp-gate.ts';

const destination = 'envoy.network.transport_socket.original_dst_address';

describe('the gate of a TCP service', () => {
  it('opens for exactly whom the engine allows, of 600 random policies', () => {
    const counts = { allow: 0, deny: 0 };
    for (let seed = 1; seed <= 600; seed += 1) {
      const intent = randomTcpIntent(drawFrom(seed));
      const db = dbOf(intent);
      const gate = tcpGate(intent, db);
      for (const caller of tcpCallerIds) {
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
    const intent = tcpIntent('allow: [{ from: [web, "spiffe://p.test/**"] }]\n');
    const gate = tcpGate(intent, dbOf(intent));
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
      const intent = tcpIntent(rules);
      const gate = tcpGate(intent, dbOf(intent));
      for (const caller of tcpCallerIds)
        assert.equal(gateStates(gate, [caller]).has(destination), false);
    }
  });

  it('tells of a denial in audit, and lets in all the same', () => {
    const intent = tcpIntent(
      'allow: [{ id: in, from: "*" }]\ndeny: [{ id: not-web, from: web, mode: audit }]\n',
    );
    const gate = tcpGate(intent, dbOf(intent));
    const states = gateStates(gate, ['spiffe://m.test/web']);
    assert.ok(states.has(destination));
    assert.equal(states.get('chancery.audit'), 'deny/not-web');
    assert.equal(gateStates(gate, ['spiffe://m.test/cart']).has('chancery.audit'), false);
  });

  it('has no text that Envoy does not read, however many may come', () => {
    const names = Array.from({ length: 4_000 }, (_, at) => `service-with-a-long-name-${at}`);
    const files = Object.fromEntries(
      names.map((name, at) => [`services/${name}.yaml`, plainService(name, 8_000 + at)]),
    );
    const intent = intentOf({ ...files, ...tcpFiles('allow: [{ from: "*" }]\n', '') });
    const gate = tcpGate(intent, dbOf(intent));
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
