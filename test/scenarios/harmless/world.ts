import http from 'node:http';
import net from 'node:net';
import { intentFolder } from '../../support/intents.ts';
import { RunningMesh } from '../../support/running-mesh.ts';
import { sendRaw } from '../../support/send-raw.ts';
import { idle, victim } from '../attacks/world.ts';
import { crowded } from './crowded.ts';
import { rpc, rpcPort } from './rpc.ts';

/** What the application got and what its caller was answered, byte by byte. */
export interface Passed {
  /** The requests that reached the application. */
  readonly requests: readonly string[];
  readonly answer: string;
}

export const appPort = 15_980;
const tellsPort = 15_981;

/**
 * Reads no more of HTTP than where a request ends, and answers what it was told to. What it was sent, and what it is to
 * answer, goes by another port.
 */
const echo = `
const http = require('node:http');
const net = require('node:net');
const usual = Buffer.from('HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok');
let arrived = [];
let answer = usual;
function lengthOf(text) {
  const end = text.indexOf('\\r\\n\\r\\n');
  if (end === -1) return -1;
  const head = text.slice(0, end + 2);
  const length = /\\r\\ncontent-length: *(\\d+)\\r/i.exec(head);
  if (length) return end + 4 + Number(length[1]);
  if (!/\\r\\ntransfer-encoding: *chunked\\r/i.test(head)) return end + 4;
  const last = text.indexOf('\\r\\n0\\r\\n', end);
  if (last === -1) return -1;
  const after = text.indexOf('\\r\\n\\r\\n', last + 2);
  return after === -1 ? -1 : after + 4;
}
net.createServer((socket) => {
  let rest = '';
  let isOpen = false;
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    rest += bytes.toString('latin1');
    if (isOpen) { arrived.push(rest); socket.write(Buffer.from(rest, 'latin1')); rest = ''; return; }
    const isAwaited = /\\r\\nexpect: *100-continue\\r/i.test(rest) && rest.endsWith('\\r\\n\\r\\n');
    if (isAwaited && lengthOf(rest) !== rest.length) { socket.write('HTTP/1.1 100 Continue\\r\\n\\r\\n'); return; }
    for (let length = lengthOf(rest); length !== -1 && length <= rest.length; length = lengthOf(rest)) {
      const one = rest.slice(0, length);
      rest = rest.slice(length);
      if (one.startsWith('GET /healthz ')) { socket.write(usual); continue; }
      arrived.push(one);
      socket.write(answer);
      isOpen = answer.includes(' 101 ');
      if (/connection: close|HTTP\\/1\\.0/i.test(answer.toString('latin1').split('\\r\\n\\r\\n')[0])) socket.end();
    }
  });
}).listen(Number(process.env.PORT), '127.0.0.1');
http.createServer(async (q, s) => {
  const chunks = [];
  for await (const chunk of q) chunks.push(chunk);
  if (q.method === 'PUT') answer = chunks.length === 0 ? usual : Buffer.concat(chunks);
  s.end(JSON.stringify(arrived));
  arrived = [];
}).listen(${tellsPort}, '127.0.0.1');
`;

const files: Readonly<Record<string, string>> = {
  'mesh.yaml': 'mesh: harmless\ntrust_domain: harmless.test\n',
  'services/api.yaml': `
service: api
owner: test
protocol: http
port: ${appPort}
health: GET /healthz
run: node echo.js
allow:
  - { from: web, to: "* /**" }
deny:
  - { from: "*", to: ["* /admin/**", DELETE /guarded] }
`,
  'services/rpc.yaml': `
service: rpc
owner: test
protocol: http2
port: ${rpcPort}
run: node rpc.js
allow:
  - { from: web, to: "* /**" }
`,
  'rpc.js': rpc,
  'services/crowded.yaml': `
service: crowded
owner: test
protocol: http
port: 15984
run: node crowded.js
allow:
  - { from: web, to: "* /**" }
routes:
  - { match: { path: /events }, to: v1, timeout: 1s }
  - { match: { path: /ws }, to: v1, timeout: 1s }
  - { to: v1 }
`,
  'crowded.js': crowded,
  'services/web.yaml': idle('web', 15_982),
  'echo.js': echo,
  'victim.js': victim,
};

/** A mesh in which `web` may ask `api` for everything but /admin. */
export class Peace {
  readonly mesh: RunningMesh;
  readonly #removeFolder: () => void;

  constructor(more: Readonly<Record<string, string>> = {}) {
    const [dir, remove] = intentFolder({ ...files, ...more });
    this.#removeFolder = remove;
    this.mesh = new RunningMesh(dir);
  }

  async begin(): Promise<void> {
    await this.mesh.up();
    await this.#tell('GET');
  }

  async end(): Promise<void> {
    await this.mesh.remove();
    this.#removeFolder();
  }

  get egressPort(): number {
    return this.mesh.ports('web-v1').egressPort;
  }

  /** Through both proxies unless another port is named. `answer`: what the application says to it. */
  async pass(bytes: string, answer = '', port = this.egressPort): Promise<Passed> {
    await this.#tell('PUT', answer);
    const answered = await sendRaw(net.connect(port, '127.0.0.1'), 'connect', bytes);
    return { answer: answered, requests: await this.#tell('GET') };
  }

  /** What a client sends, of which only the outcome is known; it ends before this does. */
  async during(client: () => Promise<string>): Promise<Passed> {
    await this.#tell('PUT');
    const answer = await client();
    return { answer, requests: await this.#tell('GET') };
  }

  #tell(method: string, body = ''): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const call = http.request({ port: tellsPort, host: '127.0.0.1', method }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () =>
          resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as string[]),
        );
      });
      call.once('error', reject);
      call.end(Buffer.from(body, 'latin1'));
    });
  }
}
