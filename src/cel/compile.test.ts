import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checked, computed, ran, reading, run } from './cel.fixture.ts';
import { compileCel } from './compile.ts';
import { stepsMax } from './limits.ts';
import { type CelMap, celFault, celFromJson, celTimestamp, celUnknown } from './value.ts';

const headers = new Map<string, string | ReturnType<typeof celFault>>([
  ['x-team', 'web'],
  ['x-twice', celFault('came 2 times')],
]);

describe('what a condition reads', () => {
  it('a variable that is not there is an error with its place, and `has` tells', () => {
    assert.equal(ran('true && source.team == "web"'), 'source.team is not there at 8');
    assert.equal(ran('has(source.team) && source.team == "web"'), false);
    assert.equal(ran('has(source.team)', { 'source.team': '' }), true);
  });

  it('a token is there or not as a whole', () => {
    assert.equal(ran('has(token)'), false);
    assert.equal(ran('has(token)', { token: true }), true);
    assert.equal(ran('has(token.issuer) || !has(token)'), true);
  });

  it('a header that came twice is an error for its value, but it is there', () => {
    const given = { 'request.headers': headers };
    assert.equal(ran('request.headers["x-twice"] == "a"', given), '`x-twice`: came 2 times at 0');
    assert.equal(ran('"x-twice" in request.headers', given), true);
    assert.equal(ran('has(request.headers.`x-twice`)', given), true);
    assert.equal(ran('request.headers["x-no"] == "a"', given), 'there is no `x-no` at 0');
    assert.equal(ran('request.headers.exists(h, h.startsWith("x-t"))', given), true);
  });

  it('no error says what a request holds: it goes to logs', () => {
    const given = {
      'request.headers': new Map([['x-a', 'geheim']]),
      'token.claims': celFromJson({ level: 'geheim', key: ['geheim'] }),
    };
    for (const text of [
      ...['int', 'uint', 'double', 'bool', 'timestamp', 'duration'].map(
        (to) => `string(${to}(token.claims.level)) == "1"`,
      ),
      ...['int(request.headers["x-a"]) > 1', 'inCidr(request.headers["x-a"], "10.0.0.0/8")'],
      'inCidr("10.0.0.1", request.headers["x-a"])',
      'timestamp(request.headers["x-a"]) < timestamp("2026-01-01T00:00:00Z")',
      'timestamp("2026-01-01T00:00:00Z").getHours(request.headers["x-a"]) == 1',
      '{"a": true}[request.headers["x-a"]]',
      'request.headers[request.headers["x-a"]] == "b"',
      '{request.headers["x-a"]: 1, request.headers["x-a"]: 2}.size() == 2',
      'token.claims.level && true',
      'token.claims.level < 1',
      'token.claims.key[token.claims.level] == 1',
    ]) {
      const outcome = run(text, given);
      if (outcome.kind === 'value') continue;
      assert.doesNotMatch(JSON.stringify(outcome), /geheim/, text);
    }
  });

  it('a faulty variable is an error, and is there', () => {
    const given = { 'source.team': celFault('two sources disagree') };
    assert.equal(ran('source.team == "a"', given), 'source.team: two sources disagree at 0');
    assert.equal(ran('has(source.team)', given), true);
    assert.equal(
      ran('has(source.team)', { 'source.team': celUnknown('source.team') }),
      'unknown source.team',
    );
  });

  it('claims are JSON: numbers are doubles, only own keys are there', () => {
    const given = {
      'token.claims': celFromJson({ level: 3, groups: ['a'], nested: { admin: true }, none: null }),
    };
    assert.equal(ran('token.claims.level == 3 && token.claims.level >= 2.5', given), true);
    assert.equal(ran('"a" in token.claims.groups && token.claims.nested.admin', given), true);
    assert.equal(ran('token.claims.none == null', given), true);
    assert.equal(ran('has(token.claims.constructor)', given), false);
    assert.equal(ran('"__proto__" in token.claims.nested', given), false);
    assert.match(
      String(ran('token.claims.level + 1 == 4', given)),
      /not defined for double and int/,
    );
    assert.equal(ran('token.claims.groups == "a"', given), false);
  });

  it('a number finds what is kept under the same number of another type', () => {
    assert.equal(computed('{1: "a"}[dyn(1.0)]'), 'a');
    assert.equal(computed('{1u: "a"}[dyn(1)]'), 'a');
    assert.match(String(computed('{1: "a"}[dyn(1.5)]')), /there is no/);
    assert.equal(computed('[7, 8][1]'), 8);
    assert.equal(computed('[7, 8][2]'), 'a list of 2 has no such element');
    assert.equal(computed('[7, 8][-1]'), 'a list of 2 has no such element');
    assert.equal(computed('{"a": 1, "a": 2}'), 'a key comes twice');
  });
});

