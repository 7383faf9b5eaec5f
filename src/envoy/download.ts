import { createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../base/error.ts';

/** A network that is off must fail fast, so that the next source gets its turn. */
const answerTimeoutMs = 5_000;
/** A connection that delivers nothing for this long is given up. */
const stallTimeoutMs = 30_000;
const progressEveryBytes = 16 * 1024 * 1024;

interface DownloadOptions {
  /** The exact length that the file must have; another one is refused before its body is read. */
  readonly bytes: number;
  readonly onProgress: (text: string) => void;
}

/** Fetches a URL to a file. Rejects with one sentence on anything but a whole answer of the wanted length. */
export async function download(url: string, file: string, options: DownloadOptions): Promise<void> {
  const { host } = new URL(url);
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const allow = (limitMs: number): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () => stop.abort(new Error(`nothing came for ${limitMs / 1000} s`)),
      limitMs,
    );
  };
  try {
    allow(answerTimeoutMs);
    const body = await open(url, options.bytes, stop.signal);
    allow(stallTimeoutMs);
    const meter = meterOf(options, () => allow(stallTimeoutMs));
    await pipeline(body, meter, createWriteStream(file, { mode: 0o600 }));
  } catch (error) {
    throw new Error(`${host}: ${reasonOf(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

async function open(url: string, bytes: number, signal: AbortSignal): Promise<Readable> {
  const response = await fetch(url, { signal });
  if (!response.ok || response.body === null) throw new Error(`the answer was ${response.status}`);
  const length = response.headers.get('content-length');
  if (length !== null && Number(length) !== bytes)
    throw new Error(`its file has ${length} bytes, not the ${bytes} of the pinned build`);
  return Readable.fromWeb(response.body);
}

function meterOf(options: DownloadOptions, onChunk: () => void): Transform {
  let bytes = 0;
  let shown = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      onChunk();
      if (bytes > options.bytes) return done(new Error(`more than ${options.bytes} bytes came`));
      if (bytes - shown >= progressEveryBytes) {
        shown = bytes;
        options.onProgress(`fetched ${megabytes(bytes)} of ${megabytes(options.bytes)} MB`);
      }
      done(undefined, chunk);
    },
    flush(done) {
      done(bytes === options.bytes ? null : new Error(`only ${bytes} bytes came`));
    },
  });
}

/** `fetch` hides what happened in the cause of a "fetch failed". */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return messageOf(cause ?? error);
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_000_000);
}
