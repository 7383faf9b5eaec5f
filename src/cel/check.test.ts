import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checked, problemsOf } from './cel.fixture.ts';
import { reservedNames, standardDeclarations } from './variables.ts';

function tells(text: string, ...problems: readonly string[]): void {
  assert.deepEqual(problemsOf(text), problems, text);
}

describe('checking a condition', () => {
  it('resolves names to flat ones and macros to slots', () => {
    const { expr } = checked('request.headers["x"] == "y" && source.roles.exists(r, r == "a")');
    assert.deepEqual(JSON.parse(JSON.stringify(expr)), {
      k: 'and',
      terms: [
        {
          k: 'call',
          fn: '==',
          args: [
            {
              k: 'get',
              of: { k: 'var', name: 'request.headers', at: 0, len: 15 },
              key: { k: 'string', v: 'x' },
              at: 0,
              len: 20,
            },
            { k: 'string', v: 'y' },
          ],
          at: 0,
          len: 27,
        },
        {
          k: 'loop',
          macro: 'exists',
          over: { k: 'var', name: 'source.roles', at: 31, len: 12 },
          slot: 0,
          name: 'r',
          body: {
            k: 'call',
            fn: '==',
            args: [
              { k: 'local', slot: 0, name: 'r', at: 54, len: 1 },
              { k: 'string', v: 'a' },
            ],
            at: 54,
            len: 8,
          },
          at: 31,
          len: 32,
        },
      ],
      at: 0,
      len: 63,
    });
  });

  it('an unknown name is told with the nearest known one', () => {
    tells(
      'sorce.team == "a"',
      'sorce.team: there is no variable `sorce.team` (did you mean source.team)',
    );
    tells('source.taem == "a"', 'taem: `source` has no `taem` (did you mean source.team)');
    tells(
      'request.header["x"] == "a"',
      'header: `request` has no `header` (did you mean request.headers)',
    );
    tells('has(source.taem)', 'taem: `source` has no `taem` (did you mean source.team)');
    tells(
      'request.path.startWith("/a")',
      'startWith: there is no function `startWith` (did you mean startsWith)',
    );
    tells(
      'source.roles.exist(r, r == "a")',
      'exist: there is no function `exist` (did you mean exists)',
    );
    tells('tiem > request.time', 'tiem: there is no variable `tiem` (did you mean time)');
  });

  it('a group is no value', () => {
    tells(
      'source == "a"',
      'source: `source` is a group, name one of its fields (expected source.team)',
    );
    tells('token', 'token: `token` is no value, it can be asked for (expected has(token))');
    tells(
      'has(source)',
      'source: `source` is a group, name one of its fields (expected source.team)',
    );
  });

  it('equality asks for one type', () => {
    tells('source.level == "3"', '"3": `==` can not compare int with string (expected int)');
    tells(
      'source.roles != "a"',
      '"a": `!=` can not compare list<string> with string (expected list<string>)',
    );
    tells('1 == 1.0', '1.0: `==` can not compare int with double (expected int)');
    tells('token.claims.x == "a" || token.claims.x == 3');
  });

  it('operators and functions are held to their types', () => {
    tells(
      'request.time > "2026-01-01"',
      '"2026-01-01": `>` is not defined for timestamp and string (expected timestamp)',
    );
    tells('source.level + "a" == "b"', '"a": `+` is not defined for int and string (expected int)');
    tells('!source.team', 'source.team: `!` turns a bool, found string (expected bool)');
    tells('source.team && true', 'source.team: `&&` joins bools, found string (expected bool)');
    tells('1 in source.roles', '1: a list<string> has no int (expected string)');
    tells(
      '"a" in source.team',
      'source.team: `in` looks into a list or a map, found string (expected a list)',
    );
    tells(
      'request.path.contains(1)',
      '1: `contains` is not defined for string and int (expected string.contains(string))',
    );
    tells(
      'startsWith(request.path, "/")',
      'startsWith: `startsWith` is not called like this (expected string.startsWith(string))',
    );
    tells(
      'source.roles["a"] == "b"',
      '"a": an element of a list<string> is found by int, found string (expected int)',
    );
    tells(
      'source.team[0] == "b"',
      'source.team: a string has no elements (expected a list or a map)',
    );
    tells('source.team.lead == "b"', 'lead: a string has no field `lead`');
    tells(
      'source.critical ? 1 : "a"',
      '"a": both sides of `:` have one type, these are int and string (expected int)',
    );
  });

  it('macros take a name, and a list or a map to go through', () => {
    tells(
      'source.team.exists(t, t == "a")',
      'source.team: `exists` goes through a list or a map, found string (expected a list)',
    );
    tells(
      'source.roles.exists(r == "a")',
      'exists: `exists` takes a new name and what to ask of it (expected exists(x, …))',
    );
    tells('source.roles.all(r, r)', 'r: `all` asks a bool of each, found string (expected bool)');
    tells(
      'source.roles.all(r, r.sise() == 1)',
      'sise: there is no function `sise` (did you mean size)',
    );
    tells('source.roles.all(source, source == "a")');
  });

  it('a condition is a bool', () => {
    tells('source.level + 1', 'source.level + 1: a condition is a bool, found int (expected bool)');
    tells('token.claims.admin');
  });

  it('what is written down is read at once: patterns, networks, zones, times', () => {
    tells(
      'request.path.matches("(a")',
      '"(a": the pattern can not be read: error parsing regexp: missing closing ): `(a`',
    );
    tells(
      'request.path.matches(source.team)',
      'source.team: the pattern of `matches` is written down (expected a string in quotes)',
    );
    tells(
      'request.path.matches("(?:[a-z]{1,500}/)*x")',
      '"(?:[a-z]{1,500}/)*x": the pattern can not be read: it takes 1004 instructions, at most 500 are allowed',
    );
    tells(
      'inCidr(source.address, "10.0.0.1/8")',
      '"10.0.0.1/8": this is no network like 10.0.0.0/8 or 2001:db8::/32',
    );
    tells(
      'request.time.getHours("Europe/Berln") == 1',
      '"Europe/Berln": `Europe/Berln` is no time zone (expected "Europe/Berlin")',
    );
    tells(
      'request.time > timestamp("2026-02-30T00:00:00Z")',
      'timestamp("2026-02-30T00:00:00Z"): this is no time like 2026-01-31T09:00:00Z',
    );
    tells(
      'time - request.time < duration("5 min")',
      'duration("5 min"): this is no duration like 1h30m or 1.5s',
    );
  });

  it('several mistakes are told together, in the order of the text', () => {
    tells(
      'sorce.team == "a" && source.level == "b"',
      'sorce.team: there is no variable `sorce.team` (did you mean source.team)',
      '"b": `==` can not compare int with string (expected int)',
    );
  });

  it('a condition that does not depend on the request is told as constant', () => {
    assert.equal(checked('1 == 1').constant, true);
    assert.equal(checked('request.method == "GET" || true').constant, true);
    assert.equal(checked('source.team == "a" && 1 > 2').constant, false);
    assert.equal(checked('has(request.method)').constant, true);
    assert.equal(checked('has(source.team)').constant, undefined);
    assert.equal(checked('request.method == "GET"').constant, undefined);
    tells('1 / 0 == 1', '1: this always fails: division by zero');
  });
});

describe('declared variables', () => {
  it('attributes can be read of both sides and are optional', () => {
    const declared = standardDeclarations(new Map([['team', { kind: 'string' }]]));
    assert.deepEqual(declared.get('source.team'), { type: { kind: 'string' }, optional: true });
    assert.deepEqual(declared.get('destination.team'), {
      type: { kind: 'string' },
      optional: true,
    });
  });

  it('an attribute can not take a name that is built in or that CEL keeps', () => {
    const names = reservedNames();
    for (const name of ['service', 'roles', 'address', 'trust_domain', 'principal', 'in', 'true'])
      assert.ok(names.has(name), name);
    for (const name of ['team', 'method', 'issuer']) assert.ok(!names.has(name), name);
  });

  it('no attribute hides a built-in variable', () => {
    const declared = standardDeclarations(new Map([['service', { kind: 'int' }]]));
    assert.equal(declared.get('source.service')?.type.kind, 'string');
  });
});
