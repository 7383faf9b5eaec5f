/**
 * Requests that clients do send: all are legal, all are allowed, and each reaches the application just as it is. Over
 * HTTP/1.1 past the own proxy and through it, and over HTTP/2.
 */
export const harmlessTargets: readonly string[] = [
  '/public/a%20b',
  '/public/M%C3%BCnchen/%E6%9D%B1%E4%BA%AC/%F0%9F%8D%A3',
  '/public/a+b@c~d!e$f&g(h)i*j,k=l:m',
  '/public/100%25',
  '/public/%23%3F',
  '/public/..a/b../...',
  '/public/.well-known/x',
  '/public/a/',
  '/public/x?',
  '/public/x?a=1&a=2&b=&c',
  '/public/x?a;b;c=d',
  '/public/x?url=https://a.test//b/../c?d=e&f=%2F..%2f%5c',
  '/public/x?filter[name]={"a":"b|c"}^`<d>\\',
  '/public/x?q=%00%0d%0a%C0%AE%zz%',
  '/public/%E4%BD%95%EF%BC%9F%E3%80%8C%E3%80%8D',
  '/public/%D9%85%DB%8C%E2%80%8C%D8%AE%D9%88',
  '/public/%F0%9F%91%A9%E2%80%8D%F0%9F%92%BB/%E2%9D%A4%EF%B8%8F',
  '/public/what%3F/a%23b/c',
  '/public/50%25/100%EF%BC%85',
  '/public/~user/@scope/pkg@1.2.3/:id/(a)/*',
  '/public/a=b,c=d/-/_/0/a.b.c',
  '/public/x??a=?b',
  '/public/x?a=/../../admin&b=/internal/x',
  '/public/x?redirect=http%3A%2F%2Fvault%2Fadmin%3Fa%23b',
  '/public/x?_method=GET&access_token=a.b.c&sig=%2B%2F%3D',
  "/public/x?q='a'&r=<b>&s=%u0041&t=%FF",
  `/public/x?${'a=0123456789&'.repeat(1_000)}`,
  `/public/${'0123456789/'.repeat(500)}x`,
];

/** Header lines of one, and what the application gets of them; undefined: just those. */
export const harmlessHeaders: readonly (readonly [lines: string, left?: string])[] = [
  ['accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\naccept-language: de, en;q=0.5'],
  ['user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:133.0) "a" \\b'],
  ['cookie: a="b, c"; d=e=f; g'],
  ['if-none-match: W/"a", "b"\r\nif-modified-since: Sat, 29 Nov 2025 12:00:00 GMT'],
  ['range: bytes=0-99,200-'],
  ['authorization: Basic dXNlcjpwYXNzLCB3b3Jk'],
  [
    'authorization: AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=d',
  ],
  ['baggage: a=b,c=d;e\r\ntracestate: a=b,c=d'],
  ['x-json: {"a": [1, 2], "b": "c"}'],
  ['x-http-method-override: PATCH'],
  ['x-utf8: M\u00c3\u00bcnchen'],
  ['x-empty: '],
  ['forwarded: for=192.0.2.1;proto=https;by=203.0.113.43'],
  ['origin: https://shop.test\r\nreferer: https://shop.test/a?b'],
  ['expect: 100-continue', ''],
  ['accept-encoding: br, zstd;q=0.9, *;q=0'],
  ['cache-control: no-cache, no-store\r\npragma: no-cache\r\ndnt: 1'],
  ['content-type: multipart/form-data; boundary="a, b"'],
  ['if-match: *\r\nif-range: "a"'],
  ['idempotency-key: "8e03978e-40d5-43dd-bc93-6894a57f9324"'],
  ['priority: u=1, i\r\nprefer: return=minimal, wait=10'],
  ['sec-ch-ua: "A";v="1", "B\\"";v="2"\r\nsec-fetch-mode: cors\r\nupgrade-insecure-requests: 1'],
  [
    'signature-input: sig1=("@method" "@path" "host");created=1;keyid="a"\r\nsignature: sig1=:AAA=:',
  ],
  ['content-digest: sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:'],
  ['link: <https://a.test/b>; rel="preload"; title*=UTF-8\'\'%e2%82%ac'],
  ['b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1\r\nx-b3-sampled: 1'],
  [
    'x-forwarded-host: shop.test\r\nx-forwarded-port: 443\r\nx-forwarded-prefix: /a\r\nx-real-ip: 10.0.0.1',
  ],
  ['early-data: 1\r\nmax-forwards: 10\r\nvia: 1.1 a, 1.0 b'],
  ['x-http-method: PUT\r\nx-original-url: /public/y?z=1'],
  ['x-a: \r\nx-a: b\r\nx-a: b, c'],
  ['destination: http://vault/public/y\r\ndepth: infinity\r\noverwrite: F'],
  ['x-long: '.padEnd(8_000, 'a')],
  [Array.from({ length: 60 }, (_, at) => `x-${at}: ${at}`).join('\r\n')],
  ['te: trailers'],
];

export const harmlessMethods = [
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'],
  ...['PROPFIND', 'REPORT', 'MKCOL', 'LOCK', 'PURGE', 'SEARCH', 'COPY', 'MERGE'],
];
