import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize } from '../../policy/canonical.ts';
import { deny } from '../../policy/decision.ts';
import type { HttpFacts } from './check-request.ts';
import { type DecisionRecord, recordOf } from './decision-record.ts';

const plain: HttpFacts = {
  method: 'GET',
  path: '/',
  host: 'payments',
  scheme: 'http',
  headers: [],
};

function recorded(http: Partial<HttpFacts>): DecisionRecord {
  const principal = 'spiffe://acme/web';
  const facts = {
    principal,
    address: '',
    http: { ...plain, ...http },
    proxy: '',
    extensions: new Map(),
  };
  const decision = deny({ code: 'CH2101', reason: 'no rule allows this' });
  return recordOf(
    { decision, facts, token: undefined, isMember: false, fault: undefined },
    { id: 'd', timeMs: 0, latencyUs: 1, side: 'ingress', service: 'payments', proxy: undefined },
  );
}

function readingOf(http: Partial<HttpFacts>): string {
  const read = canonicalize({ ...plain, ...http, principal: 'spiffe://acme/web' });
  return read.ok ? 'one reading' : read.error.code;
}

test('no user of a host, parameter of a path or query in it is recorded, and what is recorded reads alike', () => {
  const asked: readonly Partial<HttpFacts>[] = [
    { host: 'user:hidden@payments' },
    { path: '/v1/charges;jsessionid=hidden/more' },
    { path: '/v1/charges%3Btoken=hidden' },
    { path: '/v1/charges%3ftoken=hidden/more' },
    { path: '/v1/charges%23hidden' },
    { path: '/v1/charges#hidden' },
    { path: 'http://user:hidden@payments/v1/charges' },
    { path: '/v1/charges?token=hidden' },
  ];
  for (const http of asked) {
    const record = recorded(http);
    assert.doesNotMatch(JSON.stringify(record), /hidden/);
    // `why --decision` asks anew by the log.
    assert.equal(readingOf({ path: record.path, host: record.host }), readingOf(http), record.path);
  }
  assert.equal(recorded(asked[0] ?? {}).host, 'redacted@payments');
  assert.equal(recorded(asked[1] ?? {}).path, '/v1/charges;redacted');
});

test('nothing that a caller chooses is recorded without end', () => {
  const long = 'X'.repeat(60_000);
  const headers = [['x-request-id', long]] as const;
  const record = recorded({ method: long, path: `/${long}`, host: long, headers });
  assert.ok(JSON.stringify(record).length < 3_000);
});
