import http from 'node:http';
import { type Context, jsonObject, Problem } from './lib.ts';

/** An answer of an upstream; a page of the ledger is the largest. */
const answerBytesMax = 4 * 1024 * 1024;

/** The mesh has its own, shorter time limits; this one is for a run without it. */
const timeoutMs = 10_000;

export interface HttpClient {
  /**
   * Calls a service by its plain name and returns its JSON. An answer that is no success is thrown as a `Problem` with
   * the same status and body, so that the person at the far end reads the first reason and not the last.
   */
  call(request: {
    readonly service: string;
    readonly method: 'GET' | 'POST';
    readonly path: string;
    readonly body?: unknown;
    readonly context: Context;
  }): Promise<Readonly<Record<string, unknown>>>;
  close(): void;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Plain Node: the agent honours HTTP_PROXY and sends `GET http://payments/…` to it. */
export function httpClient(env: Env = process.env): HttpClient {
  const agent = new http.Agent({ keepAlive: true, proxyEnv: { ...env } });
  return {
    call: async ({ service, method, path, body, context }) => {
      const url = `http://${service}${path}`;
      const options = { agent, method, headers: { ...context.headers, ...contentType(body) } };
      const answer = await sendOnce(url, options, body)
        .catch((thrown: unknown) => {
          if (isStaleConnection(thrown)) return sendOnce(url, options, body);
          throw thrown;
        })
        .catch((thrown: unknown) => unreachable(service, thrown));
      return readAnswer(service, answer);
    },
    close: () => agent.destroy(),
  };
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

function contentType(body: unknown): Record<string, string> {
  return body === undefined ? {} : { 'content-type': 'application/json' };
}

function sendOnce(url: string, options: http.RequestOptions, body: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { ...options, timeout: timeoutMs }, (response) => {
      collect(response).then(
        (bytes) =>
          resolve({
            status: response.statusCode ?? 502,
            contentType: response.headers['content-type'] ?? 'text/plain',
            body: bytes,
          }),
        reject,
      );
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', (error) =>
      reject(request.reusedSocket ? new StaleConnection(error) : error),
    );
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function collect(response: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > answerBytesMax) throw new Error(`an answer of more than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** A kept connection that was closed just as it was used again. All writes of the shop may be sent twice. */
class StaleConnection extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

function isStaleConnection(thrown: unknown): boolean {
  if (!(thrown instanceof StaleConnection) || !(thrown.cause instanceof Error)) return false;
  const code = 'code' in thrown.cause ? thrown.cause.code : undefined;
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function unreachable(service: string, thrown: unknown): never {
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  throw new Problem(502, `${service} could not be reached: ${detail}`);
}

function readAnswer(service: string, answer: Answer): Readonly<Record<string, unknown>> {
  const { status, body } = answer;
  if (status < 200 || status > 299) {
    throw new Problem(status, `${service} answered ${status}`, answer);
  }
  const value = jsonObject(body.toString('utf8'));
  if (value === undefined) throw new Problem(502, `${service} did not answer with JSON`);
  return value;
}
