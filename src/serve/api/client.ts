import { request as httpRequest, type IncomingMessage } from 'node:http';
import { ChanceryError } from '../../base/error.ts';
import type { Finding } from '../../base/finding.ts';

const requestTimeoutMs = 10_000;
/** Three missed heartbeats of the server. */
const streamSilenceMs = 16_000;

/** Calls the control API. A refusal or a server that cannot be reached is a ChanceryError. */
export async function callApi(
  socketPath: string,
  call: { readonly method: 'GET' | 'POST' | 'PUT'; readonly path: string; readonly body?: unknown },
): Promise<unknown> {
  const response = await open(socketPath, call, requestTimeoutMs);
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += chunk;
  const body: unknown = JSON.parse(text);
  if (response.statusCode === 200) return body;
  const finding = (body as { error?: Finding }).error;
  if (finding !== undefined) throw new ChanceryError(finding);
  throw new ChanceryError({
    code: 'CH5400',
    message: `the control plane answered ${response.statusCode}`,
  });
}

/**
 * Follows a stream of JSON lines until it ends or `signal` aborts. Heartbeats are taken out.
 * Rejects when the stream cannot be opened or breaks; the caller decides when to try again.
 */
export async function followApi(
  socketPath: string,
  path: string,
  onLine: (line: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await open(socketPath, { method: 'GET', path }, streamSilenceMs);
  const stop = (): void => void response.destroy();
  signal.addEventListener('abort', stop, { once: true });
  // It may have come while the stream was being opened.
  if (signal.aborted) stop();
  try {
    for await (const line of linesOf(response)) {
      const value: unknown = JSON.parse(line);
      if ((value as { kind?: unknown }).kind !== 'heartbeat') onLine(value);
    }
  } catch (error) {
    // Ending it is what the caller asked for.
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    response.destroy();
  }
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function open(
  socketPath: string,
  call: { readonly method: string; readonly path: string; readonly body?: unknown },
  timeoutMs: number,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      socketPath,
      method: call.method,
      path: call.path,
      headers: { 'content-type': 'application/json' },
      timeout: timeoutMs,
    });
    request.once('response', resolve);
    request.once('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.once('error', (cause) => reject(unreachableControlPlane(socketPath, cause)));
    request.end(call.body === undefined ? undefined : JSON.stringify(call.body));
  });
}

function unreachableControlPlane(socketPath: string, cause: Error): ChanceryError {
  return new ChanceryError(
    {
      code: 'CH5402',
      message: `the control plane does not answer on ${socketPath}: ${cause.message}`,
      help: 'start it with: chancery up DIR',
    },
    { cause },
  );
}
