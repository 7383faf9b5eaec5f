import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { messageOf } from '../base/error.ts';
import { http } from '../serve/api/node-http.ts';
import { type GitWebhook, webhookBodyBytesMax } from './git-webhook.ts';

export const webhookPath = '/v1/git/webhook';

/** A Git server sends one at a time; each may hold a large body before its signature is known. */
const callsAtOnceMax = 8;
/** A body that trickles in must not hold one of them. */
const callTimeoutMs = 15_000;

/** A listener for webhooks alone, on this machine: in front of it stands what ends TLS for the Git server. */
export async function listenForWebhooks(webhook: GitWebhook, port: number): Promise<Server> {
  let calls = 0;
  const server = http.createServer((request, response) => {
    if (request.url !== webhookPath) return answer(response, 404);
    if (request.method !== 'POST') return answer(response, 405);
    if (calls >= callsAtOnceMax) return answer(response, 503);
    calls += 1;
    void serve(webhook, request, response).finally(() => {
      calls -= 1;
    });
  });
  server.requestTimeout = callTimeoutMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}

async function serve(
  webhook: GitWebhook,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const body = await readBody(request);
    if (body === undefined) return answer(response, 413);
    const said = await webhook.handle({ headers: request.headers, body });
    answer(response, said.status, 'finding' in said ? { error: said.finding } : {});
  } catch (error) {
    // The caller has gone, or its request was broken.
    response.destroy(error instanceof Error ? error : new Error(messageOf(error)));
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > webhookBodyBytesMax) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > webhookBodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function answer(response: ServerResponse, status: number, body: object = {}): void {
  const headers = { 'content-type': 'application/json', connection: 'close' };
  response.writeHead(status, headers).end(`${JSON.stringify(body)}\n`);
}
