import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIntent } from './parse.ts';

function parsed(mesh: string, rule = '') {
  return parseIntent(
    new Map([
      ['mesh.yaml', `mesh: m\ntrust_domain: m.test\n${mesh}`],
      ['services/web.yaml', `service: web\nowner: t\nprotocol: http\nport: 8080\n${rule}`],
    ]),
  );
}

describe('who may grant access beside Git', () => {
  it('one operator for four hours, unless said', () => {
    assert.deepEqual(parsed('').intent?.mesh.breakglass, {
      ...{ approvals: 1, forMsMax: 14_400_000, ticket: 'optional', who: undefined },
    });
  });

  it('is as the file says', () => {
    const text =
      'breakglass: { approvals: 2, max: 1h, ticket: required, who: [token oncall, uid 0, spiffe://m.test/ops] }';
    assert.deepEqual(parsed(text).intent?.mesh.breakglass, {
      ...{ approvals: 2, forMsMax: 3_600_000, ticket: 'required' },
      who: ['token oncall', 'uid 0', 'spiffe://m.test/ops'],
    });
  });

  it('what could not be meant is a finding', () => {
    for (const [text, code] of [
      ['breakglass: { approvals: 3 }', 'CH1016'],
      ['breakglass: { max: 25h }', 'CH1121'],
      ['breakglass: { who: [oncall] }', 'CH1121'],
    ] as const) {
      assert.deepEqual(
        parsed(text).findings.map((finding) => finding.code),
        [code],
        text,
      );
    }
  });

  it('no rule of a file looks like that of a grant', () => {
    const { findings } = parsed('', 'allow:\n  - { id: breakglass-ab12, from: web }\n');
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['CH1122'],
    );
  });
});
