import { ChanceryError } from '../base/error.ts';
import type { Finding } from '../base/finding.ts';

/** One call, ready to be sent. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** With its parameters. */
  readonly path: string;
  /** JSON. */
  readonly body: string | undefined;
  /** `lines` come until either side ends them; a call is answered at once. */
  readonly answer: 'whole' | 'lines';
  /** The caller is no longer interested. */
  readonly signal: AbortSignal | undefined;
}

/** What came back. One of the two is read, once. */
export interface Answer {
  readonly status: number;
  text(): Promise<string>;
  chunks(): AsyncIterable<string>;
}

/** How a call gets to a control plane. Rejects with CH5402 where it does not. */
export type Transport = (call: Call) => Promise<Answer>;

/** Calls and gives the JSON of the answer. A refusal is a ChanceryError with its finding. */
export async function callJson(transport: Transport, call: Call): Promise<unknown> {
  return JSON.parse(await callText(transport, call));
}

export async function callText(transport: Transport, call: Call): Promise<string> {
  const answer = await transport(call);
  const text = await answer.text();
  if (answer.status === 200) return text;
  throw refusalOf(answer.status, text);
}

/**
 * Follows a stream of JSON lines until it ends or `signal` aborts. Heartbeats are taken out.
 * Rejects when the stream cannot be opened, is refused or breaks; the caller decides when to try again.
 */
export async function followLines(
  transport: Transport,
  path: string,
  onLine: (line: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    const call: Call = { method: 'GET', path, body: undefined, answer: 'lines', signal };
    const answer = await transport(call);
    if (answer.status !== 200) throw refusalOf(answer.status, await answer.text());
    for await (const line of linesOf(answer.chunks())) {
      const value: unknown = JSON.parse(line);
      if ((value as { kind?: unknown }).kind !== 'heartbeat') onLine(value);
    }
  } catch (error) {
    // Ending it is what the caller asked for.
    if (!signal.aborted) throw error;
  }
}

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function refusalOf(status: number, text: string): ChanceryError {
  const finding = findingOf(text);
  if (finding !== undefined) return new ChanceryError(finding);
  return new ChanceryError({ code: 'CH5400', message: `the control plane answered ${status}` });
}

/** Undefined: whoever answered is no control plane, but something in between. */
function findingOf(text: string): Finding | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: Partial<Finding> };
    const isFinding = /^CH\d{4}$/.test(error?.code ?? '') && typeof error?.message === 'string';
    return isFinding ? (error as Finding) : undefined;
  } catch {
    return undefined;
  }
}

export function unreachable(where: string, cause: Error, help: string): ChanceryError {
  const message = `the control plane does not answer on ${where}: ${cause.message}`;
  return new ChanceryError({ code: 'CH5402', message, help }, { cause });
}
