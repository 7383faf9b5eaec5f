import { spawn } from 'node:child_process';
import { messageOf } from '../base/error.ts';

/** What is kept of the beginning and of the end of an output: Envoy dumps a whole configuration before its reason. */
const outputPartBytesMax = 64 * 1024;

interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Where it runs; here when left out. */
  readonly cwd?: string;
  /** The program is killed when it runs longer. */
  readonly timeoutMs: number;
}

interface RunResult {
  /** Exit status; -1 when the program could not be started or did not end by itself. */
  readonly status: number;
  /** Standard output and error as they came, without the middle of a long one; for a status of -1 the reason. */
  readonly output: string;
}

/** Runs a program to its end. Never rejects: a failure is a status. */
export function run(
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: options.env,
      cwd: options.cwd,
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    });
    let head = Buffer.alloc(0);
    let tail = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      const room = outputPartBytesMax - head.length;
      if (room > 0) head = Buffer.concat([head, chunk.subarray(0, room)]);
      if (chunk.length > room)
        tail = Buffer.concat([tail, chunk.subarray(room)]).subarray(-outputPartBytesMax);
    };
    // Without descriptors to make them there are no pipes, whatever the types say; `error` follows.
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('error', (error) => resolve({ status: -1, output: messageOf(error) }));
    child.once('close', (code, signal) => {
      const output = Buffer.concat([head, tail]).toString('utf8');
      resolve(
        code === null
          ? { status: -1, output: `${ended(child.killed, signal, options.timeoutMs)}\n${output}` }
          : { status: code, output },
      );
    });
  });
}

function ended(killedHere: boolean, signal: string | null, timeoutMs: number): string {
  return killedHere
    ? `it did not end within ${timeoutMs / 1000} s`
    : `it was ended by ${signal ?? 'a signal'}`;
}
