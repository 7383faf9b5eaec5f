import net from 'node:net';
import { idle, type Victim, victim } from './world.ts';

/** An application whose answer the caller says: bytes in base64url, and how it goes on after them. */
const liarScript = `
const net = require('node:net');
const more = {
  stay: () => {},
  close: (s) => s.end(),
  hints: (s) => 'HTTP/1.1 103 Early Hints\\r\\nlink: </a>\\r\\n\\r\\n'.repeat(20),
  headers: (s) => Array.from({ length: 20 }, () => 'x-' + Math.random() + ': ' + 'a'.repeat(500) + '\\r\\n').join(''),
  body: (s) => '8000\\r\\n' + 'a'.repeat(0x8000) + '\\r\\n',
};
net.createServer((s) => {
  let text = '';
  s.on('error', () => {});
  s.on('data', (bytes) => {
    text += bytes.toString('latin1');
    if (!text.includes('\\r\\n\\r\\n')) return;
    const [, mode, code] = text.split(' ')[1].split('/');
    text = '';
    if (mode === 'healthz') return void s.write('HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok');
    s.write(Buffer.from(code, 'base64url'));
    const chunk = more[mode](s);
    if (chunk === undefined) return;
    const go = () => { while (!s.destroyed && s.write(chunk)) if (mode !== 'body') return void setTimeout(go, 1); };
    s.on('drain', go);
    go();
  });
}).listen(Number(process.env.PORT), '127.0.0.1');
`;

/** Speaks HTTP/2: lies in trailers, resets, or answers without end. */
const gossipScript = `
const http2 = require('node:http2');
const server = http2.createServer({ maxSessionMemory: 1000 });
server.on('stream', (stream, head) => {
  const [, mode, code] = head[':path'].split('/');
  stream.on('error', () => {});
  if (mode === 'reset') return void stream.close(Number(code));
  if (mode === 'trailers') {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-chancery-code': 'CH2101', 'x-envoy-ratelimited': '1', 'x-sum': 'a' }));
    return void stream.end('ok');
  }
  stream.respond({ ':status': 200 });
  if (mode !== 'endless') return void stream.end('ok');
  const chunk = Buffer.alloc(65536, 97);
  const go = () => { while (!stream.destroyed && stream.write(chunk)); };
  stream.on('drain', go);
  go();
});
server.listen(Number(process.env.PORT), '127.0.0.1');
`;

export const target: Victim = { service: 'vault', reachedPort: 15_980 };

export const nest: Readonly<Record<string, string>> = {
  'mesh.yaml': 'mesh: siege\ntrust_domain: siege.test\n',
  'services/vault.yaml': `
service: vault
owner: test
protocol: http
port: 15980
health: GET /healthz
run: node victim.js
allow:
  - { from: web, to: ["GET /plain", "POST /plain"] }
  - { from: wide, to: GET /plain }
  - { id: asked, from: wide, to: GET /asked, when: 'request.method == "GET"' }
deny:
  - { from: "*", to: "* /admin/**" }
`,
  'services/liar.yaml': `
service: liar
owner: test
protocol: http
port: 15981
health: GET /healthz
run: node liar.js
allow: [{ from: "*", to: "* /**" }]
routes: [{ to: v1, timeout: 3s, retry: { attempts: 3, on: always } }]
`,
  'services/gossip.yaml': `
service: gossip
owner: test
protocol: http2
port: 15982
run: node gossip.js
allow: [{ from: "*", to: "* /**" }]
`,
  'services/web.yaml': idle('web', 15_983),
  'services/wide.yaml': idle('wide', 15_984),
  'services/stranger.yaml': idle('stranger', 15_985),
  'victim.js': victim,
  'liar.js': liarScript,
  'gossip.js': gossipScript,
};

export function answering(
  bytes: string,
  mode: 'stay' | 'close' | 'hints' | 'headers' | 'body' = 'stay',
): string {
  return `/${mode}/${Buffer.from(bytes, 'latin1').toString('base64url')}`;
}

export function plainAnswer(lines = '', body = 'ok'): string {
  return `HTTP/1.1 200 OK\r\n${lines}content-length: ${body.length}\r\n\r\n${body}`;
}

export interface Heard {
  readonly status: string;
  /** In small letters, as `name: value`, but for what proxies add themselves. */
  readonly lines: readonly string[];
  readonly body: string;
  readonly raw: string;
}

const silentMs = 5_000;
const settleMs = 5;
const added = /^(?:date|x-request-id|content-length|transfer-encoding|content-type): /;

/** What a caller's application gets of its own proxy, as bytes. */
export function hear(egressPort: number, host: string, path: string): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = net.connect(egressPort, '127.0.0.1');
    let raw = '';
    socket.setTimeout(silentMs, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      raw += chunk.toString('latin1');
      const head = raw.indexOf('\r\n\r\n') + 4;
      const length = /content-length: (\d+)/i.exec(raw)?.[1];
      const isWhole =
        length === undefined ? raw.endsWith('0\r\n\r\n') : raw.length >= head + Number(length);
      if (head > 3 && isWhole) socket.setTimeout(settleMs);
    });
    socket.once('close', () => resolve(heardIn(raw)));
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  });
}

function heardIn(raw: string): Heard {
  const end = raw.indexOf('\r\n\r\n');
  const [first = '', ...lines] = raw.slice(0, end).split('\r\n');
  return {
    status: first.split(' ')[1] ?? 'closed',
    lines: lines.map((line) => line.toLowerCase()).filter((line) => !added.test(line)),
    body: raw.slice(end + 4),
    raw,
  };
}
