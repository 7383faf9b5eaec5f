import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { canonicalize, type RawRequest } from './canonical.ts';

const plainRequest: RawRequest = {
  principal: 'spiffe://acme/cart',
  method: 'GET',
  path: '/a',
  host: 'payments',
  headers: [],
};

function outcome(change: Partial<RawRequest>): string {
  const result = canonicalize({ ...plainRequest, ...change });
  if (!result.ok) return result.error.code;
  const { caller, method, path, host } = result.value;
  return `${caller?.trustDomain}|${caller?.name} ${method} ${host} ${path}`;
}

const pathOf = (path: string) => outcome({ path }).replace('acme|cart GET payments ', '');
const hostOf = (host: string) => outcome({ host }).replace(/acme\|cart GET (\S+) \/a/, '$1');
const callerOf = (principal: string) => outcome({ principal }).split(' ')[0];

describe('paths', () => {
  const cases: readonly (readonly [rule: string, given: string, expected: string])[] = [
    ['a plain path stays as it is', '/v1/charges', '/v1/charges'],
    ['the root stays', '/', '/'],
    ['the query is cut off', '/admin?x=/public', '/admin'],
    ['dots in a query are data', '/public?/../admin', '/public'],
    ['a final slash is kept', '/admin/', '/admin/'],
    ['slashes are merged', '//public///admin', '/public/admin'],
    ['a dot segment is resolved', '/public/../admin', '/admin'],
    ['an encoded dot segment is resolved', '/public/%2e%2e/admin', '/admin'],
    ['dot segments do not climb over the root', '/../../admin', '/admin'],
    ['a last dot segment leaves a final slash', '/a/b/..', '/a/'],
    ['three dots are a name', '/.../a', '/.../a'],
    ['dots are resolved before slashes are merged', '/a//../b', '/a/b'],
    ['dots take one slash of many', '/public///..///admin', '/public/admin'],
    ['dots after a double slash at the root stay at the root', '//../admin', '/admin'],
    ['a name with dots in it is a name', '/a..b/c..', '/a..b/c..'],
    ['an encoded percent sign at the end is data', '/100%25', '/100%'],
    ['escapes of unreserved characters are what they stand for', '/%7E%2d%5f', '/~-_'],
    ['the case of an escape does not matter', '/%C3%a9', '/é'],
    ['a letter is decoded', '/%61dmin', '/admin'],
    ['an encoded number sign is data', '/admin%23x', '/admin#x'],
    ['an encoded question mark is data', '/admin%3Fx', '/admin?x'],
    ['a percent sign that escapes nothing is data', '/100%25', '/100%'],
    ['UTF-8 is decoded', '/m%C3%BCnchen', '/münchen'],
    ['case is kept', '/pkg.svc/method', '/pkg.svc/method'],
    ['a path is absolute', 'admin', 'CH2121'],
    ['an empty path is refused', '', 'CH2121'],
    ['the asterisk form is refused', '*', 'CH2121'],
    ['a fragment is refused behind a query, too', '/public?a#b', 'CH2121'],
    ['a raw byte above ASCII in a query is refused', '/public?\u00e9', 'CH2121'],
    ['a space in a query is refused', '/public?a b', 'CH2121'],
    ['a control character in a query is refused', '/public?a\x01', 'CH2121'],
    ['what else a query holds is data', '/public?a="<\\^`{|}>;%', '/public'],
    ['a backslash is refused', '/public\\..\\admin', 'CH2121'],
    ['a fragment is refused', '/public#/../admin', 'CH2121'],
    ['a control character is refused', '/a\tb', 'CH2121'],
    ['a NUL is refused', '/a\0b', 'CH2121'],
    ['a space is refused', '/a b', 'CH2121'],
    ['a raw byte above ASCII is refused', '/ü', 'CH2121'],
    ['an encoded slash stays encoded', '/admin%2fusers', '/admin%2Fusers'],
    ['an encoded slash is refused where it hides dots', '/public/a%2F..%2Fb', 'CH2122'],
    ['an encoded slash is refused at the start of dots', '/public/%2F.', 'CH2122'],
    ['an encoded slash may be a whole segment', '/api/queues/%2F/name', '/api/queues/%2F/name'],
    ['dots are resolved over an encoded slash as over a name', '/a/b%2Fc/../d', '/a/d'],
    ['no character of UTF-8 reaches over an encoded slash', '/%C3%2F%A9', 'CH2124'],
    ['an encoded backslash is refused', '/admin%5cusers', 'CH2122'],
    ['an encoded NUL is refused', '/admin%00.jpg', 'CH2122'],
    ['an encoded line feed is refused', '/admin%0A', 'CH2122'],
    ['a doubly encoded slash is refused where it hides dots', '/public/..%252fadmin', 'CH2123'],
    ['a doubly encoded slash is an encoded one', '/job/feature%252Fx', '/job/feature%2Fx'],
    ['a slash encoded once beside one encoded twice is refused', '/a%2Fb%252Fc', 'CH2123'],
    ['a doubly encoded space is an encoded one', '/a%2520b', '/a%20b'],
    ['more than three further times is too often', '/a%2525252520b', 'CH2123'],
    ['what is no UTF-8 when decoded again is refused', '/a%25C0%25AE', 'CH2123'],
    ['a doubly encoded backslash is refused', '/a%255Cb', 'CH2123'],
    ['a doubly encoded dot is refused', '/public/%252e%252e/admin', 'CH2123'],
    ['a doubly encoded NUL is refused', '/a%2500', 'CH2123'],
    ['a doubly encoded letter is an encoded one', '/%2561dmin', '/%61dmin'],
    ['an escape may be put together by decoding', '/%25%32%66', '/%2f'],
    ['a cut escape is refused', '/a%2', 'CH2124'],
    ['an escape without digits is refused', '/a%zz', 'CH2124'],
    ['overlong UTF-8 is refused', '/public/%c0%ae%c0%ae/admin', 'CH2124'],
    ['a surrogate in UTF-8 is refused', '/%ed%a0%80', 'CH2124'],
    ['a cut UTF-8 sequence is refused', '/%c3', 'CH2124'],
    ['a path parameter stays', '/admin;a=b', '/admin;a=b'],
    ['an encoded path parameter stays', '/admin%3Ba=b', '/admin;a=b'],
    ['a path parameter without a name before it is refused', '/a/;x/b', 'CH2125'],
    ['an encoded path parameter behind encoded dots is refused', '/a/%2e%2E%3Bx/b', 'CH2125'],
    ['a doubly encoded path parameter behind dots is refused', '/a/..%253Bx/b', 'CH2125'],
    ['dots behind a path parameter are part of it', '/a;..', '/a;..'],
    ['dots before a path parameter are refused', '/public/..;/admin', 'CH2125'],
    ['a semicolon in the query is data', '/admin?a;b', '/admin'],
    ['an escape of Unicode in the way of IIS is refused', '/%u002e%u002e/admin', 'CH2124'],
    ['a three-byte overlong dot is refused', '/%e0%80%ae/admin', 'CH2124'],
    ['an escape inside an escape is refused', '/%%32%65/admin', 'CH2124'],
    ['an absolute form is refused', 'http://payments/a', 'CH2121'],
    ['a path past the limit is refused', `/${'a'.repeat(65_536)}`, 'CH2129'],
  ];
  for (const [rule, given, expected] of cases) {
    test(rule, () => assert.equal(pathOf(given), expected));
  }

  test('a canonical path with nothing left to decode is its own canonical path', () => {
    for (const [, , expected] of cases) {
      if (!/^\/[^%#? \u0080-\uffff]*$/.test(expected)) continue;
      assert.equal(pathOf(expected), expected);
    }
  });
});

describe('hosts', () => {
  const cases: readonly (readonly [rule: string, given: string, expected: string])[] = [
    ['case is folded and the port cut off', 'SVC.Prod:8443', 'svc.prod'],
    ['a final dot is cut off', 'svc.prod.', 'svc.prod'],
    ['a final dot before a port is cut off', 'svc.prod.:80', 'svc.prod'],
    ['an IPv6 address stays in brackets', '[::1]:8080', '[::1]'],
    ['no host is refused', '', 'CH2127'],
    ['two final dots are refused', 'svc..', 'CH2127'],
    ['an empty label is refused', 'a..b', 'CH2127'],
    ['a list is refused', 'svc.prod,evil.prod', 'CH2127'],
    ['a user name is refused', 'a@svc.prod', 'CH2127'],
    ['a path is refused', 'svc/x', 'CH2127'],
    ['a port that is no number is refused', 'svc:http', 'CH2127'],
    ['a port alone is refused', ':80', 'CH2127'],
    ['a host past the limit is refused', 'a'.repeat(300), 'CH2127'],
  ];
  for (const [rule, given, expected] of cases) {
    test(rule, () => assert.equal(hostOf(given), expected));
  }
});

describe('principals', () => {
  const cases: readonly (readonly [rule: string, given: string, expected: string])[] = [
    ['a SPIFFE ID is taken apart', 'spiffe://acme.test/cart', 'acme.test|cart'],
    ['several segments are one name', 'spiffe://acme/ns/a', 'acme|ns/a'],
    ['no certificate is no caller, not a refusal', '', 'undefined|undefined'],
    ['two URI SANs are refused', 'spiffe://acme/a,spiffe://acme/b', 'CH2120'],
    ['an upper-case trust domain is refused', 'spiffe://ACME/a', 'CH2120'],
    ['an upper-case scheme is refused', 'Spiffe://acme/a', 'CH2120'],
    ['another scheme is refused', 'https://acme/a', 'CH2120'],
    ['an ID of a trust domain is refused', 'spiffe://acme', 'CH2120'],
    ['a final slash is refused', 'spiffe://acme/a/', 'CH2120'],
    ['an empty segment is refused', 'spiffe://acme//a', 'CH2120'],
    ['a dot segment is refused', 'spiffe://acme/a/../b', 'CH2120'],
    ['a single dot is refused', 'spiffe://acme/.', 'CH2120'],
    ['a query is refused', 'spiffe://acme/a?b', 'CH2120'],
    ['a fragment is refused', 'spiffe://acme/a#b', 'CH2120'],
    ['a port is refused', 'spiffe://acme:80/a', 'CH2120'],
    ['a user name is refused', 'spiffe://u@acme/a', 'CH2120'],
    ['an escape is refused', 'spiffe://acme/%61', 'CH2120'],
    ['a line feed at the end is refused', 'spiffe://acme/a\n', 'CH2120'],
    ['an ID past the limit is refused', `spiffe://acme/${'a'.repeat(2_040)}`, 'CH2120'],
  ];
  for (const [rule, given, expected] of cases) {
    test(rule, () => assert.equal(callerOf(given), expected));
  }
});

describe('methods and credentials', () => {
  test('a method an application may not know is still one method', () => {
    assert.match(outcome({ method: 'LIST' }), / LIST /);
  });
  for (const method of ['get', '', 'GET ', 'G T', 'Get', 'A'.repeat(33)]) {
    test(`the method ${JSON.stringify(method)} is refused`, () => {
      assert.equal(outcome({ method }), 'CH2126');
    });
  }
  test('two Authorization lines are refused', () => {
    const line = ['authorization', 'Bearer A'] as const;
    assert.equal(outcome({ headers: [line, ['Authorization', 'Bearer B']] }), 'CH2128');
  });
  test('two credentials joined in one line are refused', () => {
    assert.equal(outcome({ headers: [['authorization', 'Bearer A,Bearer B']] }), 'CH2128');
  });
  test('one Authorization line with parameters is taken', () => {
    const headers = new Map([['authorization', 'Digest username="a", realm="b"']]);
    assert.match(outcome({ headers }), /^acme/);
  });
});

describe('a peer certificate with several URI names', () => {
  const withXfcc = (value: string) => outcome({ headers: [['x-forwarded-client-cert', value]] });
  test('is refused, though Envoy reports the first name as the principal', () => {
    assert.equal(withXfcc('Hash=ab;URI=spiffe://acme/cart;URI=spiffe://acme/payments'), 'CH2120');
    assert.equal(withXfcc('URI=spiffe://acme/cart,URI=spiffe://acme/payments'), 'CH2120');
  });
  test('is not one with a single name', () => {
    assert.match(withXfcc('Hash=ab;URI=spiffe://acme/cart'), /^acme/);
    assert.match(withXfcc('Hash=ab'), /^acme/);
  });
});

type Seen = RawRequest & {
  readonly name: string;
  readonly listener: string;
  readonly status: number;
};

/** What a real Envoy 1.40 reported for 54 raw requests, with and without hardening of its listener. */
const seen = readFileSync(new URL('envoy-normalisation.fixture.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Seen);

/** Everything that is not named here is `/a` on `svc.prod`. */
const expectedByName = new Map<string, string>([
  ['//admin', 'svc.prod /admin'],
  ['/public//admin', 'svc.prod /public/admin'],
  ['///admin', 'svc.prod /admin'],
  ['/public/../admin', 'svc.prod /admin'],
  ['/public/%2e%2e/admin', 'svc.prod /admin'],
  ['/./admin', 'svc.prod /admin'],
  ['/admin/', 'svc.prod /admin/'],
  ['/ADMIN', 'svc.prod /ADMIN'],
  ['/%61dmin', 'svc.prod /admin'],
  ['/\\\\admin (backslash)', 'svc.prod /admin'],
  ['/public/..%252fadmin', 'CH2123'],
  ['/admin;a=b', 'svc.prod /admin;a=b'],
  ['/admin?x=/public', 'svc.prod /admin'],
  ['/public?/../admin', 'svc.prod /public'],
  ['/admin%23x', 'svc.prod /admin#x'],
  ['abs-form http://svc.prod/admin', 'svc.prod /admin'],
  ['abs-form host mismatch', 'other.prod /admin'],
  ['%c0%ae overlong', 'CH2124'],
  ['two Host headers', 'CH2127'],
  ['Host empty', 'CH2127'],
  ['Host comma', 'CH2127'],
  ['Host userinfo', 'CH2127'],
  ['dup authorization', 'CH2128'],
  ['h2 :path //admin', 'svc.prod /admin'],
  ['h2 gRPC path', 'svc.prod /pkg.Svc/Method'],
  ['h2 gRPC path case', 'svc.prod /pkg.svc/method'],
]);

/** Not normalised by a listener without hardening: refused here in its place, or asked about in each reading. */
const refusedWithoutHardening = new Map<string, string>([
  ['/admin%2Fusers', 'svc.prod /admin%2Fusers'],
  ['/public%2F..%2Fadmin', 'CH2122'],
  ['/admin%5Cusers', 'CH2122'],
  ['/\\\\admin (backslash)', 'CH2121'],
  ['/admin%00.jpg', 'CH2122'],
]);

/** Envoy was told to decode these before it forwarded them. */
const decodedByEnvoy = new Map<string, string>([
  ['/admin%2Fusers', 'svc.prod /admin/users'],
  ['/public%2F..%2Fadmin', 'svc.prod /admin'],
  ['/admin%5Cusers', 'svc.prod /admin/users'],
]);

function expectedOf(name: string, listener: string): string {
  const special =
    listener === 'default'
      ? refusedWithoutHardening.get(name)
      : listener === 'unesc'
        ? decodedByEnvoy.get(name)
        : undefined;
  return special ?? expectedByName.get(name) ?? 'svc.prod /a';
}

describe('other readings of a request', () => {
  const others = (change: Partial<RawRequest>): string => {
    const result = canonicalize({ ...plainRequest, ...change });
    if (!result.ok) return result.error.code;
    return result.value.others.map(({ method, path }) => `${method} ${path}`).join(', ');
  };
  const cases: readonly (readonly [rule: string, change: Partial<RawRequest>, found: string])[] = [
    ['are mostly none', {}, ''],
    [
      'hold a method that a header asks for',
      headerOf('x-http-method-override', 'DELETE'),
      'DELETE /a',
    ],
    ['fold the case of that method', headerOf('X-HTTP-Method', ' delete '), 'DELETE /a'],
    [
      'hold a method that the query of a POST asks for',
      { method: 'POST', path: '/a?x=1&_method=delete' },
      'DELETE /a',
    ],
    [
      'hold each of several, as PHP reads their names',
      {
        method: 'POST',
        path: '/a?%5fmethod=PUT&+.method=%64elete&_method%00x=patch;_method=POST',
      },
      'PUT /a, DELETE /a, PATCH /a',
    ],
    [
      'take nothing else in a query for a method',
      {
        method: 'POST',
        path: '/a?_method=paypal&_method&_methods=PUT&x_method=PUT&x=?_method=PUT',
      },
      '',
    ],
    ['take no query but that of a POST so', { path: '/a?_method=DELETE' }, ''],
    [
      'hold where a copy is written to',
      { method: 'MOVE', ...headerOf('Destination', 'http://x.test/b/../admin') },
      'MOVE /admin',
    ],
    ['take no destination of anything else', headerOf('destination', '/admin'), ''],
    ['refuse a list of methods', headerOf('x-method-override', 'GET, DELETE'), 'CH2130'],
    ['hold a path that a header asks for', headerOf('x-original-url', '/b?c'), 'GET /b'],
    ['resolve that path', headerOf('x-rewrite-url', '/b/%2e%2e/admin'), 'GET /admin'],
    ['take the path of a URL', headerOf('x-original-url', 'https://x.test/b'), 'GET /b'],
    ['refuse a path that cannot be read', headerOf('x-original-url', '/b/..;c'), 'CH2130'],
    [
      'fold full-width dots',
      { path: '/a/%EF%BC%8E%EF%BC%8E/admin' },
      'GET /admin, GET /a/../admin',
    ],
    ['fold full-width letters', { path: '/%EF%BD%81' }, 'GET /a'],
    [
      'resolve full-width slashes as a URL and as a file name',
      { path: '/a%EF%BC%8F%EF%BC%8F..%EF%BC%8Fadmin' },
      'GET /a/admin, GET /admin, GET /a//../admin',
    ],
    [
      'fold slashes of old code pages',
      { path: '/a/b%E2%88%95..%E2%88%95..%E2%88%95c' },
      'GET /c, GET /a/b/../../c',
    ],
    ['leave a fraction alone', { path: '/%C2%BD' }, 'GET /1\u20442'],
    ['are none for letters that fold to themselves', { path: '/m%C3%BCnchen' }, ''],
    ['pass over what is not shown', { path: '/ad%C2%ADm%E2%80%8Bin%EF%BB%BF' }, 'GET /admin'],
    ['pass over it between dots', { path: '/a/.%E2%80%8D./admin' }, 'GET /admin, GET /a/../admin'],
    [
      'end a segment at a parameter',
      { path: '/admin%EF%BC%9Bx/y' },
      'GET /admin;x/y, GET /admin/y, GET /admin',
    ],
    ['end one at a Greek question mark', { path: '/admin%CD%BEx' }, 'GET /admin;x, GET /admin'],
    ['end one at an encoded query', { path: '/admin%3Fx' }, 'GET /admin'],
    ['end the path at an encoded fragment', { path: '/admin%23x/y' }, 'GET /admin'],
    ['end none that begins so', { path: '/a/%23%3F/%3Fb' }, ''],
    [
      'pass over a segment that is a parameter',
      { path: '/%CD%BEx/a' },
      'GET /;x/a, GET /a, GET //a, GET /',
    ],
    ['pass over spaces at the end', { path: '/admin%20%20' }, 'GET /admin'],
    ['see a boundary in an encoded slash', { path: '/a/b%2Fc' }, 'GET /a/b/c'],
    ['see empty segments in encoded slashes', { path: '/q/%2F/n' }, 'GET /q/n, GET /q///n'],
    ['decode again an escape that is left', { path: '/a%252Fb%2520c' }, 'GET /a/b c'],
    ['cut parameters off', { path: '/a;v=1/b;w' }, 'GET /a/b, GET /a'],
    [
      'cut at each of several, whichever was encoded',
      { path: '/a%3Bx/b;c/d' },
      'GET /a/b/d, GET /a, GET /a/b',
    ],
    ['cut encoded ones off', { path: '/a%3Bv' }, 'GET /a'],
    [
      'do both in any order',
      { path: '/a%2Fb;c%2Fd' },
      'GET /a%2Fb, GET /a/b;c/d, GET /a/b/d, GET /a/b',
    ],
    [
      'do not fold what they decode, and fold what they do not decode',
      { path: '/a%2F%EF%BC%A1' },
      'GET /a%2FA, GET /a/\uff21, GET /a/A',
    ],
    ['leave spaces within', { path: '/a%20b/%20c' }, ''],
    [
      'decode again what can be, whatever stands beside it',
      { path: '/%25%C2%AD61/%25%C2%ADzz' },
      'GET /%61/%zz, GET /a/%zz',
    ],
    [
      'see a backslash and a parameter that are decoded again',
      { path: '/b%25%C2%AD5ca%25%C2%AD3bx' },
      'GET /b%5ca%3bx, GET /b\\a;x, GET /b\\a, GET /b/a;x, GET /b/a',
    ],
    [
      'keep what is not shown for who sees it',
      { path: '/admin%EF%BC%8F%E2%80%8B..' },
      'GET /admin/\u200b.., GET /admin\uff0f.., GET /, GET /admin/..',
    ],
    [
      'decode escapes of full-width signs',
      { path: '/a/%EF%BC%852e%EF%BC%852e/admin' },
      'GET /a/%2e%2e/admin, GET /admin, GET /a/../admin',
    ],
    ['leave a full-width percent sign alone', { path: '/100%EF%BC%85' }, 'GET /100%'],
    [
      'combine a method and a path',
      {
        headers: [
          ['x-http-method', 'PUT'],
          ['x-original-url', '/b'],
        ],
      },
      'GET /b, PUT /a, PUT /b',
    ],
    [
      'are not more than eight',
      { headers: Array.from({ length: 9 }, (_, at) => ['x-original-url', `/${at}`] as const) },
      'CH2130',
    ],
  ];
  for (const [rule, change, found] of cases) test(rule, () => assert.equal(others(change), found));
});

function headerOf(name: string, value: string): Partial<RawRequest> {
  return { headers: [[name, value]] };
}

describe('what a real Envoy passes on', () => {
  test('the fixture covers three listeners with 54 requests each', () => {
    assert.equal(seen.length, 162);
  });
  for (const request of seen.filter(({ status }) => status === 200)) {
    test(`${request.listener}: ${request.name}`, () => {
      const result = canonicalize(request);
      const found = result.ok ? `${result.value.host} ${result.value.path}` : result.error.code;
      assert.equal(found, expectedOf(request.name, request.listener));
    });
  }
});
