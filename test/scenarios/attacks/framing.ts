/** A request that `web` may not make and hopes to have forwarded unseen. */
export const smuggled = 'GET /internal/x HTTP/1.1\r\nhost: vault\r\n\r\n';

export function get(target: string, lines = ''): string {
  return `GET ${target} HTTP/1.1\r\nhost: vault\r\n${lines}\r\n`;
}

export function post(lines: string, body: string, target = '/plain'): string {
  return `POST ${target} HTTP/1.1\r\nhost: vault\r\n${lines}\r\n${body}`;
}

function many(count: number): string {
  return Array.from({ length: count }, (_, at) => `x-${at}: a\r\n`).join('');
}

/**
 * Bytes in the place of HTTP/1.1 from `web`, and what becomes of them. Where the head was allowed before the body
 * turned out to be malformed, the application has seen a request that does not end, and no other.
 */
export const framingAttacks: readonly (readonly [name: string, bytes: string, verdict: string])[] =
  [
    [
      'content-length, then transfer-encoding',
      post('content-length: 4\r\ntransfer-encoding: chunked\r\n', `0\r\n\r\n${smuggled}`),
      '400 CH4110',
    ],
    [
      'transfer-encoding, then content-length',
      post('transfer-encoding: chunked\r\ncontent-length: 4\r\n', `0\r\n\r\n${smuggled}`),
      '400 CH4110',
    ],
    ['two lengths', post('content-length: 0\r\ncontent-length: 41\r\n', smuggled), '400 CH4110'],
    ['one length twice', post('content-length: 3\r\ncontent-length: 3\r\n', 'abc'), '400 CH4110'],
    ['a list of lengths', post('content-length: 3, 3\r\n', 'abc'), '400 CH4110'],
    ['a length with a sign', post('content-length: +3\r\n', 'abc'), '400 CH4110'],
    ['a negative length', post('content-length: -1\r\n', 'abc'), '400 CH4110'],
    ['a hexadecimal length', post('content-length: 0x3\r\n', 'abc'), '400 CH4110'],
    ['a length with a space after it', post('content-length: 3 \r\n', 'abc'), 'POST /plain'],
    ['an empty length', post('content-length: \r\n', 'abc'), '400 CH4110'],
    [
      'a length past 64 bits',
      post('content-length: 18446744073709551619\r\n', 'abc'),
      '400 CH4110',
    ],
    ['a length of two words', post('content-length: 1 2\r\n', 'abc'), '400 CH4110'],
    [
      'chunked that is not last',
      post('transfer-encoding: chunked, identity\r\n', `0\r\n\r\n${smuggled}`),
      '501 CH4110',
    ],
    ['identity', post('transfer-encoding: identity\r\ncontent-length: 3\r\n', 'abc'), '400 CH4110'],
    [
      'an unknown coding',
      post('transfer-encoding: xchunked\r\n', `0\r\n\r\n${smuggled}`),
      '501 CH4110',
    ],
    [
      'another case of chunked',
      post('transfer-encoding: Chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'),
      'POST /plain',
    ],
    [
      'chunked twice',
      post('transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n', `0\r\n\r\n${smuggled}`),
      '501 CH4110',
    ],
    [
      'identity and chunked',
      post('transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n', `0\r\n\r\n${smuggled}`),
      '501 CH4110',
    ],
    [
      'a tab before chunked',
      post('transfer-encoding:\tchunked\r\n', '3\r\nabc\r\n0\r\n\r\n'),
      'POST /plain',
    ],
    [
      'a vertical tab before chunked',
      post('transfer-encoding: \x0bchunked\r\n', '3\r\nabc\r\n0\r\n\r\n'),
      '400 CH4110',
    ],
    [
      'a space before the colon of transfer-encoding',
      post('transfer-encoding : chunked\r\ncontent-length: 3\r\n', 'abc'),
      '400 CH4110',
    ],
    [
      'a folded transfer-encoding',
      post('transfer-encoding:\r\n chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'),
      'POST /plain',
    ],
    ['a quoted chunked', post('transfer-encoding: "chunked"\r\n', '0\r\n\r\n'), '501 CH4110'],
    [
      'another coding before chunked',
      post('transfer-encoding: gzip, chunked\r\n', '0\r\n\r\n'),
      '501 CH4110',
    ],
    [
      'transfer-encoding with an underscore',
      post('transfer_encoding: chunked\r\ncontent-length: 3\r\n', 'abc'),
      '400 CH4110',
    ],
    [
      'a chunk extension',
      post('transfer-encoding: chunked\r\n', '3;a="b\r\nabc\r\n0\r\n\r\n'),
      'POST /plain',
    ],
    [
      'a chunk extension with a bare LF',
      post('transfer-encoding: chunked\r\n', `3;a\nabc\r\n0\r\n\r\n${smuggled}`),
      'POST /plain: 400 CH4110',
    ],
    [
      'a chunk extension with a bare CR',
      post('transfer-encoding: chunked\r\n', `3;a\rabc\r\n0\r\n\r\n${smuggled}`),
      '400 CH4110',
    ],
    [
      'chunks that end in a bare LF',
      post('transfer-encoding: chunked\r\n', `3\nabc\n0\n\n${smuggled}`),
      'POST /plain: 400 CH4110',
    ],
    [
      'a chunk size with 0x',
      post('transfer-encoding: chunked\r\n', `0x3\r\nabc\r\n0\r\n\r\n${smuggled}`),
      '400 CH4110',
    ],
    [
      'a chunk size with a space',
      post('transfer-encoding: chunked\r\n', '3 \r\nabc\r\n0\r\n\r\n'),
      'POST /plain',
    ],
    [
      'a chunk size with a sign',
      post('transfer-encoding: chunked\r\n', `+3\r\nabc\r\n0\r\n\r\n${smuggled}`),
      'POST /plain: 400 CH4110',
    ],
    [
      'a negative chunk size',
      post('transfer-encoding: chunked\r\n', `-1\r\nabc\r\n0\r\n\r\n${smuggled}`),
      '400 CH4110',
    ],
    [
      'a chunk size past 64 bits',
      post('transfer-encoding: chunked\r\n', `10000000000000003\r\nabc\r\n0\r\n\r\n${smuggled}`),
      'POST /plain: 400 CH4110',
    ],
    [
      'more data than the chunk says',
      post('transfer-encoding: chunked\r\n', `3\r\nabcd\r\n0\r\n\r\n${smuggled}`),
      'POST /plain: 200 CH2102',
    ],
    [
      'a last chunk of many zeros',
      post('transfer-encoding: chunked\r\n', `00000\r\n\r\n${get('/public/2')}`),
      'POST /plain, GET /public/2',
    ],
    [
      'trailers that name a host and a length',
      post(
        'transfer-encoding: chunked\r\n',
        `3\r\nabc\r\n0\r\nx-forwarded-client-cert: URI=x\r\nhost: stranger\r\ncontent-length: 5\r\n\r\n${get('/public/2')}`,
      ),
      'POST /plain, GET /public/2',
    ],
    [
      'a malformed trailer',
      post('transfer-encoding: chunked\r\n', `0\r\nx y\r\n\r\n${smuggled}`),
      'POST /plain: 400 CH4110',
    ],
    [
      'chunked in HTTP/1.0',
      'POST /plain HTTP/1.0\r\nhost: vault\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      '426 CH4110',
    ],
    ['HTTP/1.0', 'GET /plain HTTP/1.0\r\nhost: vault\r\n\r\n', '426 CH4110'],
    ['HTTP/0.9', 'GET /plain\r\n\r\n', '426 CH4110'],
    ['HTTP/1.2', 'GET /plain HTTP/1.2\r\nhost: vault\r\n\r\n', '426 CH4110'],
    ['HTTP/2.0 in text', 'GET /plain HTTP/2.0\r\nhost: vault\r\n\r\n', '426 CH4110'],
    ['a version with a letter', 'GET /plain HTTP/1.1x\r\nhost: vault\r\n\r\n', '400 CH4110'],
    ['a version in lower case', 'GET /plain http/1.1\r\nhost: vault\r\n\r\n', '400 CH4110'],
    ['a version with a zero', 'GET /plain HTTP/01.1\r\nhost: vault\r\n\r\n', '400 CH4110'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400 CH4110'],
    ['tabs in the request line', 'GET\t/plain\tHTTP/1.1\r\nhost: vault\r\n\r\n', 'GET /plain'],
    [
      'two spaces in the request line',
      'GET  /plain  HTTP/1.1\r\nhost: vault\r\n\r\n',
      'GET /plain',
    ],
    ['empty lines first', '\r\n\r\nGET /plain HTTP/1.1\r\nhost: vault\r\n\r\n', 'GET /plain'],
    ['a space first', ' GET /plain HTTP/1.1\r\nhost: vault\r\n\r\n', '400 CH4110'],
    ['two targets', 'GET /plain /internal/x HTTP/1.1\r\nhost: vault\r\n\r\n', '400 CH4110'],
    ['bare LFs', 'GET /plain HTTP/1.1\nhost: vault\n\n', 'GET /plain'],
    ['bare CRs', 'GET /plain HTTP/1.1\rhost: vault\r\r', 'closed'],
    [
      'a bare CR in the request line',
      'GET /plain\r/x HTTP/1.1\r\nhost: vault\r\n\r\n',
      '400 CH4110',
    ],
    [
      'a head that ends twice',
      `GET /plain HTTP/1.1\r\nhost: vault\r\n\n\r\n${smuggled}`,
      'GET /plain: 200 CH2102',
    ],
    ['CR CR LF', 'GET /plain HTTP/1.1\r\r\nhost: vault\r\n\r\n', 'GET /plain'],
    [
      'a GET with a request in its body',
      `GET /plain HTTP/1.1\r\nhost: vault\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`,
      'GET /plain',
    ],
    [
      'a GET with a request in its chunks',
      `GET /plain HTTP/1.1\r\nhost: vault\r\ntransfer-encoding: chunked\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
      'GET /plain',
    ],
    // Envoy leaves what is pipelined behind its own answer until more comes; nobody but an attacker sends so.
    [
      'a denied request between two allowed ones',
      `${get('/public/1')}${smuggled}${get('/public/2')}`,
      'GET /public/1: 200 CH2102',
    ],
    [
      'an allowed request after a denied one',
      `${smuggled}${get('/public/1')}`,
      'GET /public/1: 403 CH2102',
    ],
    [
      'a request in the body of a denied one',
      `${post(`content-length: ${smuggled.length}\r\n`, smuggled, '/internal/x')}`,
      '403 CH2102',
    ],
    // The proxy denies at the head, before the body: the connection ends with the answer.
    [
      'an allowed request after a denied one with a body',
      `${post('content-length: 3\r\n', 'abc', '/internal/x')}${get('/public/2')}`,
      '403 CH2102',
    ],
    [
      'a denied request whose body does not end',
      post('content-length: 1000\r\n', get('/public/1'), '/internal/x'),
      '403 CH2102',
    ],
    [
      'a denied request that expects to be asked for its body',
      post(
        `expect: 100-continue\r\ncontent-length: ${smuggled.length}\r\n`,
        smuggled,
        '/internal/x',
      ),
      '403 CH2102',
    ],
    [
      'an allowed request that expects to be asked for its body',
      post('expect: 100-continue\r\ncontent-length: 3\r\n', 'abc'),
      'POST /plain',
    ],
    [
      'an unknown expectation',
      post('expect: admin\r\ncontent-length: 3\r\n', 'abc'),
      'POST /plain',
    ],
    [
      'a HEAD before a denied request',
      `HEAD /plain HTTP/1.1\r\nhost: vault\r\n\r\n${smuggled}`,
      'HEAD /plain: 200 CH2102',
    ],
    [
      'a second transfer-encoding in trailers',
      post('transfer-encoding: chunked\r\n', `0\r\ntransfer-encoding: chunked\r\n\r\n${smuggled}`),
      'POST /plain: 200 CH2102',
    ],
    [
      'a length with zeros',
      post('content-length: 00003\r\n', `abc${smuggled}`),
      'POST /plain: 200 CH2102',
    ],
    [
      'a folded length',
      post('content-length:\r\n 3\r\n', `abc${smuggled}`),
      'POST /plain: 200 CH2102',
    ],
    [
      'a list with an empty coding',
      post('transfer-encoding: ,chunked\r\n', '0\r\n\r\n'),
      '501 CH4110',
    ],
    [
      'a coding with a parameter',
      post('transfer-encoding: chunked;q=1\r\n', '0\r\n\r\n'),
      '501 CH4110',
    ],
    ['a header of PROXY', `PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n${get('/plain')}`, '400 CH4110'],
    [
      'an answer in the place of a request',
      `HTTP/1.1 100 Continue\r\n\r\n${get('/plain')}`,
      '400 CH4110',
    ],
    ['LF CR', 'GET /plain HTTP/1.1\n\rhost: vault\n\r\n\r', '400 CH4110'],
    [
      'CR CR LF at the end',
      `GET /plain HTTP/1.1\r\nhost: vault\r\n\r\r\n${smuggled}`,
      '400 CH4110',
    ],
    [
      'a form feed in the request line',
      'GET /plain\x0cHTTP/1.1\r\nhost: vault\r\n\r\n',
      '400 CH4110',
    ],
    [
      'a folded line before any header',
      'GET /plain HTTP/1.1\r\n host: vault\r\n\r\n',
      '400 CH4110',
    ],
    ['half a head', 'GET /public/half HTTP/1.1\r\nhost: va', 'closed'],
    ['half a body', post('content-length: 10\r\n', 'abc'), 'POST /plain: closed'],
    [
      'CONNECT to the service',
      `CONNECT vault:80 HTTP/1.1\r\nhost: vault\r\n\r\n${smuggled}`,
      '404 CH4101',
    ],
    [
      'CONNECT to another',
      `CONNECT stranger:80 HTTP/1.1\r\nhost: stranger\r\n\r\n${smuggled}`,
      '404 CH4101',
    ],
    ['CONNECT with a path', 'CONNECT /plain HTTP/1.1\r\nhost: vault\r\n\r\n', '400 CH4110'],
    ['OPTIONS of the whole server', 'OPTIONS * HTTP/1.1\r\nhost: vault\r\n\r\n', '404 CH4110'],
    ['OPTIONS', 'OPTIONS /x HTTP/1.1\r\nhost: vault\r\n\r\n', 'OPTIONS /x'],
    ['a method in lower case', 'get /plain HTTP/1.1\r\nhost: vault\r\n\r\n', '403 CH2126'],
    ['a CONNECT in lower case', 'connect vault:80 HTTP/1.1\r\nhost: vault\r\n\r\n', '400 CH4110'],
    [
      'a CONNECT in lower case with a path',
      `connect /plain HTTP/1.1\r\nhost: vault\r\n\r\n${smuggled}`,
      '403 CH2126',
    ],
    [
      'a HEAD in lower case',
      `head /plain HTTP/1.1\r\nhost: vault\r\n\r\n${smuggled}`,
      '403 CH2126',
    ],
    [
      'a method that is a word of the mesh',
      'ALLOW/ANY /plain HTTP/1.1\r\nhost: vault\r\n\r\n',
      '400 CH4110',
    ],
    [
      'a method with every sign',
      "A!#$%&'*+.^_`|~-9 /admin HTTP/1.1\r\nhost: vault\r\n\r\n",
      '403 CH2102',
    ],
    [
      'the start of HTTP/2 as a method',
      `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${smuggled}`,
      '400 CH4110',
    ],
    [
      'a method that nobody knows, with a body that is a request',
      `LIST /admin HTTP/1.1\r\nhost: vault\r\ncontent-length: 4\r\n\r\n${smuggled}`,
      '403 CH2102',
    ],
    ['a method in mixed case', 'Get /plain HTTP/1.1\r\nhost: vault\r\n\r\n', '403 CH2126'],
    ['a method that nobody knows', 'LIST /admin/x HTTP/1.1\r\nhost: vault\r\n\r\n', '403 CH2102'],
    ['a method of two words', 'GE T /plain HTTP/1.1\r\nhost: vault\r\n\r\n', '400 CH4110'],
    ['a method with a bracket', 'G(T /plain HTTP/1.1\r\nhost: vault\r\n\r\n', '400 CH4110'],
    ['a method that a deny names', 'DELETE /items/1 HTTP/1.1\r\nhost: vault\r\n\r\n', '403 CH2102'],
    [
      'a method that a deny names, with a final slash',
      'DELETE /items/1/ HTTP/1.1\r\nhost: vault\r\n\r\n',
      '403 CH2102',
    ],
    [
      'a path of 10,000 characters',
      get(`/public/${'a'.repeat(10_000)}`),
      'GET /public/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    ],
    ['a path of 70,000 characters', get(`/public/${'a'.repeat(70_000)}`), '431 CH4110'],
    ['5,000 dot segments', get(`/public/${'../'.repeat(5_000)}admin`), '403 CH2102'],
    ['3,000 encoded dot segments', get(`/public/${'%2e%2e/'.repeat(3_000)}admin`), '403 CH2102'],
    ['20,000 slashes', get(`/public${'/'.repeat(20_000)}x`), 'GET /public/x'],
    ['100 headers', get('/plain', many(100)), 'GET /plain'],
    ['200 headers', get('/plain', many(200)), '431 CH4110'],
    [
      'a header of 70,000 characters',
      get('/plain', `x-a: ${'a'.repeat(70_000)}\r\n`),
      '431 CH4110',
    ],
  ];
