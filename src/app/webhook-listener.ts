import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import type { Finding } from '../base/finding.ts';
import { http } from '../serve/api/node-http.ts';
import type { RawCall } from '../serve/api/operator-server.ts';
import { bodyTooLarge, readBytes } from '../serve/api/server.ts';
import { opened } from './cannot-listen.ts';
import { type GitWebhook, webhookBodyBytesMax } from './git-webhook.ts';

export const webhookPath = '/v1/git/webhook';

/** A Git server sends one at a time; each may hold a large body before its signature is known. */
const callsAtOnceMax = 4;
/** A body that trickles in must not hold one of them. */
const callTimeoutMs = 15_000;
/** So many in a row, and then so many a second: pushes of a busy day, and no more work for strangers than that. */
const burstMax = 30;
const callsPerSecond = 5;

/** How calls ended, for metrics. `late`: too many came, or a body did not. `failed`: the secret cannot be read. */
export type WebhookOutcome = 'taken' | 'refused' | 'late' | 'failed';

/**
 * Answers webhooks, on whichever listener. Its signature is its authentication, over the body as it came. What is too
 * much is turned away before its body is read: the next poll brings the same.
 */
export function webhookCalls(
  webhook: Pick<GitWebhook, 'handle'>,
  options: { readonly clock: Clock; readonly count: (outcome: WebhookOutcome) => void },
): RawCall {
  const { clock, count } = options;
  const mayCome = rateLimit(clock);
  let calls = 0;
  return (request, response) => {
    if (request.method !== 'POST') {
      return answer(response, 405, { error: notThere(request, 'POST') }, { allow: 'POST' });
    }
    if (!mayCome() || calls >= callsAtOnceMax) {
      count('late');
      return answer(response, 429, {}, { 'retry-after': '1' });
    }
    calls += 1;
    const late = clock.after(callTimeoutMs, () => {
      count('late');
      request.destroy(new Error('the body did not come in time'));
    });
    void serve(webhook, request, response, count).finally(() => {
      late();
      calls -= 1;
    });
  };
}

/** A listener for webhooks alone, on this machine: in front of it stands what ends TLS for the Git server. */
export async function listenForWebhooks(serve: RawCall, port: number): Promise<Server> {
  const server = http.createServer((request, response) => {
    if (request.url !== webhookPath) {
      return answer(response, 404, { error: notThere(request, `POST ${webhookPath}`) });
    }
    serve(request, response);
  });
  server.requestTimeout = callTimeoutMs;
  const address = '127.0.0.1';
  await opened(
    { flag: '--webhook-port', address, port },
    () =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, address, resolve);
      }),
  );
  return server;
}

function rateLimit(clock: Clock): () => boolean {
  let left = burstMax;
  let atMs = clock.monotonicMs();
  return () => {
    const nowMs = clock.monotonicMs();
    left = Math.min(burstMax, left + ((nowMs - atMs) / 1_000) * callsPerSecond);
    atMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

async function serve(
  webhook: Pick<GitWebhook, 'handle'>,
  request: IncomingMessage,
  response: ServerResponse,
  count: (outcome: WebhookOutcome) => void,
): Promise<void> {
  try {
    const said = Number(request.headers['content-length'] ?? 0);
    const body =
      said > webhookBodyBytesMax ? undefined : await readBytes(request, webhookBodyBytesMax);
    if (body === undefined) {
      count('refused');
      return answer(response, 413, { error: bodyTooLarge(webhookBodyBytesMax) });
    }
    const done = await webhook.handle({ headers: request.headers, body });
    count(outcomeOf(done.status));
    answer(response, done.status, 'finding' in done ? { error: done.finding } : {});
  } catch (error) {
    // The caller has gone, or its request was broken.
    response.destroy(error instanceof Error ? error : new Error(messageOf(error)));
  }
}

function outcomeOf(status: 202 | 401 | 503): WebhookOutcome {
  switch (status) {
    case 202:
      return 'taken';
    case 401:
      return 'refused';
    case 503:
      return 'failed';
  }
}

function notThere({ method, url }: IncomingMessage, expected: string): Finding {
  const path = url?.split('?', 1)[0];
  return { code: 'CH5405', severity: 'error', message: `there is no ${method} ${path}`, expected };
}

function answer(
  response: ServerResponse,
  status: number,
  body: object = {},
  more: Readonly<Record<string, string>> = {},
): void {
  const headers = { 'content-type': 'application/json', connection: 'close', ...more };
  response.writeHead(status, headers).end(`${JSON.stringify(body)}\n`);
}
