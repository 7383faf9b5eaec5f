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
  ['te: trailers'],
];

export const harmlessMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
