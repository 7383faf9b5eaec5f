/** Asks the desk as an Envoy does: one HTTP/2 connection over the socket, many calls at once. */
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { createInterface } from 'node:readline';
import { fromBinary } from '@bufbuild/protobuf';
import { CheckResponseSchema } from '../../src/gen/envoy/service/auth/v3/external_auth_pb.js';
import { prefixBytes } from '../../src/serve/grpc/frames.ts';

export interface ClientFile {
  readonly socket: string;
  /** CheckRequests behind their gRPC prefix, in base64. */
  readonly framed: readonly string[];
}

export interface ClientQuestion {
  readonly calls: number;
  readonly inFlight: number;
}

export interface ClientAnswer {
  readonly tookMs: number;
  readonly denied: number;
}

const permissionDenied = 7;
const headers = {
  ':method': 'POST',
  ':path': '/envoy.service.auth.v3.Authorization/Check',
  ':authority': 'agent',
  te: 'trailers',
  'grpc-timeout': '500m',
  'content-type': 'application/grpc',
  'x-envoy-internal': 'true',
  'x-forwarded-for': '127.0.0.1',
};

const given = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ClientFile;
const messages = given.framed.map((text) => Buffer.from(text, 'base64'));
const session = connect('http://localhost', {
  createConnection: () => connectSocket(given.socket),
});
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const answer = await askMany(session, JSON.parse(line) as ClientQuestion);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function askMany(to: ClientHttp2Session, question: ClientQuestion): Promise<ClientAnswer> {
  let [left, denied] = [question.calls, 0];
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      if (await isDenied(to, messages[left % messages.length] ?? Buffer.alloc(0))) denied += 1;
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: question.inFlight }, worker));
  return { tookMs: performance.now() - startedMs, denied };
}

function isDenied(to: ClientHttp2Session, framed: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stream = to.request(headers);
    const chunks: Buffer[] = [];
    let status = '';
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('trailers', (trailers) => {
      status = String(trailers['grpc-status']);
    });
    stream.once('error', reject);
    stream.once('close', () => {
      if (status !== '0') {
        reject(new Error(`a call ended with "${status}"`));
        return;
      }
      const response = fromBinary(CheckResponseSchema, Buffer.concat(chunks).subarray(prefixBytes));
      resolve(response.status?.code === permissionDenied);
    });
    stream.end(framed);
  });
}
