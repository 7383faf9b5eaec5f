import { type Answer, type Call, type Transport, unreachable } from './transport.ts';

/** What a browser, Node, Deno and Bun call `fetch`. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchAnswer>;

interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

interface FetchAnswer {
  readonly status: number;
  readonly body: ReadableStream<Uint8Array> | null;
  text(): Promise<string>;
}

/** Over `fetch`, for pages of the control plane itself and programs that trust its certificate. */
export function fetchTransport(options: {
  readonly fetch: Fetch;
  /** `https://HOST:PORT`; empty for the one that served the page. */
  readonly origin: string;
  /** Asked at each call, since it may be replaced. Undefined: a certificate says who asks. */
  readonly token: () => string | undefined;
}): Transport {
  return async (call) => {
    const { signal } = call;
    try {
      const answer = await options.fetch(
        `${options.origin}${call.path}`,
        initOf(call, options.token()),
      );
      return answerOf(answer);
    } catch (cause) {
      if (signal?.aborted === true || !(cause instanceof Error)) throw cause;
      const help = 'look at its address, its --api-port and whether its certificate is trusted';
      throw unreachable(options.origin, cause, help);
    }
  };
}

function initOf({ method, body, signal }: Call, token: string | undefined): FetchInit {
  return {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
  };
}

function answerOf(answer: FetchAnswer): Answer {
  return {
    status: answer.status,
    text: () => answer.text(),
    chunks: () => chunksOf(answer.body),
  };
}

/** With a reader: not every browser lets a stream be iterated. */
async function* chunksOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<string> {
  if (body === null) return;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
