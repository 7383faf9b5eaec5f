import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { celEnv, isCelError, plan } from '@bufbuild/cel';
import { create, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { ParsedExprSchema } from '../gen/cel/expr/syntax_pb.js';
import { checked, reading } from './cel.fixture.ts';
import { compileCel } from './compile.ts';
import type { CelLiteral } from './expr.ts';
import { type RandomNumber, seeded } from './random.fixture.ts';
import { envoyExpr } from './to-envoy.ts';
import { celFault, celTimestamp } from './value.ts';

function kept(text: string): string {
  const result = envoyExpr(checked(text).expr);
  return 'kept' in result ? result.kept : 'run in the proxy';
}

describe('conditions inside the proxy', () => {
  it('are the trees that a parser of CEL makes, over attributes of Envoy', () => {
    const result = envoyExpr(checked('request.method == "GET" && "x-a" in request.headers').expr);
    assert.deepEqual(result, {
      canFail: false,
      expr: {
        id: '9',
        callExpr: {
          function: '_&&_',
          args: [
            {
              id: '4',
              callExpr: {
                function: '_==_',
                args: [
                  {
                    id: '2',
                    selectExpr: {
                      operand: { id: '1', identExpr: { name: 'request' } },
                      field: 'method',
                    },
                  },
                  { id: '3', constExpr: { stringValue: 'GET' } },
                ],
              },
            },
            {
              id: '8',
              callExpr: {
                function: '@in',
                args: [
                  { id: '5', constExpr: { stringValue: 'x-a' } },
                  {
                    id: '7',
                    selectExpr: {
                      operand: { id: '6', identExpr: { name: 'request' } },
                      field: 'headers',
                    },
                  },
                ],
              },
            },
          ],
        },
      },
    });
  });

  it('keep at the desk what the proxy does not know, can not run or reads otherwise', () => {
    for (const [text, reason] of [
      ['source.team == "a"', /source\.team is known at the desk only/],
      ['has(token)', /token is known at the desk only/],
      ['time > request.time', /no clock/],
      ['request.host == "a"', /only as it was sent/],
      ['inCidr(source.address, "10.0.0.0/8")', /./],
      ['request.path.split("/").size() > 2', /does not know `split`/],
      ['request.path.lowerAscii() == "/a"', /does not know `lowerAscii`/],
      ['["a"].exists(x, x == request.method)', /can not run `exists`/],
      ['request.headers["x"].startsWith("a")', /joins a header/],
      ['request.headers["x"] != "a"', /joins a header/],
      ['!(request.headers["x"] == "a")', /joins a header/],
      ['request.headers["x"] == "a,b"', /joins a header/],
      ['request.headers[":path"] == "a"', /joins a header/],
      ['request.headers["x"] == "a" ? true : false', /joins a header/],
      ['":path" in request.headers', /must be written down/],
      ['request.time.getHours("Europe/Berlin") == 3', /clocks of a time zone/],
      ['request.path.size() > 1.5', /numbers of one kind/],
      ['dyn(request.method) == "GET"', /does not know `dyn`/],
    ] as const)
      assert.match(kept(text), reason, text);
  });

  it('tell whether they can end in an error', () => {
    const canFail = (text: string) => {
      const result = envoyExpr(checked(text).expr);
      return 'kept' in result ? result.kept : result.canFail;
    };
    assert.equal(canFail('request.path.startsWith("/a") && request.path.size() < 9'), false);
    assert.equal(canFail('request.time > timestamp("2026-01-01T00:00:00Z")'), false);
    assert.equal(canFail('request.time.getHours("+01:00") in [9, 10]'), false);
    assert.equal(canFail('request.headers["x"] == "a"'), true);
    assert.equal(canFail('source.principal == "spiffe://a.test/b"'), true);
    assert.equal(canFail('request.path.size() / request.method.size() == 1'), true);
  });

  it('take what is settled for a proxy as if it were written down', () => {
    const literals: Readonly<Record<string, CelLiteral>> = {
      'destination.team': { k: 'string', v: 'a' },
    };
    const { expr } = checked('destination.team == "a" && request.method == "GET"');
    const result = envoyExpr(expr, (name) => literals[name]);
    assert.ok('expr' in result);
    assert.match(JSON.stringify(result.expr), /"stringValue":"a"/);
  });
});

const leaves = [
  'request.method == "GET"',
  'request.method in ["GET", "PUT"]',
  'request.path.startsWith("/a")',
  'request.path.matches("^/[ab]+$")',
  'request.path.size() % 2 == 0',
  '10 / (request.path.size() - 3) > 2',
  'request.headers["x"] == "a"',
  'request.headers["x"] in ["a", "b"]',
  '"x" in request.headers',
  'has(request.headers.x)',
  'request.headers["x"] != "a"',
  'request.time.getHours() > 11',
  'request.time - timestamp("2026-01-01T00:00:00Z") < duration("12h")',
  'source.principal.endsWith("/web")',
  'source.team == "a"',
  'true',
];

function grow(random: RandomNumber, depth: number): string {
  const leaf = () => leaves[Math.floor(random() * leaves.length)] ?? 'true';
  const inner = () => grow(random, depth - 1);
  if (depth === 0) return leaf();
  switch (Math.floor(random() * 5)) {
    case 0:
      return `(${inner()} && ${inner()} && ${leaf()})`;
    case 1:
      return `(${inner()} || ${inner()} || ${leaf()})`;
    case 2:
      return `!(${inner()})`;
    case 3:
      return `(${inner()} ? ${inner()} : ${inner()})`;
    default:
      return leaf();
  }
}

function request(random: RandomNumber) {
  const pick = <T>(...list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const values = pick([], ['a'], ['b'], ['a', 'a'], ['c', 'a']);
  const seconds = Date.UTC(2026, 0, 1) / 1000 + pick(0, 40_000, 80_000);
  const method = pick('GET', 'PUT', 'POST');
  const path = pick('/a', '/b', '/abc', '/ab');
  const principal = pick('spiffe://a.test/web', 'spiffe://a.test/api');
  const header = values.length > 1 ? celFault('came 2 times') : values[0];
  return {
    given: {
      'request.method': method,
      'request.path': path,
      'request.time': celTimestamp(seconds * 1000),
      'request.headers': new Map(header === undefined ? [] : [['x', header]]),
      'source.principal': principal,
      'source.team': 'a',
    },
    attributes: {
      request: {
        method,
        url_path: path,
        time: create(TimestampSchema, { seconds: BigInt(seconds) }),
        headers: new Map(values.length === 0 ? [] : [['x', values.join(',')]]),
      },
      connection: { uri_san_peer_certificate: principal },
    },
  };
}

it('a condition that the proxy runs is true there for the same requests', () => {
  const random = seeded(5);
  const env = celEnv();
  let ran = 0;
  let failed = 0;
  for (let round = 0; round < 3000; round += 1) {
    const text = grow(random, 3);
    const { expr } = checked(`${text} || source.team == "never"`);
    const part = expr.k === 'or' ? { ...expr, terms: expr.terms.slice(0, -1) } : expr;
    const result = envoyExpr(part);
    if ('kept' in result) continue;
    const theirs = plan(
      env,
      fromJson(ParsedExprSchema, { expr: result.expr } as unknown as JsonValue),
    );
    const ours = compileCel(part);
    for (let turn = 0; turn < 8; turn += 1) {
      const { given, attributes } = request(random);
      const outcome = ours(reading(given));
      const found = theirs(attributes);
      assert.equal(found === true, outcome.kind === 'value' && outcome.value === true, text);
      if (isCelError(found)) failed += 1;
      assert.ok(result.canFail || !isCelError(found), text);
      assert.ok(result.canFail || outcome.kind === 'value', text);
      ran += 1;
    }
  }
  assert.ok(ran > 4000 && failed > 50, `${ran} runs, ${failed} errors`);
});
