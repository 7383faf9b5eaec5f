import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Agent } from 'node:https';
import { ChanceryError } from '../../base/error.ts';
import type { Finding } from '../../base/finding.ts';
import { http, https } from './node-http.ts';

/** A unix socket, by its path, or an API over TLS, whose trust is in the agent that keeps its connections. */
export type ApiTarget =
  | string
  | {
      readonly host: string;
      readonly port: number;
      readonly agent: Agent;
      /** Of who asks, where it is no certificate. */
      readonly token?: string;
    };

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly body?: unknown;
}

const requestTimeoutMs = 10_000;
/** Three missed heartbeats of the server. */
const streamSilenceMs = 16_000;

/** Calls the control API. A refusal or a server that cannot be reached is a ChanceryError. */
export async function callApi(target: ApiTarget, call: ApiCall): Promise<unknown> {
  const response = await open(target, call, requestTimeoutMs);
  const text = await textOf(response);
  if (response.statusCode === 200) return JSON.parse(text);
  throw refusalOf(response, text);
}

/**
 * Follows a stream of JSON lines until it ends or `signal` aborts. Heartbeats are taken out.
 * Rejects when the stream cannot be opened, is refused or breaks; the caller decides when to try again.
 */
export async function followApi(
  target: ApiTarget,
  path: string,
  onLine: (line: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await open(target, { method: 'GET', path }, streamSilenceMs);
  const stop = (): void => void response.destroy();
  signal.addEventListener('abort', stop, { once: true });
  // It may have come while the stream was being opened.
  if (signal.aborted) stop();
  try {
    if (response.statusCode !== 200) throw refusalOf(response, await textOf(response));
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

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += chunk;
  return text;
}

function refusalOf({ statusCode }: IncomingMessage, text: string): ChanceryError {
  const finding = findingOf(text);
  if (finding !== undefined) return new ChanceryError(finding);
  const message = `the control plane answered ${statusCode}`;
  return new ChanceryError({ code: 'CH5400', message });
}

function findingOf(text: string): Finding | undefined {
  try {
    return (JSON.parse(text) as { error?: Finding }).error;
  } catch {
    return undefined;
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

function open(target: ApiTarget, call: ApiCall, timeoutMs: number): Promise<IncomingMessage> {
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const options: RequestOptions = {
    method: call.method,
    path: call.path,
    headers: {
      'content-type': 'application/json',
      'content-length': body === undefined ? 0 : Buffer.byteLength(body),
      ...(typeof target === 'string' || target.token === undefined
        ? {}
        : { authorization: `Bearer ${target.token}` }),
    },
    timeout: timeoutMs,
  };
  return new Promise((resolve, reject) => {
    const request =
      typeof target === 'string'
        ? http.request({ ...options, socketPath: target })
        : https.request({ ...options, host: target.host, port: target.port, agent: target.agent });
    request.once('response', resolve);
    request.once('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.once('error', (cause) => reject(unreachable(target, cause)));
    request.end(body);
  });
}

function unreachable(target: ApiTarget, cause: Error): ChanceryError {
  const where = typeof target === 'string' ? target : `${target.host}:${target.port}`;
  return new ChanceryError(
    {
      code: 'CH5402',
      message: `the control plane does not answer on ${where}: ${cause.message}`,
      help:
        typeof target === 'string'
          ? 'start it with: chancery up DIR'
          : 'look at its address, its --api-port and whose certificates are trusted (--ca-file)',
    },
    { cause },
  );
}
