/** Requests that real clients and interfaces send; each stands for the software that is named. */
type Sent = readonly [from: string, bytes: string];

export function plain(target: string, lines = '', method = 'GET', body = ''): string {
  const length = body === '' ? '' : `content-length: ${Buffer.byteLength(body, 'latin1')}\r\n`;
  return `${method} ${target} HTTP/1.1\r\nhost: api\r\n${lines}${length}\r\n${body}`;
}

/** As they come: what each line of the mesh's own, of the connection or of how a body is framed does not count. */
export const asTheyAre: readonly Sent[] = [
  ['Host with a port', plain('/x').replace('host: api', 'Host: api:8080')],
  ['Host in capitals', plain('/x').replace('host: api', 'HOST: API')],
  ['Host with a final dot', plain('/x').replace('host: api', 'host: api.')],
  [
    'an HTTP proxy is what the proxy is taken for',
    plain('http://api:80/x?y').replace('host: api', 'host: api:80'),
  ],
  [
    'ab: HTTP/1.0',
    'GET /x HTTP/1.0\r\nHost: api\r\nUser-Agent: ApacheBench/2.3\r\nAccept: */*\r\n\r\n',
  ],
  ['ab -k', 'GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: api\r\n\r\n'],
  [
    'nginx to what is behind it',
    'POST /x HTTP/1.0\r\nHost: api\r\nConnection: close\r\nContent-Length: 3\r\nX-Real-IP: 10.0.0.1\r\n\r\nabc',
  ],
  ['Connection: close', plain('/x', 'Connection: close\r\n')],
  ['an empty line ahead', `\r\n${plain('/x')}`],
  [
    'a GET with a body (Elasticsearch)',
    plain('/_search', 'content-type: application/json\r\n', 'GET', '{"query":{}}'),
  ],
  ['a DELETE with a body', plain('/x', '', 'DELETE', '{"ids":[1]}')],
  ['a POST without one', plain('/x', 'content-length: 0\r\n', 'POST')],
  [
    'an OPTIONS before a request of another origin',
    plain(
      '/x',
      'origin: https://a.test\r\naccess-control-request-method: PUT\r\naccess-control-request-headers: x-a,content-type\r\naccess-control-request-private-network: true\r\n',
      'OPTIONS',
    ),
  ],
  ...[
    'PATCH',
    'TRACE',
    'PROPFIND',
    'PROPPATCH',
    'MKCOL',
    'REPORT',
    'LOCK',
    'UNLOCK',
    'SEARCH',
    'PURGE',
    'LINK',
    'UNLINK',
    'MKCALENDAR',
    'ACL',
    'MERGE',
    'M-SEARCH',
    'NOTIFY',
    'SUBSCRIBE',
  ].map((method): Sent => [method, plain('/x', '', method)]),
  ...[
    'LIST',
    'BAN',
    'REFRESH',
    'VERSION-CONTROL',
    'BASELINE-CONTROL',
    'ORDERPATCH',
    'X-CUSTOM.1',
  ].map((method): Sent => [`${method}, which Envoy does not know`, plain('/x', '', method)]),
  ['QUERY', plain('/x', 'content-type: application/json\r\n', 'QUERY', '{}')],
  [
    'a POST that a header calls a POST',
    plain('/x', 'x-http-method-override: POST\r\n', 'POST', 'a'),
  ],
  ['a POST that its query calls a POST', plain('/x?_method=POST', '', 'POST', 'a')],
  [
    'a COPY to another place',
    plain('/x', 'destination: http://api/y%20z\r\noverwrite: F\r\n', 'COPY'),
  ],
  [
    'chunks with extensions',
    plain('/x', 'transfer-encoding: chunked\r\n', 'POST').concat(
      '3;a=b;c="d"\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n',
    ),
  ],
  [
    'Transfer-Encoding in capitals',
    plain('/x', 'Transfer-Encoding: Chunked\r\n', 'PUT').concat('1\r\na\r\n0\r\n\r\n'),
  ],
  [
    'bytes of every kind in a body',
    plain(
      '/x',
      'content-type: application/octet-stream\r\n',
      'POST',
      Buffer.from(Array.from({ length: 256 }, (_, at) => at)).toString('latin1'),
    ),
  ],
  [
    'multipart',
    plain(
      '/x',
      'content-type: multipart/form-data; boundary="a b"\r\n',
      'POST',
      '--a b\r\ncontent-disposition: form-data; name="f"; filename="ü;.txt"\r\n\r\nx\r\n--a b--\r\n',
    ),
  ],
  [
    'a form with a method in it',
    plain('/x', 'content-type: application/x-www-form-urlencoded\r\n', 'POST', '_method=PUT&a=b'),
  ],
  [
    'AWS signature',
    plain(
      '/x',
      'authorization: AWS4-HMAC-SHA256 Credential=a/20261130/eu/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=0f\r\nx-amz-date: 20261130T000000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n',
    ),
  ],
  ['Basic', plain('/x', 'authorization: Basic dXNlcjpwYXNz\r\n')],
  ['Bearer', plain('/x', 'authorization: Bearer a.b-c_d~e+f/g=\r\n')],
  [
    'Digest',
    plain(
      '/x',
      'authorization: Digest username="a, b", realm="c", nonce="d", uri="/x?y", qop=auth, nc=00000001, cnonce="e", response="f", opaque="g"\r\n',
    ),
  ],
  ['Negotiate', plain('/x', 'authorization: Negotiate YIIC==\r\n')],
  [
    'SharedKey, Hawk and others',
    plain(
      '/x',
      'authorization: Hawk id="a", ts="1", nonce="b", ext="", mac="c="\r\nproxy-authorization: Basic YQ==\r\n',
    ),
  ],
  ['an API key', plain('/x', 'x-api-key: a\r\nocp-apim-subscription-key: b\r\napikey: c\r\n')],
  ['cookies on several lines', plain('/x', 'cookie: a=b\r\ncookie: c="d, e"; f={"g":1}\r\n')],
  ['a cookie of 16 KB', plain('/x', `cookie: a=${'b'.repeat(16_000)}\r\n`)],
  [
    '127 headers',
    plain('/x', Array.from({ length: 126 }, (_, at) => `x-${at}: ${at}\r\n`).join('')),
  ],
  ['a header of 60 KB', plain('/x', `x-a: ${'b'.repeat(60_000)}\r\n`)],
  [
    'repeated headers',
    plain('/x', 'accept: text/html, */*;q=0.1\r\naccept: a/b\r\nx-a: 1\r\nx-a:\r\nx-a: 2, 3\r\n'),
  ],
  [
    'empty values, tabs and Latin-1',
    plain(
      '/x',
      'x-empty:\r\nx-tab: a\tb\r\nx-latin: M\xfcnchen\r\nx-utf8: M\xc3\xbcnchen\r\nx-quoted: "a\\"b"\r\n',
    ),
  ],
  ['all signs in a name', plain('/x', "x.y.z: a\r\nx!#$%&'*+-.^`|~9: b\r\n")],
  [
    'ranges and conditions',
    plain(
      '/x',
      'range: bytes=0-99,200-,-5\r\nif-range: "a"\r\nif-match: *\r\nif-none-match: W/"b", "c"\r\nif-modified-since: Sat, 29 Nov 2025 12:00:00 GMT\r\nif-unmodified-since: x\r\n',
    ),
  ],
  [
    'traces',
    plain(
      '/x',
      'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b,c=d\r\nbaggage: a=b;c,d=e\r\nb3: 0\r\nx-b3-traceid: a\r\nx-cloud-trace-context: a/1;o=1\r\nx-amzn-trace-id: Root=1-a\r\nuber-trace-id: a:b:0:1\r\nsentry-trace: a\r\n',
    ),
  ],
  [
    'an edge in front',
    plain(
      '/x',
      'forwarded: for="[2001:db8::1]";proto=https;host=a.test, for=192.0.2.1\r\nx-forwarded-host: a.test:8443\r\nx-forwarded-port: 8443\r\nx-forwarded-prefix: /a\r\nx-real-ip: 10.0.0.1\r\nvia: 1.1 a, 1.0 b\r\nx-original-host: a\r\nx-original-url: /y?z\r\ntrue-client-ip: 1.2.3.4\r\ncf-ray: a\r\n',
    ),
  ],
  ['addresses ahead of it', plain('/x', 'x-forwarded-for: 203.0.113.7, 10.0.0.1\r\n')],
  [
    'a browser',
    plain(
      '/x',
      'origin: null\r\nreferer: https://a.test/b?c\r\nsec-fetch-site: same-origin\r\nsec-ch-ua: "A";v="1", "B\\\\";v="2"\r\nupgrade-insecure-requests: 1\r\ndnt: 1\r\npriority: u=1, i\r\nx-requested-with: XMLHttpRequest\r\n',
    ),
  ],
  [
    'preferences and keys',
    plain(
      '/x',
      'prefer: return=minimal, wait=10\r\nidempotency-key: "a"\r\ndepth: infinity\r\nif: (<urn:uuid:a>)\r\ntimeout: Infinite\r\nsoapaction: "urn:a#b"\r\nmax-forwards: 3\r\ndate: Sat, 29 Nov 2025 12:00:00 GMT\r\nfrom: a@b.test\r\n',
    ),
  ],
  ['TE: trailers', plain('/x', 'te: trailers\r\n')],
  ['an expectation that nobody knows', plain('/x', 'expect: 200-maybe\r\n')],
];