describe('what a condition costs', () => {
  const long = Array.from({ length: 200 }, (_, index) => `r${index}`);

  it('macros inside macros end with an error at the limit of steps', () => {
    const given = { 'source.roles': long };
    const inside =
      'source.roles.all(a, source.roles.all(b, source.roles.all(c, a != b || b != "x")))';
    assert.match(String(ran(inside, given)), /more steps than a condition may/);
    assert.equal(ran('source.roles.all(a, a.startsWith("r"))', given), true);
  });

  it('an error at the limit can not be hidden by an enclosing macro for long', () => {
    const given = { 'source.roles': Array.from({ length: stepsMax }, () => 'r') };
    const text = 'source.roles.exists(a, source.roles.all(b, source.roles.all(c, c != "x")))';
    assert.match(String(ran(text, given)), /more steps/);
  });

  it('lists that hold lists twice, over and over, are not walked to their end', () => {
    const doubled = `${'[x, x]'}`;
    const grow = '["a"]'.concat(`.map(x, ${doubled})`.repeat(40));
    assert.match(String(computed(`${grow} == ${grow}`)), /more steps/);
  });

  it('strings and lists that are put together keep their limit', () => {
    const grow = '["aaaaaaaa"]'.concat('.map(x, x + x)'.repeat(20));
    assert.match(String(computed(grow)), /a string is put together of more than 131072/);
    const lists = '[[1, 2, 3, 4]]'.concat('.map(x, x + x)'.repeat(14));
    assert.match(String(computed(lists)), /a list is put together of more than 10000/);
    const commas = ','.repeat(60_000);
    assert.match(
      String(ran('request.path.split(",").size() > 1', { 'request.path': commas })),
      /a list is put together/,
    );
  });

  it('the steps of one evaluation are not those of the next', () => {
    const program = compileCel(checked('source.roles.all(a, a != "x")').expr);
    const read = reading({ 'source.roles': long });
    for (let turn = 0; turn < 200; turn += 1) assert.equal(program(read).kind, 'value');
  });

  it('what reads nothing is computed once, when it is compiled', () => {
    let asked = 0;
    const map: CelMap = {
      size: 1,
      has: () => true,
      get: () => {
        asked += 1;
        return 'x';
      },
      keys: () => ['a'],
    };
    const { expr } = checked('request.headers["a"] in ["x", "y"].map(e, e + "")');
    const program = compileCel(expr);
    assert.equal(program(reading({ 'request.headers': map })).kind, 'value');
    assert.equal(asked, 1);
  });

  it('a program may be run while it runs', () => {
    const { expr } = checked('source.roles.exists(a, source.service == a)');
    const program = compileCel(expr);
    const inner = reading({ 'source.roles': ['q', 'r'], 'source.service': 'zz' });
    const outer = program((name) => {
      if (name === 'source.roles') return ['a', 'b'];
      program(inner);
      return 'b';
    });
    assert.deepEqual(outer, { kind: 'value', value: true });
  });
});

describe('times', () => {
  const at = (iso: string) => ({ 'request.time': celTimestamp(Date.parse(iso)) });

  it('hours follow the clocks of a zone through both changes of a year', () => {
    const hour = (iso: string) => {
      for (let candidate = 0; candidate < 24; candidate += 1) {
        const text = `request.time.getHours("Europe/Berlin") == ${candidate}`;
        if (ran(text, at(iso)) === true) return candidate;
      }
      return -1;
    };
    assert.equal(hour('2026-03-29T00:59:59.999Z'), 1);
    assert.equal(hour('2026-03-29T01:00:00Z'), 3);
    assert.equal(hour('2026-10-25T00:59:59Z'), 2);
    assert.equal(hour('2026-10-25T01:00:00Z'), 2);
    assert.equal(hour('2026-10-25T01:59:59Z'), 2);
    assert.equal(hour('2026-10-25T02:00:00Z'), 3);
  });

  it('the time of a request is held against now', () => {
    const given = {
      ...at('2026-01-01T10:00:00Z'),
      time: celTimestamp(Date.parse('2026-01-01T10:04:59Z')),
    };
    assert.equal(ran('time - request.time < duration("5m")', given), true);
    assert.equal(ran('time - request.time < duration("4m")', given), false);
  });
});

it('an unknown outcome and an error are told as such', () => {
  assert.deepEqual(run('source.team == "a"', { 'source.team': celUnknown('source.team') }), {
    kind: 'unknown',
    names: ['source.team'],
  });
  assert.deepEqual(run('source.team == "a"'), {
    kind: 'error',
    message: 'source.team is not there',
    at: 0,
  });
});
