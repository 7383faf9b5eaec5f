import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../base/error.ts';

const outputBytesMax = 16 * 1024;
const runTimeoutMs = 300_000;
/** A network that is off must fail fast, so that the next source gets its turn. */
const connectTimeoutMs = 5_000;
const progressEveryBytes = 16 * 1024 * 1024;

export interface RunResult {
  /** -1 when the program could not be started. */
  readonly status: number;
  /** Standard output and error, cut to a limit. */
  readonly output: string;
}

export function run(program: string, args: readonly string[]): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: runTimeoutMs,
    });
    let output = '';
    const take = (chunk: Buffer): void => {
      if (output.length < outputBytesMax) output += chunk.toString('utf8');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', (error) => resolve({ status: -1, output: messageOf(error) }));
    child.once('close', (code) => resolve({ status: code ?? -1, output }));
  });
}

/** Fetches a URL to a file. Rejects on anything but a whole 200 answer. */
export async function download(
  url: string,
  file: string,
  onProgress: (text: string) => void,
): Promise<void> {
  const connect = new AbortController();
  const timer = setTimeout(() => connect.abort(new Error('no answer in time')), connectTimeoutMs);
  const response = await fetch(url, { signal: connect.signal }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new Error(`${new URL(url).host} cannot be reached: ${messageOf(cause)}`);
  });
  clearTimeout(timer);
  if (!response.ok || response.body === null) throw new Error(`the answer was ${response.status}`);
  let bytes = 0;
  let shown = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes - shown >= progressEveryBytes) {
        shown = bytes;
        onProgress(`fetched ${Math.round(bytes / 1024 / 1024)} MB`);
      }
      done(undefined, chunk);
    },
  });
  await pipeline(Readable.fromWeb(response.body), count, createWriteStream(file, { mode: 0o600 }));
}
