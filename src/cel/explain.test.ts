import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checked, type Given, reading } from './cel.fixture.ts';
import { explainCel } from './explain.ts';
import { celFault, celTimestamp, celUnknown } from './value.ts';

function reasons(text: string, given: Given): string[] {
  return explainCel(checked(text).expr, reading(given)).map(
    ({ offset, length, outcome, message, values }) =>
      [
        `${text.slice(offset, offset + length)}: ${outcome}`,
        ...(message === undefined ? [] : [message]),
        ...values.map((value) => `${value.name} = ${value.text}`),
      ].join('; '),
  );
}

describe('explaining a condition', () => {
  const given: Given = {
    'source.team': 'web',
    'source.level': 2,
    'request.method': 'GET',
    'request.headers': new Map([['x-team', celFault('came 2 times')]]),
    'request.time': celTimestamp(Date.UTC(2026, 10, 29, 22)),
    'source.roles': ['a', 'b'],
    'source.critical': celUnknown('source.critical'),
  };

  it('names those terms of `&&` that are not true, with what they read', () => {
    assert.deepEqual(
      reasons('request.method == "GET" && (source.team == "api") && source.level >= 3', given),
      [
        '(source.team == "api"): false; source.team = "web"',
        'source.level >= 3: false; source.level = 2',
      ],
    );
  });

  it('tells errors and what is not known', () => {
    assert.deepEqual(
      reasons(
        'request.headers["x-team"] == "a" && source.critical && destination.team == "x"',
        given,
      ),
      [
        'request.headers["x-team"] == "a": error; `x-team`: came 2 times; request.headers["x-team"] = error',
        'source.critical: unknown; source.critical not known; source.critical = unknown',
        'destination.team == "x": error; destination.team is not there; destination.team = absent',
      ],
    );
  });

  it('names every term of `||`, and under `!` what is true', () => {
    assert.deepEqual(reasons('source.team == "api" || "c" in source.roles', given), [
      'source.team == "api": false; source.team = "web"',
      '"c" in source.roles: false; source.roles = ["a", "b"]',
    ]);
    assert.deepEqual(reasons('!(source.team == "web" && source.level == 2)', given), [
      'source.team == "web": true; source.team = "web"',
      'source.level == 2: true; source.level = 2',
    ]);
    assert.deepEqual(reasons('!has(source.team)', given), [
      'has(source.team): true; source.team = "web"',
    ]);
  });

  it('follows the side of `?:` that was taken', () => {
    assert.deepEqual(reasons('has(source.team) ? source.level > 2 : true', given), [
      'source.level > 2: false; source.level = 2',
    ]);
  });

  it('shows times and macros as they stand', () => {
    assert.deepEqual(
      reasons('request.time.getHours() < 18 && source.roles.all(r, r == "a")', given),
      [
        'request.time.getHours() < 18: false; request.time = timestamp("2026-11-29T22:00:00Z")',
        'source.roles.all(r, r == "a"): false; source.roles = ["a", "b"]',
      ],
    );
  });

  it('a condition that is true has no reasons', () => {
    assert.deepEqual(reasons('source.team == "web"', given), []);
  });

  it('long values are cut', () => {
    const long = {
      'source.team': 'x'.repeat(5000),
      'source.roles': Array.from({ length: 50 }, () => 'r'),
    };
    assert.ok(reasons('source.team == "a"', long).join().length < 200);
    assert.match(reasons('"a" in source.roles', long).join(), /… 42 more\]/);
  });
});
