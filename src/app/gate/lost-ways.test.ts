import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Files,
  intentOf,
  meshFile,
  noTraffic,
  serviceFile,
} from '../../../test/support/gate-world.ts';
import type { Finding } from '../../base/finding.ts';
import type { Traffic } from '../traffic/traffic-log.ts';
import { lostWays } from './lost-ways.ts';

const nowMs = 1_000_000_000;
const use = { requests: 120, lastMs: nowMs - 180_000 };
/** Web has called pay, over the rule `charge`; nothing else was seen. */
const busy: Traffic = {
  edge: (caller, callee) => (caller === 'web' && callee === 'pay' ? use : undefined),
  rule: (service, rule) => (service === 'pay' && rule === 'charge' ? use : undefined),
};

function pay(...rules: readonly string[]): Files {
  const rest = rules.length === 0 ? '' : `allow:\n${rules.map((one) => `  - ${one}\n`).join('')}`;
  return {
    'mesh.yaml': `${meshFile}roles:\n  shops: [web, app]\n`,
    'services/pay.yaml': serviceFile('pay', rest),
    'services/web.yaml': serviceFile('web'),
    'services/app.yaml': serviceFile('app'),
  };
}
const charge = '{ id: charge, from: web, to: POST /charges }';
const read = '{ id: read, from: web, to: GET /charges/** }';

function lost(before: Files, after: Files, traffic = busy): readonly Finding[] {
  return lostWays(intentOf(before), intentOf(after), { traffic, nowMs });
}

describe('ways that a commit takes away', () => {
  it('an edge in use is told with its traffic, and the line of the rule that was removed', () => {
    const [finding, ...more] = lost(pay(charge), pay());
    assert.deepEqual(more, []);
    assert.equal(finding?.code, 'CH4208');
    assert.equal(finding?.message, 'web may not call pay any more, and it does');
    assert.equal(finding?.found, '120 requests in the last 26 hours, the last one 3 minutes ago');
    assert.deepEqual(finding?.notes, [
      'the rule charge, services/pay.yaml:6 of the commit that runs, removed',
    ]);
    assert.deepEqual(lost(pay(charge), pay(), noTraffic), []);
  });

  it('a rule in use of an edge that stays is told with what is lost', () => {
    const [finding, ...more] = lost(pay(charge, read), pay(read));
    assert.deepEqual(more, []);
    assert.match(finding?.message ?? '', /^web may not ask pay for POST \/charges any more/);
    assert.equal(finding?.at?.file, 'services/pay.yaml');
    assert.deepEqual(lost(pay(charge, read), pay(charge)), [], 'nobody used the other one');
  });

  it('a rule that lets in less is told; one that lets in as much under another name is not', () => {
    const wide = '{ id: charge, from: web, to: "* /charges" }';
    const [finding] = lost(pay(wide), pay(charge));
    assert.match(finding?.notes?.[0] ?? '', /which says less now$/);
    assert.deepEqual(lost(pay(charge), pay('{ id: any, from: "*", to: "* /**" }')), []);
    assert.deepEqual(lost(pay(charge), pay('{ id: shop, from: role:shops, to: POST /* }')), []);
  });

  it('a caller that leaves a role loses its way', () => {
    const rule = '{ id: charge, from: role:shops, to: POST /charges }';
    const after = { ...pay(rule), 'mesh.yaml': `${meshFile}roles:\n  shops: [app]\n` };
    const [finding] = lost(pay(rule), after);
    assert.match(finding?.message ?? '', /^web may not call pay/);
    assert.match(finding?.notes?.[0] ?? '', /services\/pay.yaml:6 .*which says less now$/);
  });

  it('a service that is called and removed is told by whom', () => {
    const after = Object.fromEntries(
      Object.entries(pay()).filter(([file]) => file !== 'services/pay.yaml'),
    );
    const [finding] = lost(pay(charge), after);
    assert.equal(finding?.message, 'web calls pay, which is removed');
    assert.match(finding?.notes?.[0] ?? '', /services\/pay.yaml:1/);
  });

  it('the local port of a tcp service is its way', () => {
    const files = (calls: string): Files => ({
      ...pay(),
      'services/pay.yaml':
        'service: pay\nowner: t\nprotocol: tcp\nport: 9000\nallow:\n  - from: web\n',
      'services/web.yaml': serviceFile('web', calls),
    });
    const call = 'calls:\n  - { service: pay, local_port: 7000 }\n';
    const [finding, ...more] = lost(files(call), files(''));
    assert.deepEqual(more, []);
    assert.match(finding?.notes?.[0] ?? '', /services\/web.yaml:6/);
    const [moved] = lost(files(call), files(call.replace('7000', '7001')));
    assert.equal(moved?.message, 'web reaches pay at local port 7000, which becomes 7001');
    assert.deepEqual(lost(files(call), files(call.replace('7000', '7001')), noTraffic), []);
  });
});
