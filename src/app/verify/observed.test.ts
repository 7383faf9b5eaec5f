import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { observed } from './observed.ts';
import type { SentAnswer } from './send.ts';

function http(status: number, headers: Readonly<Record<string, string>> = {}): SentAnswer {
  return { kind: 'http', status, headers: new Map(Object.entries(headers)) };
}

function brief(found: ReturnType<typeof observed>): readonly unknown[] {
  return found.kind === 'none' ? [found.kind] : [found.kind, found.in, found.rule];
}

describe('what became of a request', () => {
  it('is what the proxy names by itself', () => {
    const line = { kind: 'request', rule: 'deny/no/slash', status: 403 };
    const found = observed(http(403, { 'x-chancery-code': 'CH2102' }), [line], false);
    assert.deepEqual(brief(found), ['deny', 'proxy', 'no/slash']);
    assert.equal(found.kind === 'deny' && found.code, 'CH2102');
  });

  it('is what the desk said where it was asked', () => {
    const decision = { kind: 'allow', rule: 'by-token' };
    const line = { kind: 'request', rule: 'ask/default', decision };
    assert.deepEqual(brief(observed(http(200), [line], true)), ['allow', 'desk', 'by-token']);
    const denied = { ...line, decision: { kind: 'deny', code: 'CH2101' } };
    assert.deepEqual(brief(observed(http(403), [denied], false)), ['deny', 'desk', undefined]);
  });

  it('is nothing where the desk was not reached: that is no decision', () => {
    const line = { kind: 'request', rule: 'ask/default', status: 503 };
    const found = observed(http(503, { 'x-chancery-code': 'CH2190' }), [line], false);
    assert.match(found.kind === 'none' ? found.why : '', /503 CH2190/);
  });

  it('is a refusal ahead of any rule, with or without a line of the log', () => {
    const line = { kind: 'request', details: 'path_normalization_failed' };
    const found = observed(http(400), [line], false);
    assert.deepEqual(brief(found), ['deny', 'listener', undefined]);
    assert.equal(found.why, 'path_normalization_failed');
    assert.deepEqual(brief(observed(http(400), [], false)), ['deny', 'listener', undefined]);
  });

  it('is a refused handshake only where the proxy says so', () => {
    const cut = { kind: 'cut', why: 'reset' } as const;
    const line = { kind: 'handshake', failure: 'CERTIFICATE_VERIFY_FAILED' };
    assert.deepEqual(brief(observed(cut, [line], false)), ['deny', 'handshake', undefined]);
    assert.deepEqual(brief(observed(cut, [], false)), ['none']);
  });

  it('of TCP is told by the end of the connection that had somebody on it', () => {
    const looked = { kind: 'connection', upstream: '127.0.0.1:1' };
    const ended = (by: object) => ({ ...looked, caller: 'spiffe://a.test/b', ...by });
    const open = { kind: 'connection', isOpen: true } as const;
    const shut = { ...open, isOpen: false };
    const by = (name: string, code: string) => [looked, ended({ rule: name, code })];
    const allowed = observed(open, [looked, ended({ rule: 'allow/books' })], true);
    assert.deepEqual(brief(allowed), ['allow', 'proxy', 'books']);
    const named = observed(shut, by('deny/never', 'CH2102'), false);
    assert.deepEqual(brief(named), ['deny', 'proxy', 'never']);
    assert.equal(named.kind === 'deny' && named.code, 'CH2102');
    const byDefault = observed(shut, by('none', 'CH2101'), false);
    assert.deepEqual(brief(byDefault), ['deny', 'proxy', undefined]);
    assert.deepEqual(brief(observed(shut, [looked], false)), ['none']);
  });
});
