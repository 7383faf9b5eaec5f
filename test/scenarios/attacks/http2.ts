import { smuggled } from './framing.ts';
import { type Fields, fieldBlock, frame, request } from './h2-frames.ts';

function to(path: string, method = 'GET', authority = 'vault', scheme = 'https'): Fields {
  return [
    [':method', method],
    [':scheme', scheme],
    [':authority', authority],
    [':path', path],
  ];
}

const noAuthority = to('/plain').filter(([name]) => name !== ':authority');
const grpc: Fields = [
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
];

/** Frames from `wide`, or for gRPC paths from `web`, and what becomes of them. */
export const http2Attacks: readonly (readonly [name: string, frames: Buffer, verdict: string])[] = [
  ['a plain request', request(to('/plain')), 'GET /plain'],
  ['a host beside the authority', request([...to('/plain'), ['host', 'stranger']]), 'GET /plain'],
  [
    'a host of an allowed service beside another authority',
    request([...to('/plain', 'GET', 'stranger'), ['host', 'vault']]),
    '421 CH4111',
  ],
  [
    'a host in the place of the authority',
    request([...noAuthority, ['host', 'vault']]),
    'GET /plain',
  ],
  [
    'another host in the place of the authority',
    request([...noAuthority, ['host', 'stranger']]),
    '421 CH4111',
  ],
  ['two hosts', request([...noAuthority, ['host', 'vault'], ['host', 'vault']]), 'closed'],
  ['a method that few know', request(to('/plain', 'PURGE')), 'PURGE /plain'],
  ['a method in lower case', request(to('/plain', 'get')), '403 CH2126'],
  ['a method in mixed case', request(to('/plain', 'Get')), '403 CH2126'],
  ['a method in escapes', request(to('/plain', '%47ET')), '403 CH2126'],
  ['an absolute path', request(to('http://vault/admin')), 'closed'],
  ['a path without its slash', request(to('plain')), 'closed'],
  ['an empty path', request(to('')), 'closed'],
  [
    'two overriding paths',
    request([...to('/plain'), ['x-original-url', '/plain'], ['x-rewrite-url', '/admin']]),
    '403 CH2130',
  ],
  [
    'white space around an overriding method',
    request([...to('/items/1'), ['x-http-method-override', '\tDELETE ']]),
    '403 CH2130',
  ],
  ['an empty overriding path', request([...to('/plain'), ['x-original-url', '']]), '403 CH2130'],
  [
    'a WebSocket that asks for another path',
    request([...to('/ws/x', 'CONNECT'), [':protocol', 'websocket'], ['x-original-url', '/admin']], {
      open: true,
    }),
    '403 CH2130',
  ],
  [
    'a WebSocket with dots',
    request([...to('/ws/../admin/x', 'CONNECT'), [':protocol', 'websocket']], { open: true }),
    '403 CH2102',
  ],
  [
    'padding longer than the frame',
    frame(1, 0x0d, 1, Buffer.concat([Buffer.of(255), fieldBlock(to('/plain'))])),
    'closed',
  ],
  [
    'a head that goes on on another stream',
    Buffer.concat([
      frame(1, 1, 1, fieldBlock(to('/plain')).subarray(0, 9)),
      frame(9, 4, 3, fieldBlock(to('/plain')).subarray(9)),
    ]),
    'closed',
  ],
  [
    'a second path in a continuation',
    Buffer.concat([
      frame(1, 1, 1, fieldBlock(to('/plain'))),
      frame(9, 4, 1, fieldBlock([[':path', '/internal/x']])),
    ]),
    'closed',
  ],
  [
    'an index that is none',
    frame(1, 5, 1, Buffer.concat([fieldBlock(to('/plain')), Buffer.of(0x80)])),
    'closed',
  ],
  [
    'an index past every table',
    frame(1, 5, 1, Buffer.concat([fieldBlock(to('/plain')), Buffer.of(0xff, 0xff, 0x01)])),
    'closed',
  ],
  [
    'an index without end',
    frame(1, 5, 1, Buffer.concat([fieldBlock(to('/plain')), Buffer.alloc(7, 0xff)])),
    'closed',
  ],
  [
    'a new size of the table behind fields',
    frame(1, 5, 1, Buffer.concat([fieldBlock(to('/plain')), Buffer.of(0x3f, 0xe1, 0x1f)])),
    'closed',
  ],
  [
    'a setting that is none',
    Buffer.concat([frame(4, 0, 0, Buffer.of(0, 2, 0, 0, 0, 9)), request(to('/plain'))]),
    'closed',
  ],
  [
    'frames of later protocols',
    Buffer.concat([
      frame(10, 0, 1, Buffer.from('\0\0h2=":1"')),
      frame(0xfa, 0, 0, Buffer.from('x')),
      frame(0x10, 0, 0, Buffer.from('\0\0\0\x01u=1')),
      request(to('/plain')),
    ]),
    'GET /plain',
  ],
  [
    'a padded head',
    frame(1, 0x0d, 1, Buffer.concat([Buffer.of(3), fieldBlock(to('/plain')), Buffer.alloc(3)])),
    'GET /plain',
  ],
  ['no method', request(to('/plain', '')), 'closed'],
  [
    'a request line in the method',
    request(to('/plain', 'GET /internal/x HTTP/1.1\r\nhost: vault\r\n\r\nGET')),
    'closed',
  ],
  ['a path in the method', request(to('/plain', 'GET /internal/x?')), 'closed'],
  ['a tab in the method', request(to('/plain', 'G\tT')), 'closed'],
  ['a NUL in the method', request(to('/plain', 'G\0T')), 'closed'],
  ['a bracket in the method', request(to('/plain', 'G(T')), 'closed'],
  ['a method of 40 letters', request(to('/plain', 'A'.repeat(40))), '403 CH2126'],
  ['a method that starts with a sign', request(to('/plain', '!X')), '403 CH2126'],
  ['a method that a deny names', request(to('/items/1', 'DELETE')), '403 CH2102'],
  ['HEAD', request(to('/plain', 'HEAD')), 'HEAD /plain'],
  ['HEAD of what is denied', request(to('/admin', 'HEAD')), '403'],
  ['OPTIONS of the whole server', request(to('*', 'OPTIONS')), '404 CH4110'],
  [
    'a request line in the path',
    request(to('/public/x HTTP/1.1\r\nhost: vault\r\n\r\nGET /internal/x')),
    'closed',
  ],
  ['the scheme http', request(to('/plain', 'GET', 'vault', 'http')), 'GET /plain'],
  ['a scheme that nobody knows', request(to('/plain', 'GET', 'vault', 'javascript')), 'GET /plain'],
  ['an empty scheme', request(to('/plain', 'GET', 'vault', '')), 'closed'],
  [
    'a URL in the scheme',
    request(to('/plain', 'GET', 'vault', 'https://vault/internal')),
    'closed',
  ],
  ['a line break in the scheme', request(to('/plain', 'GET', 'vault', 'ht\r\ntp')), 'closed'],
  ['two schemes', request(to('/plain', 'GET', 'vault', 'https, http')), 'closed'],
  ['no scheme', request(to('/plain').filter(([name]) => name !== ':scheme')), 'closed'],
  ['no path', request(to('/plain').filter(([name]) => name !== ':path')), 'closed'],
  ['a second path', request([...to('/plain'), [':path', '/internal/x']]), 'closed'],
  ['a second method', request([...to('/plain'), [':method', 'DELETE']]), 'closed'],
  ['a second authority', request([...to('/plain'), [':authority', 'stranger']]), 'closed'],
  ['a status', request([...to('/plain'), [':status', '200']]), 'closed'],
  ['an unknown pseudo-header', request([...to('/plain'), [':foo', 'x']]), 'closed'],
  ['a protocol without CONNECT', request([...to('/plain'), [':protocol', 'websocket']]), 'closed'],
  [
    'a pseudo-header after a header',
    request([
      [':method', 'GET'],
      [':scheme', 'https'],
      ['x-a', 'b'],
      [':authority', 'vault'],
      [':path', '/plain'],
    ]),
    'closed',
  ],
  ['a header in upper case', request([...to('/plain'), ['X-Upper', 'a']]), 'closed'],
  ['a header with an underscore', request([...to('/plain'), ['x_role', 'admin']]), 'closed'],
  ['a header without a name', request([...to('/plain'), ['', 'a']]), 'closed'],
  ['a header with a space in its name', request([...to('/plain'), ['x y', 'a']]), 'closed'],
  ['a header with a colon in its name', request([...to('/plain'), ['x:y', 'a']]), 'closed'],
  ['a line break in a name', request([...to('/plain'), ['x-a: b\r\nx-c', 'd']]), 'closed'],
  ['a line break in a value', request([...to('/plain'), ['x-a', 'b\r\nx-c: d']]), 'closed'],
  ['a bare LF in a value', request([...to('/plain'), ['x-a', 'b\nx-c: d']]), 'closed'],
  ['a bare CR in a value', request([...to('/plain'), ['x-a', 'b\rx-c: d']]), 'closed'],
  ['a NUL in a value', request([...to('/plain'), ['x-a', 'b\0']]), 'closed'],
  ['connection', request([...to('/plain'), ['connection', 'x-forwarded-client-cert']]), 'closed'],
  [
    'transfer-encoding',
    request([...to('/plain', 'POST'), ['transfer-encoding', 'chunked']], {
      body: `0\r\n\r\n${smuggled}`,
    }),
    'closed',
  ],
  ['keep-alive', request([...to('/plain'), ['keep-alive', 'a']]), 'closed'],
  ['proxy-connection', request([...to('/plain'), ['proxy-connection', 'a']]), 'closed'],
  ['upgrade', request([...to('/plain'), ['upgrade', 'websocket']]), 'closed'],
  ['te: trailers', request([...to('/plain'), ['te', 'trailers']]), 'GET /plain'],
  ['te: gzip', request([...to('/plain'), ['te', 'gzip']]), 'closed'],
  ['http2-settings', request([...to('/plain'), ['http2-settings', 'AAA']]), 'GET /plain'],
  ['expect', request([...to('/plain'), ['expect', '100-continue']]), 'GET /plain'],
  [
    'two credentials',
    request([...to('/plain'), ['authorization', 'Bearer a'], ['authorization', 'Bearer b']]),
    '403 CH2128',
  ],
  [
    'an overriding method',
    request([...to('/plain'), ['x-http-method-override', 'DELETE']]),
    'GET /plain',
  ],
  ['an overriding path', request([...to('/plain'), ['x-original-url', '/admin']]), '403 CH2130'],
  ['a length without a body', request([...to('/plain'), ['content-length', '5']]), 'closed'],
  ['a negative length', request([...to('/plain'), ['content-length', '-1']]), 'closed'],
  [
    'a length that is too short',
    request([...to('/plain', 'POST'), ['content-length', '2']], { body: `ab${smuggled}` }),
    'POST /plain: closed',
  ],
  [
    'a length that is too long',
    request([...to('/plain', 'POST'), ['content-length', '2000']], { body: smuggled }),
    'closed',
  ],
  [
    'two lengths',
    request([...to('/plain', 'POST'), ['content-length', '6'], ['content-length', '2']], {
      body: 'abcdef',
    }),
    'closed',
  ],
  ['a request in the body', request(to('/plain', 'POST'), { body: smuggled }), 'POST /plain'],
  [
    'trailers with an identity',
    request(to('/plain', 'POST'), {
      body: 'abc',
      trailers: [['x-forwarded-client-cert', 'URI=x']],
    }),
    'POST /plain',
  ],
  [
    'trailers with a path',
    request(to('/plain', 'POST'), { body: 'abc', trailers: [[':path', '/internal/x']] }),
    'POST /plain: closed',
  ],
  [
    'trailers with framing',
    request(to('/plain', 'POST'), {
      body: 'abc',
      trailers: [
        ['transfer-encoding', 'chunked'],
        ['content-length', '3'],
      ],
    }),
    'closed',
  ],
  [
    'CONNECT',
    request(
      [
        [':method', 'CONNECT'],
        [':authority', 'vault:80'],
      ],
      { body: smuggled, open: true },
    ),
    '404 CH4101',
  ],
  [
    'CONNECT to another',
    request(
      [
        [':method', 'CONNECT'],
        [':authority', 'stranger:80'],
      ],
      { body: smuggled, open: true },
    ),
    '404 CH4101',
  ],
  [
    'CONNECT with a path',
    request(to('/plain', 'CONNECT'), { body: smuggled, open: true }),
    'closed',
  ],
  [
    'extended CONNECT to what is denied',
    request([...to('/admin/x', 'CONNECT'), [':protocol', 'websocket']], { open: true }),
    '403 CH2102',
  ],
  [
    'extended CONNECT for another protocol',
    request([...to('/public/x', 'CONNECT'), [':protocol', 'admin']], {
      body: smuggled,
      open: true,
    }),
    'closed',
  ],
  [
    'extended CONNECT for UDP',
    request([...to('/public/x', 'CONNECT'), [':protocol', 'connect-udp']], { open: true }),
    '404 CH4110',
  ],
  [
    'extended CONNECT for h2c',
    request([...to('/public/x', 'CONNECT'), [':protocol', 'h2c']], { body: smuggled, open: true }),
    'closed',
  ],
  [
    'a gRPC method',
    request([...to('/pkg.Svc/Method', 'POST'), ...grpc], { body: '\0\0\0\0\0' }),
    'POST /pkg.Svc/Method',
  ],
  [
    'a gRPC path in lower case',
    request([...to('/pkg.svc/method', 'POST'), ...grpc], { body: '\0\0\0\0\0' }),
    '200',
  ],
  [
    'a gRPC method that is denied',
    request([...to('/admin/x', 'POST'), ...grpc], { body: '\0\0\0\0\0' }),
    '200',
  ],
  [
    '200 headers',
    request([
      ...to('/plain'),
      ...Array.from({ length: 200 }, (_, at) => [`x-${at}`, 'a'] as const),
    ]),
    'closed',
  ],
  ['a head that does not end', frame(1, 0, 1, fieldBlock(to('/plain'))), 'closed'],
  ['a request on stream 0', frame(1, 5, 0, fieldBlock(to('/plain'))), 'closed'],
  ['a request on an even stream', frame(1, 5, 2, fieldBlock(to('/plain'))), 'closed'],
  [
    'a stream that depends on itself',
    frame(1, 0x25, 1, Buffer.concat([Buffer.of(0, 0, 0, 1, 0), fieldBlock(to('/plain'))])),
    'closed',
  ],
  [
    'a pushed request',
    frame(5, 4, 1, Buffer.concat([Buffer.of(0, 0, 0, 2), fieldBlock(to('/plain'))])),
    'closed',
  ],
  ['data before a head', frame(0, 1, 1, Buffer.from(smuggled)), 'closed'],
  ['a continuation of nothing', frame(9, 4, 1, fieldBlock(to('/plain'))), 'closed'],
];
