import { plain } from './requests.ts';

/** What an application answers, and what differs at its caller beside headers of the mesh. */
export const answers: readonly (readonly [what: string, request: string, answer: string])[] = [
  [
    'the length of what a HEAD would bring',
    plain('/x', '', 'HEAD'),
    'HTTP/1.1 200 OK\r\ncontent-length: 12345\r\netag: "a"\r\n\r\n',
  ],
  [
    'a HEAD with a body',
    plain('/x', '', 'HEAD', 'abc'),
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n',
  ],
  [
    '304 with a length',
    plain('/x'),
    'HTTP/1.1 304 Not Modified\r\ncontent-length: 12345\r\netag: W/"a"\r\n\r\n',
  ],
  ['204', plain('/x', '', 'DELETE'), 'HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n'],
  [
    'cookies, each on its line',
    plain('/x'),
    'HTTP/1.1 200 OK\r\nset-cookie: a=b; Expires=Sat, 29 Nov 2025 12:00:00 GMT\r\nset-cookie: c="d, e"; SameSite=None\r\ncontent-length: 2\r\n\r\nok',
  ],
  [
    'Server and Date of the application',
    plain('/x'),
    'HTTP/1.1 200 OK\r\nserver: Apache/2.4 (Unix)\r\ndate: Sat, 29 Nov 2025 12:00:00 GMT\r\ncontent-length: 0\r\n\r\n',
  ],
  [
    'names with "_", empty values, Latin-1',
    plain('/x'),
    'HTTP/1.1 200 OK\r\nx_a_b: c\r\nx-empty: \r\nx-latin: M\xfcnchen\r\ncontent-length: 0\r\n\r\n',
  ],
  [
    'challenges',
    plain('/x'),
    'HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm="a", Digest realm="b, c", nonce="d"\r\ncontent-length: 0\r\n\r\n',
  ],
  [
    'a redirect',
    plain('/x'),
    'HTTP/1.1 308 Permanent Redirect\r\nlocation: http://api:8080/y?z=%2F#f\r\ncontent-length: 0\r\n\r\n',
  ],
  [
    'parts',
    plain('/x', 'range: bytes=0-1\r\n'),
    'HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-1/9\r\naccept-ranges: bytes\r\ncontent-length: 2\r\n\r\nab',
  ],
  [
    'links, policies and caches',
    plain('/x'),
    'HTTP/1.1 200 OK\r\nlink: </a>; rel="next", </b>; rel="last"\r\nstrict-transport-security: max-age=1\r\ncontent-security-policy: default-src \'self\'; img-src *\r\ncache-control: private, max-age=0\r\nvary: Accept, Origin\r\naccess-control-allow-origin: *\r\nretry-after: 3\r\nage: 7\r\nalt-svc: clear\r\ncontent-encoding: br\r\ncontent-disposition: attachment; filename*=UTF-8\'\'a%20b\r\ncontent-length: 2\r\n\r\nok',
  ],
  [
    'a header of 60 KB',
    plain('/x'),
    `HTTP/1.1 200 OK\r\nx-a: ${'b'.repeat(60_000)}\r\ncontent-length: 0\r\n\r\n`,
  ],
  ...[
    201, 202, 207, 226, 299, 300, 402, 404, 409, 410, 418, 422, 429, 451, 499, 500, 501, 502, 503,
    504, 599,
  ].map(
    (status) =>
      [
        `${status}`,
        plain('/x', '', 'POST', 'a'),
        `HTTP/1.1 ${status} X\r\ncontent-length: 2\r\n\r\nok`,
      ] as const,
  ),
];
