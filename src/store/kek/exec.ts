import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { ChanceryError, messageOf } from '../../base/error.ts';
import { ok } from '../../base/result.ts';
import type { KeyEncryption } from '../../identity/key-encryption.ts';
import type { KekUri } from './uri.ts';

/** A command line of a cloud takes one or two seconds; it may have to fetch a token of its own first. */
const answerWithinMs = 20_000;
/** A wrapped key is some hundred bytes. */
const outputBytesMax = 64 * 1024;
const complaintBytesMax = 2_048;

type Operation = 'wrap' | 'unwrap';

/**
 * A program that asks a KMS. It is started anew for each key, without a shell and without arguments, and gets one line
 * of JSON: `{"version":1,"operation":"wrap","parameters":{…},"data":"<base64>"}`. It answers `{"data":"<base64>"}` and
 * ends with 0. Errors: CH5219.
 */
export function execKek(
  id: string,
  uri: KekUri & { readonly kind: 'exec' },
  timeoutMs: number = answerWithinMs,
): KeyEncryption {
  const ask = async (operation: Operation, data: Uint8Array): Promise<Uint8Array> => {
    checkProgram(uri.program);
    const { parameters } = uri;
    const request = { version: 1, operation, parameters, data: base64(data) };
    const answer = await run(uri.program, `${JSON.stringify(request)}\n`, timeoutMs);
    return dataOf(uri.program, answer);
  };
  return {
    id,
    wrap: (dataKey) => ask('wrap', dataKey),
    unwrap: async (wrapped) => ok(await ask('unwrap', wrapped)),
  };
}

/** Who may write the program may read every key. */
function checkProgram(program: string): void {
  let problem: string | undefined;
  try {
    const { mode, uid } = statSync(program);
    if ((mode & 0o022) !== 0 || (uid !== 0 && uid !== process.getuid?.())) {
      problem = 'others than its user and root may change it';
    }
  } catch (error) {
    problem = messageOf(error);
  }
  if (problem !== undefined) throw failed(program, problem);
}

function run(program: string, input: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    // In a group of its own, so that what it has started ends with it.
    const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    const end = (problem: string): void => {
      clearTimeout(timer);
      if (child.pid !== undefined) killGroup(child.pid);
      child.stdout?.destroy();
      child.stderr?.destroy();
      const said = complaint.trim().replaceAll(/\s*\n\s*/g, '; ');
      reject(failed(program, said === '' ? problem : `${problem}: ${said}`));
    };
    const timer = setTimeout(() => end(`no answer within ${timeoutMs / 1_000} s`), timeoutMs);
    let answer = '';
    let complaint = '';
    // Without descriptors to make them there are no pipes, whatever the types say; `error` follows.
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
      if (answer.length > outputBytesMax) end(`more than ${outputBytesMax} bytes of answer`);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(0, complaintBytesMax);
    });
    // It may end before it has read its input; its status tells.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    child.once('error', (error) => end(messageOf(error)));
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      if (status === 0) resolve(answer);
      else end(signal === null ? `it ended with ${status}` : `it was ended by ${signal}`);
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

function dataOf(program: string, answer: string): Uint8Array {
  let data: unknown;
  try {
    data = (JSON.parse(answer) as { readonly data?: unknown } | null)?.data;
  } catch {
    // Said below.
  }
  const isBase64 = typeof data === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(data);
  if (isBase64) return Buffer.from(data as string, 'base64');
  // The answer may hold a key: it is not repeated.
  throw failed(program, 'its answer is not {"data": "<base64>"}');
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function failed(program: string, problem: string): ChanceryError {
  return new ChanceryError({
    code: 'CH5219',
    message: `the program of the key-encryption key failed: ${problem}`,
    found: program,
    help: 'run it by hand as the user of the control plane; chancery help CH5219 shows what it is given',
  });
}
