import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProxyReply, ProxyResource } from '../client/gen/api.ts';
import { proxyText } from './proxy.ts';

const atMs = Date.UTC(2026, 10, 24, 3);

function resource(type: string, name: string, more: Partial<ProxyResource> = {}): ProxyResource {
  const from = [{ file: 'services/payments.yaml', line: 27 }];
  const commit = 'a'.repeat(40);
  return {
    ...{ type, name, version: '0123456789abcdef', state: 'accepted' },
    ...{ sinceMs: atMs - 5_000, from, commit },
    ...more,
  };
}

const reply: ProxyReply = {
  ...{ proxy: 'checkout-v1', atMs, kind: 'connected', sinceMs: atMs - 600_000 },
  resources: [
    resource('Listener', 'egress', { state: 'rejected', message: 'cannot bind' }),
    resource('Cluster', 'payments/v1'),
    resource('TypedExtensionConfig', 'chancery.policy'),
  ],
};

describe('chancery proxy', () => {
  it('in 80 columns no line and no commit is cut', () => {
    const text = proxyText(reply, { color: false, width: 80 });
    for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
    assert.match(
      text,
      /\nCluster\n {2}payments\/v1 +accepted +5 s +services\/payments.yaml:27 +a{12}\n/,
    );
    assert.match(text, /\n\nrefused Listener egress: cannot bind$/);
  });

  it('on a wide terminal the versions are there too', () => {
    const text = proxyText(reply, { color: false, width: 120 });
    assert.match(text, /payments.yaml:27 +a{12} +01234567\n/);
  });

  it('a resource of several places says of how many more', () => {
    const from = ['reports', 'payments', 'ledger'].map((name) => ({
      file: `services/${name}.yaml`,
      line: 1,
    }));
    const made = { ...reply, resources: [resource('RouteConfiguration', 'egress', { from })] };
    const text = proxyText(made, { color: false, width: 80 });
    assert.match(text, /services\/reports.yaml:1 \+2 +a{12}/);
  });

  it('each route has a row with its line, and one that was refused stands beside its resource', () => {
    const file = 'services/payments.yaml';
    const whole = { file: 'services/checkout.yaml', line: 1 };
    const beta = { file, line: 27, part: 'payments/x-beta-1' };
    const rest = { file, line: 30, part: 'payments/default' };
    const fine = resource('RouteConfiguration', 'egress', { from: [whole, beta, rest] });
    const text = proxyText({ ...reply, resources: [fine] }, { color: false, width: 80 });
    assert.match(text, /\n {2}egress +accepted +5 s +services\/checkout.yaml:1 +a{12}\n/);
    assert.match(text, /\n {4}payments\/x-beta-1 +services\/payments.yaml:27\n/);
    assert.match(text, /\n {4}payments\/default +services\/payments.yaml:30$/);
    const from = [rest, whole, beta];
    const bad = resource('RouteConfiguration', 'egress', { state: 'rejected', from });
    const refused = proxyText({ ...reply, resources: [bad] }, { color: false, width: 80 });
    assert.match(refused, /egress +rejected +5 s +services\/payments.yaml:30 +a{12}\n/);
  });
});
