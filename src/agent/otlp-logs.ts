import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { http, https } from '../serve/api/node-http.ts';
import type { DecisionSink, LoggedDecision } from './decision-log.ts';
import type { OtlpTarget } from './otlp-environment.ts';
import { type OtlpLogRecord, otlpRecord } from './otlp-record.ts';

interface OtlpLogsOptions {
  readonly target: OtlpTarget;
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  readonly log: Log;
}

/** A few seconds of a busy host, about 4 MB. */
export const recordsWaitingMax = 4_096;
/** Plain allows leave the rest to denials. */
const allowsWaitingMax = recordsWaitingMax / 2;
const batchMax = 512;
const batchMs = 1_000;
/** Together about a minute: a receiver that restarts is back by then. */
const triesMax = 6;
const retryFirstMs = 1_000;
const retryMostMs = 30_000;
/** An end of the agent waits for one try, so long. */
const closeMs = 2_000;
/** OTLP/HTTP says which answers may be tried again. */
const retryable = [429, 502, 503, 504];

/** `again`: it may yet be taken. */
type Sent =
  | { readonly kind: 'taken'; readonly rejected: number }
  | { readonly kind: 'again' | 'refused'; readonly problem: string };

/**
 * Sends decisions by OTLP over HTTP, in JSON. Nothing waits for it: what waits is bounded, what finds no room or is not
 * taken after some tries is lost and counted.
 */
export class OtlpLogs implements DecisionSink {
  readonly #options: OtlpLogsOptions;
  #waiting: OtlpLogRecord[] = [];
  #sending: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #wake = (): void => {};
  #lost = 0;
  #problem: string | undefined;
  #closing = false;

  constructor(options: OtlpLogsOptions) {
    this.#options = options;
  }

  get lost(): number {
    return this.#lost;
  }

  take(decision: LoggedDecision): void {
    const roomMax = decision.kind === 'allow' ? allowsWaitingMax : recordsWaitingMax;
    if (this.#waiting.length >= roomMax || this.#closing) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(otlpRecord(decision));
    if (this.#sending !== undefined) return;
    if (this.#waiting.length >= batchMax) this.#start();
    else this.#cancel ??= this.#options.clock.after(batchMs, () => this.#start());
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#wake();
    this.#start();
    await Promise.race([this.#sending, this.#pause(closeMs)]);
    this.#lost += this.#waiting.length;
    this.#waiting = [];
  }

  #start(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      if (this.#waiting.length > 0 && !this.#closing) {
        this.#cancel ??= this.#options.clock.after(batchMs, () => this.#start());
      }
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length >= batchMax || (this.#closing && this.#waiting.length > 0)) {
      await this.#sendBatch(this.#waiting.splice(0, batchMax));
    }
    if (this.#waiting.length > 0) await this.#sendBatch(this.#waiting.splice(0, batchMax));
  }

  async #sendBatch(records: readonly OtlpLogRecord[]): Promise<void> {
    const body = JSON.stringify(requestOf(records, this.#options.target.resource));
    for (let attempt = 1; ; attempt += 1) {
      const sent = await post(this.#options.target, body);
      if (sent.kind === 'taken') {
        this.#lost += sent.rejected;
        this.#tell(undefined);
        return;
      }
      this.#tell(sent.problem);
      if (sent.kind === 'refused' || attempt >= triesMax || this.#closing) {
        this.#lost += records.length;
        return;
      }
      const most = Math.min(retryMostMs, retryFirstMs * 2 ** (attempt - 1));
      await this.#pause(most * (0.5 + this.#options.random.fraction() / 2));
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Once when it begins, and once when it is over. */
  #tell(problem: string | undefined): void {
    const { log, target } = this.#options;
    if (problem !== undefined && this.#problem === undefined) {
      log.warn('decisions cannot be exported', { url: target.url.href, problem });
    }
    if (problem === undefined && this.#problem !== undefined) {
      log.info('decisions are exported again', { lost: this.#lost });
    }
    this.#problem = problem;
  }
}

function requestOf(records: readonly OtlpLogRecord[], resource: OtlpTarget['resource']): unknown {
  const attributes = Object.entries(resource).map(([key, stringValue]) => ({
    key,
    value: { stringValue },
  }));
  const scopeLogs = [{ scope: { name: 'chancery' }, logRecords: records }];
  return { resourceLogs: [{ resource: { attributes }, scopeLogs }] };
}

/** An answer is a few bytes; what is longer is not read on. */
const answerBytesMax = 64 * 1_024;

function post({ url, headers, timeoutMs }: OtlpTarget, body: string): Promise<Sent> {
  return new Promise((resolve) => {
    const fail = (error: unknown): void => resolve({ kind: 'again', problem: messageOf(error) });
    try {
      const request = (url.protocol === 'https:' ? https : http).request(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        signal: AbortSignal.timeout(timeoutMs),
      });
      request.on('error', fail);
      request.on('response', (response) => {
        let text = '';
        response.on('error', fail);
        response.on('data', (chunk: Buffer) => {
          if (text.length < answerBytesMax) text += chunk.toString();
        });
        response.on('end', () => resolve(sentOf(response.statusCode ?? 0, text)));
      });
      request.end(body);
    } catch (error) {
      fail(error);
    }
  });
}

function sentOf(status: number, text: string): Sent {
  if (status >= 200 && status < 300) return { kind: 'taken', rejected: rejectedIn(text) };
  const problem = `it answered ${status}`;
  return { kind: retryable.includes(status) ? 'again' : 'refused', problem };
}

/** A receiver may take a part (`partialSuccess`). */
function rejectedIn(text: string): number {
  try {
    const { partialSuccess } = JSON.parse(text) as {
      readonly partialSuccess?: { readonly rejectedLogRecords?: unknown };
    };
    const rejected = Number(partialSuccess?.rejectedLogRecords ?? 0);
    return Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0;
  } catch {
    return 0;
  }
}
