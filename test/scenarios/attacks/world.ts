import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { oid } from '../../../src/identity/oids.ts';
import { toPem } from '../../../src/identity/pem.ts';
import type { TrustDomain } from '../../../src/model/types.ts';
import { intentFolder } from '../../support/intents.ts';
import { type Certificate, capturedIssuer, pemOf } from '../../support/peer.ts';
import { type Made, makeUnread, type Wanted } from '../../support/pki.ts';
import { RunningMesh } from '../../support/running-mesh.ts';
import { sendRaw, type Wait } from '../../support/send-raw.ts';
import { exchange } from './h2-frames.ts';

/** What reached the application, as its parser read it. */
export interface Reached {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** Only of an application of HTTP/2. */
  readonly trailers?: readonly (readonly [name: string, value: string])[];
}

/** What became of one attack. */
export interface Outcome {
  /** The status, and the code if there is one; `closed`, `reset` or `silent` without an answer. */
  readonly answer: string;
  readonly text: string;
  readonly reached: readonly Reached[];
  /** All bytes that reached the application's port, health checks too. */
  readonly raw: string;
}

/**
 * An outcome in a few words: the answer where nothing was forwarded, else what was, and the answer if it was not 200.
 * `closed` stands for every end without an answer.
 */
export function verdictOf({ answer, reached }: Outcome): string {
  const plain = /^\d/.test(answer) ? answer : 'closed';
  if (reached.length === 0) return plain;
  const what = reached.map(({ method, url }) => `${method} ${url.slice(0, 120)}`).join(', ');
  return plain === '200' ? what : `${what}: ${plain}`;
}

export function isRefused(verdict: string): boolean {
  return /^(?:\d{3}|closed)/.test(verdict);
}

const appPort = 15_961;

/**
 * The victim: takes whatever it is sent, also what is not quite HTTP, and remembers all of it. It opens a WebSocket
 * only below /ws.
 */
export const victim = `
const http = require('node:http');
const net = require('node:net');
let reached = [];
let raw = '';
const noted = (q) => {
  const headers = [];
  for (let at = 0; at < q.rawHeaders.length; at += 2) headers.push([q.rawHeaders[at], q.rawHeaders[at + 1]]);
  const entry = { method: q.method, url: q.url, headers, body: '' };
  if (q.url !== '/healthz' && q.url !== '/reached') reached.push(entry);
  return entry;
};
const server = http.createServer({ insecureHTTPParser: true, requireHostHeader: false, shouldUpgradeCallback: (q) => q.url.startsWith('/ws') }, answer);
function answer(q, s) {
  if (q.url === '/reached') { s.end(JSON.stringify({ reached, raw })); reached = []; raw = ''; return; }
  const entry = noted(q);
  q.setEncoding('latin1');
  q.on('data', (text) => { entry.body += text; });
  q.on('end', () => {
    if (q.url.includes('slow')) setTimeout(() => s.end('ok'), 300);
    else { if (q.url.includes('fail')) s.statusCode = 503; s.end('ok'); }
  });
}
server.on('checkExpectation', answer);
server.on('upgrade', (q, s) => {
  noted(q);
  s.on('error', () => {});
  s.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n');
  s.pipe(s);
});
server.on('clientError', (error, s) => {
  // A connection that is cut off within a request that was noted already.
  if (error.code !== 'HPE_INVALID_EOF_STATE') reached.push({ method: 'GARBAGE', url: String(error.rawPacket ?? error.code), headers: [], body: '' });
  s.destroy();
});
net.createServer((s) => {
  server.emit('connection', s);
  // Only now: the parser reads past a listener that is there before it.
  s.on('data', (bytes) => { raw += bytes.toString('latin1'); });
}).listen(process.env.PORT, '127.0.0.1');
`;

const files: Readonly<Record<string, string>> = {
  'mesh.yaml': 'mesh: siege\ntrust_domain: siege.test\n',
  'services/vault.yaml': `
service: vault
owner: test
protocol: http
port: ${appPort}
health: GET /healthz
run: node victim.js
allow:
  - from: web
    to: [GET /plain, POST /plain, "GET /public/**", "GET /items/*", POST /pkg.Svc/Method, "GET /ws/**", GET /slow, GET /fail]
  - { from: wide, to: "* /**" }
  - { from: "*", to: "GET /open/**" }
deny:
  - { from: "*", to: "* /admin/**" }
  - { from: "*", to: "* /internal/**" }
  - { from: "*", to: "DELETE /items/*" }
`,
  'services/web.yaml': idle('web', 15_962),
  'services/wide.yaml': idle('wide', 15_963),
  'services/stranger.yaml': idle('stranger', 15_964),
  'victim.js': victim,
};

/** A member of the mesh that does nothing but have a certificate. */
export function idle(name: string, port: number): string {
  return `service: ${name}\nowner: test\nprotocol: http\nport: ${port}\nhealth: GET /healthz\nrun: node victim.js\n`;
}

export type Who = 'web' | 'wide' | 'stranger';

/** Who is attacked: its service, and where its application tells what reached it. */
export interface Victim {
  readonly service: string;
  readonly reachedPort: number;
}

/** A mesh with a victim, and whoever wants to get at it with a certificate of its own. */
export class Siege {
  readonly mesh: RunningMesh;
  readonly #removeFolder: () => void;
  #victim: Victim;
  #issuer: Made | undefined;
  #chain = '';
  readonly #certificates = new Map<Who, Certificate>();

