import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Agent } from 'node:https';
import {
  type Answer,
  type Call,
  callJson,
  followLines,
  type Transport,
  unreachable,
} from '../../client/transport.ts';
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
  readonly method: Call['method'];
  readonly path: string;
  readonly body?: unknown;
}

const requestTimeoutMs = 10_000;
/** Three missed heartbeats of the server. */
const streamSilenceMs = 16_000;

/** The API of hosts and agents, which is in no document. A refusal or a server that cannot be reached is a ChanceryError. */
export async function callApi(target: ApiTarget, call: ApiCall): Promise<unknown> {
  const { method, path } = call;
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const sent: Call = { method, path, body, answer: 'whole', signal: undefined };
  return callJson(nodeTransport(target), sent);
}

/** Of the same API: follows a stream of JSON lines until it ends or `signal` aborts. */
export async function followApi(
  target: ApiTarget,
  path: string,
  onLine: (line: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  return followLines(nodeTransport(target), path, onLine, signal);
}

/** Over Node's own HTTP: on a unix socket, or over TLS with the trust of the target. */
export function nodeTransport(target: ApiTarget): Transport {
  return async (call) => {
    const response = await open(target, call);
    response.setEncoding('utf8');
    return answerOf(response, call.signal);
  };
}

function answerOf(response: IncomingMessage, signal: AbortSignal | undefined): Answer {
  const chunks = () => chunksOf(response, signal);
  return {
    status: response.statusCode ?? 0,
    text: async () => {
      let text = '';
      for await (const chunk of chunks()) text += chunk;
      return text;
    },
    chunks,
  };
}

async function* chunksOf(
  response: IncomingMessage,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const stop = (): void => void response.destroy();
  signal?.addEventListener('abort', stop, { once: true });
  // It may have come while the answer was being waited for.
  if (signal?.aborted === true) stop();
  try {
    yield* response as AsyncIterable<string>;
  } finally {
    signal?.removeEventListener('abort', stop);
    response.destroy();
  }
}

function open(target: ApiTarget, call: Call): Promise<IncomingMessage> {
  const { method, path, body } = call;
  const timeout = call.answer === 'lines' ? streamSilenceMs : requestTimeoutMs;
  const options: RequestOptions = {
    ...{ method, path, timeout },
    headers: {
      'content-type': 'application/json',
      'content-length': body === undefined ? 0 : Buffer.byteLength(body),
      ...(typeof target === 'string' || target.token === undefined
        ? {}
        : { authorization: `Bearer ${target.token}` }),
    },
  };
  return new Promise((resolve, reject) => {
    const request =
      typeof target === 'string'
        ? // A kept connection may be closed at the moment in which it is used again; a new one costs nothing here.
          http.request({ ...options, socketPath: target, agent: false })
        : https.request({ ...options, host: target.host, port: target.port, agent: target.agent });
    request.once('response', resolve);
    request.once('timeout', () => request.destroy(new Error(`no answer in ${timeout} ms`)));
    request.once('error', (cause) => reject(unreachableTarget(target, cause)));
    request.end(body);
  });
}

const localHelp =
  'start it with: chancery up DIR; where it is a service, systemctl status chancery-server';

function unreachableTarget(target: ApiTarget, cause: Error) {
  return typeof target === 'string'
    ? unreachable(target, cause, localHelp)
    : unreachable(
        `${target.host}:${target.port}`,
        cause,
        'look at its address, its --api-port and whose certificates are trusted (--ca-file)',
      );
}
