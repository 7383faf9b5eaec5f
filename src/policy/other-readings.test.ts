import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { canonicalize, type RawRequest } from './canonical.ts';

const plainRequest: RawRequest = {
  principal: 'spiffe://acme/cart',
  method: 'GET',
  path: '/a',
  host: 'payments',
  headers: [],
};

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