  constructor(intent = files, victim: Victim = { service: 'vault', reachedPort: appPort }) {
    this.#victim = victim;
    const [dir, remove] = intentFolder(intent);
    this.#removeFolder = remove;
    this.mesh = new RunningMesh(dir);
  }

  async begin(): Promise<void> {
    await this.mesh.up();
    const ca = await capturedIssuer(this.mesh.layout, 'siege.test' as TrustDomain);
    this.#issuer = ca.issuer;
    this.#chain = ca.chain;
    for (const who of ['web', 'wide', 'stranger'] as const) {
      this.#certificates.set(who, this.sign({ uris: [`spiffe://siege.test/${who}`] }));
    }
    await this.#reached();
  }

  /** From now on this one is attacked. */
  turnTo(victim: Victim): void {
    this.#victim = victim;
  }

  async end(): Promise<void> {
    await this.mesh.remove();
    this.#removeFolder();
  }

  get issuer(): Made {
    if (this.#issuer === undefined) throw new Error('the mesh is not up');
    return this.#issuer;
  }

  /** By the mesh's own CA unless another issuer is named: a good one but for what is wanted otherwise. */
  sign(wanted: Partial<Wanted>): Certificate {
    const made = makeUnread({
      name: '',
      issuer: this.issuer,
      purposes: [oid.serverAuth, oid.clientAuth],
      notBeforeMs: Date.now() - 60_000,
      notAfterMs: Date.now() + 3_600_000,
      ...wanted,
    });
    const chain =
      wanted.issuer === undefined ? this.#chain : toPem('CERTIFICATE', wanted.issuer.der);
    return { cert: `${toPem('CERTIFICATE', made.der)}${chain}`, key: pemOf(made.key) };
  }

  certificate(who: Who): Certificate {
    const found = this.#certificates.get(who);
    if (found === undefined) throw new Error(`no certificate for ${who}`);
    return found;
  }

  get ingressPort(): number {
    return this.mesh.ports(`${this.#victim.service}-v1`).ingressPort;
  }

  /** Bytes in the place of HTTP/1.1, past the caller's own proxy. */
  async http1(who: Who | Certificate, bytes: string, wait?: Wait): Promise<Outcome> {
    const client = typeof who === 'string' ? this.certificate(who) : who;
    const socket = tls.connect({
      host: '127.0.0.1',
      port: this.ingressPort,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      ...client,
    });
    return this.#outcome(await sendRaw(socket, 'secureConnect', bytes, wait));
  }

  /** Bytes from the caller's own application, through the caller's own proxy. */
  async egress(who: Who, bytes: string, wait?: Wait): Promise<Outcome> {
    const socket = net.connect(this.mesh.ports(`${who}-v1`).egressPort, '127.0.0.1');
    return this.#outcome(await sendRaw(socket, 'connect', bytes, wait));
  }

  /** Frames in the place of HTTP/2, past the caller's own proxy. */
  async http2(who: Who | Certificate, frames: Uint8Array, silentMs = closingMs): Promise<Outcome> {
    const client = typeof who === 'string' ? this.certificate(who) : who;
    const { status, body } = await exchange(this.ingressPort, client, frames, silentMs);
    if (status === 'reset') await sleep(forMore.settleMs);
    return { answer: answerOf(status, body), text: body, ...(await this.#reached()) };
  }

  async #outcome(received: string): Promise<Outcome> {
    // What the proxy cut off with the connection still reaches the application.
    if (received === '') await sleep(forMore.settleMs);
    const text = received.replace(/^HTTP\/1\.1 100 [\s\S]*?\r\n\r\n/, '');
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 'closed';
    return { answer: answerOf(status, text), text, ...(await this.#reached()) };
  }

  #reached(): Promise<Pick<Outcome, 'reached' | 'raw'>> {
    return new Promise((resolve, reject) => {
      const from = { port: this.#victim.reachedPort, host: '127.0.0.1', path: '/reached' };
      const call = http.get(from, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString('utf8');
        });
        response.once('end', () => resolve(JSON.parse(text) as Pick<Outcome, 'reached' | 'raw'>));
      });
      call.once('error', reject);
    });
  }
}

/** For bytes that may be taken for several requests. */
export const forMore: Wait = { quietMs: 800, settleMs: 150 };
/** Envoy holds a connection that it has given up for a second, in silence. */
const closingMs = 400;

function answerOf(status: string, text: string): string {
  const code = /CH\d{4}/.exec(text)?.[0];
  return code === undefined ? status : `${status} ${code}`;
}

/** What the callee's proxy adds by itself, from what it knows for sure. */
const added =
  /^(?:host: vault|x-forwarded-for: [0-9.]+|x-forwarded-proto: https|x-request-id: [0-9a-f-]{36}|x-envoy-external-address: 127\.0\.0\.1|x-forwarded-client-cert: By=spiffe:\/\/siege\.test\/vault;Hash=[0-9a-f]+;URI=spiffe:\/\/siege\.test\/web)$/;

/** The headers that reached the application beyond those. */
export function leftOf({ reached }: Outcome): string {
  return (reached[0]?.headers ?? [])
    .map((header) => header.join(': '))
    .filter((line) => !added.test(line))
    .join(' | ');
}
