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
    ['a doubly encoded slash is refused', '/public/..%252fadmin', 'CH2123'],
    ['a slash encoded once beside one encoded twice is refused', '/a%2Fb%252Fc', 'CH2123'],
    ['a doubly encoded space is refused', '/a%2520b', 'CH2123'],
    ['a doubly encoded backslash is refused', '/a%255Cb', 'CH2123'],
    ['a doubly encoded dot is refused', '/public/%252e%252e/admin', 'CH2123'],
    ['a doubly encoded NUL is refused', '/a%2500', 'CH2123'],
    ['a doubly encoded letter is refused', '/%2561dmin', 'CH2123'],
    ['an escape that is put together by decoding is refused', '/%25%32%66', 'CH2123'],
    ['a cut escape is refused', '/a%2', 'CH2124'],
    ['an escape without digits is refused', '/a%zz', 'CH2124'],
    ['overlong UTF-8 is refused', '/public/%c0%ae%c0%ae/admin', 'CH2124'],
    ['a surrogate in UTF-8 is refused', '/%ed%a0%80', 'CH2124'],
    ['a cut UTF-8 sequence is refused', '/%c3', 'CH2124'],
    ['a path parameter stays', '/admin;a=b', '/admin;a=b'],
    ['an encoded path parameter stays', '/admin%3Ba=b', '/admin;a=b'],
    ['a path parameter without a name before it is refused', '/a/;x/b', 'CH2125'],
    ['a path parameter behind dots is refused', '/a/.;x/b', 'CH2125'],
    ['an encoded path parameter behind encoded dots is refused', '/a/%2e%2E%3Bx/b', 'CH2125'],
    ['an encoded slash before a path parameter is refused', '/a/b%2F;x', 'CH2125'],
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
