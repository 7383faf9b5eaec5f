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
    const { who, ...rest } = parsed(text).intent?.mesh.breakglass ?? {};
    assert.deepEqual(rest, { approvals: 2, forMsMax: 3_600_000, ticket: 'required' });
    assert.deepEqual(
      who?.map(({ name, at }) => [name, at.line, at.column]),
      [
        ['token oncall', 3, 62],
        ['uid 0', 3, 76],
        ['spiffe://m.test/ops', 3, 83],
      ],
    );
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

  const told = (who: string, more = '') =>
    parsed(`${more}breakglass: { who: [${who}] }`).findings.map(
      ({ code, severity, nearest, at }) => [code, severity, nearest, at?.line] as const,
    );

  it('what is no name of an operator is told with the name that comes near', () => {
    for (const [who, nearest] of [
      ['oncall', 'token oncall'],
      ['"Token oncall"', 'token oncall'],
      ['"token  oncall"', 'token oncall'],
      ['"tokens oncall"', undefined],
      ['1000', 'uid 1000'],
      ['uid:1000', 'uid 1000'],
      ['uid 007', undefined],
      ['uid 4294967295', undefined],
      ['spiffe://m.test/', undefined],
    ] as const) {
      const [finding] = told(who);
      assert.deepEqual(finding?.slice(0, 3), ['CH1121', 'error', nearest], who);
    }
  });

  it('a SPIFFE ID that is no operator, or one who only looks, is warned of', () => {
    const operators = 'operators: { viewers: [web], admins: [spiffe://m.test/platform] }\n';
    assert.deepEqual(told('spiffe://m.test/platform', operators), []);
    assert.deepEqual(told('spiffe://m.test/web', operators), [['CH1123', 'warning', undefined, 4]]);
    assert.deepEqual(told('spiffe://m.test/platfrom', operators), [
      ['CH1123', 'warning', 'spiffe://m.test/platform', 4],
    ]);
  });

  it('two approvals of one operator, and one who is named twice, are warned of', () => {
    const two = (who: string) =>
      parsed(`breakglass: { approvals: 2, who: [${who}] }`).findings.map(({ code }) => code);
    assert.deepEqual(two('token a'), ['CH1123']);
    assert.deepEqual(two('token a, token a'), ['CH1123', 'CH1125']);
    assert.deepEqual(two('token a, token b'), []);
  });

  it('no rule of a file looks like that of a grant', () => {
    const { findings } = parsed('', 'allow:\n  - { id: breakglass-ab12, from: web }\n');
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['CH1122'],
    );
  });
});
