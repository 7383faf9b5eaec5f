import { plain } from './requests.ts';

/** What is let through and is not quite what was sent: the line with the difference, and where it is said. */
export const changed: readonly (readonly [
  what: string,
  bytes: string,
  arrives: RegExp,
  not?: RegExp,
])[] = [
  ['several slashes are one', plain('/a//b///c'), /^GET \/a\/b\/c HTTP/],
  [
    'a URL that is not encoded loses a slash',
    plain('/fetch/http://a.test/b'),
    /^GET \/fetch\/http:\/a\.test\/b HTTP/,
  ],
  ['dot segments are resolved', plain('/a/./b/../c/%2e%2E/d'), /^GET \/a\/d HTTP/],
  ['a backslash is a slash', plain('/a\\b'), /^GET \/a\/b HTTP/],
  ['letters, digits and -._~ are not escaped', plain('/%7Ea/%62%2Dc%5Fd'), /^GET \/~a\/b-c_d HTTP/],
  [
    'signs that belong escaped are',
    plain('/{a}|"b"<c>^`'),
    /^GET \/%7Ba%7D%7C%22b%22%3Cc%3E%5E%60 HTTP/,
  ],
  [
    'the port of the host is gone',
    plain('/x').replace('host: api', 'host: api:8080'),
    /\r\nhost: api\r\n/,
  ],
  [
    'the scheme is that between the proxies',
    plain('/x', 'x-forwarded-proto: http\r\n'),
    /\r\nx-forwarded-proto: https\r\n/,
  ],
  [
    'what the mesh alone says is taken away',
    plain('/x', 'x-envoy-retry-on: 5xx\r\nx-chancery-a: b\r\n'),
    /^GET/,
    /retry-on|x-chancery/,
  ],
  [
    'Expect: 100-continue is answered by the proxy',
    plain('/x', 'expect: 100-continue\r\n', 'POST', 'abc'),
    /\r\n\r\nabc$/,
    /expect/,
  ],
  [
    'trailers of HTTP/1.1 end at the proxy',
    plain('/x', 'trailer: x-sum\r\ntransfer-encoding: chunked\r\n', 'POST').concat(
      '1\r\na\r\n0\r\nx-sum: b\r\n\r\n',
    ),
    /1\r\na\r\n0\r\n\r\n$/,
  ],
  [
    'an upgrade to h2c is passed over',
    plain(
      '/x',
      'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n',
    ),
    /^GET \/x/,
    /upgrade|http2-settings/i,
  ],
  ["TE: gzip is the next one's alone", plain('/x', 'te: gzip\r\n'), /^GET \/x/, /gzip/],
];

/** What is refused, by whom and why: the answer says so. */
export const refused: readonly (readonly [
  what: string,
  bytes: string,
  answer: string,
  says: RegExp,
])[] = [
  [
    'a header with "_" in its name',
    plain('/x', 'client_id: a\r\n'),
    '400 CH4110',
    /\\"_\\" in its name.*name it with \\"-\\"/,
  ],
  ['bytes above ASCII in a path', plain('/b\xc3\xbccher'), '400 CH4110', /must be encoded/],
  ['bytes above ASCII in a query', plain('/x?q=\xc3\xbc'), '400 CH4110', /must be encoded/],
  ['a space in a query', plain('/x?q=a b'), '400 CH4110', /must be encoded/],
  ['a fragment', plain('/x#y'), '400 CH4110', /holds \\"#\\"/],
  ['an escaped NUL', plain('/a%00b'), '400 CH4110', /encoded NUL/],
  ['an escaped backslash', plain('/DOMAIN%5Cuser'), '403 CH2122', /encoded backslash/],
  ['an escaped line feed', plain('/a%0Ab'), '403 CH2122', /control character/],
  ['encoded slashes that hide dots', plain('/a%2F..%2Fb'), '403 CH2122', /hides a/],
  [
    'encoded slashes that a deny rule is about',
    plain('/admin%2Fx'),
    '403 CH2130',
    /decodes it further.*GET \/admin\/x/,
  ],
  ['an escape of an escape', plain('/files/a%2520b'), '403 CH2123', /encoded twice/],
  ['a parameter behind no name', plain('/a/;b=c'), '403 CH2125', /no name before it/],
  ['Latin-1', plain('/caf%E9'), '403 CH2124', /not valid UTF-8/],
  ['a percent sign that escapes nothing', plain('/100%'), '403 CH2124', /two hexadecimal digits/],
  ['a method in lower case', plain('/x', '', 'get'), '403 CH2126', /upper-case/],
  ['OPTIONS *', plain('*', '', 'OPTIONS'), '404 CH4110', /no path/],
  ['a URL without a path that has a query', plain('http://api?x'), '404 CH4110', /no path/],
  ['CONNECT', 'CONNECT api:443 HTTP/1.1\r\nhost: api:443\r\n\r\n', '404 CH4101', /no route/],
  ['https:// to the proxy', plain('https://api/x'), '403 CH4110', /http:\/\//],
  [
    'an upgrade to anything but websocket',
    plain('/x', 'connection: upgrade\r\nupgrade: tcp\r\n'),
    '403 CH4112',
    /than websocket/,
  ],
  ['HTTP/1.0 without a host', 'GET /x HTTP/1.0\r\n\r\n', '400 CH4110', /names no host/],
  ['no host', 'GET /x HTTP/1.1\r\n\r\n', '400 CH4110', /names no host/],
  ['two hosts', plain('/x', 'host: api\r\n'), '403 CH2127', /not one plain host/],
  ['a QUERY without a type', plain('/x', '', 'QUERY', '{}'), '400 CH4110', /type of its content/],
  ['129 headers', plain('/x', 'a: b\r\n'.repeat(128)), '431 CH4110', /more than 128/],
  [
    'more than 64 KiB',
    plain('/x', `x-a: ${'b'.repeat(66_000)}\r\n`),
    '431 CH4110',
    /larger than 64 KiB/,
  ],
  [
    'a length beside chunks',
    plain('/x', 'content-length: 3\r\ntransfer-encoding: chunked\r\n', 'POST'),
    '400 CH4110',
    /malformed/,
  ],
  [
    'two credentials',
    plain('/x', 'authorization: Basic YQ==\r\nauthorization: Bearer b\r\n'),
    '403 CH2128',
    /more than one/,
  ],
  [
    'a method of a header that a deny rule is about',
    plain('/guarded', 'x-http-method-override: DELETE\r\n', 'POST'),
    '403 CH2130',
    /another method/,
  ],
];
