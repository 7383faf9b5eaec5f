import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../base/error.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { EnvoyBinary } from './resolve.ts';
import { run } from './run.ts';

/** Some 50 ms are usual, plus a little for each thousand clusters. */
const validateTimeoutMs = 20_000;
/** A reason names each message from the outermost in; what is wrong stands at its end. */
const reasonLengthMax = 2_000;
const warningCountMax = 20;
/** Starts a reason that is none: Envoy could not be run, or did not end. */
export const noVerdict = 'Envoy gave no verdict';
/** Starts each log line, so that a message of several lines stays one. */
const logMark = '@@';

interface ValidateOptions {
  readonly timeoutMs?: number;
}

interface Validated {
  /** What Envoy accepts but complains about, such as deprecated fields; at most 20. */
  readonly warnings: readonly string[];
}

/**
 * Lets the real Envoy judge a bootstrap without running it: nothing is listened on or connected to. The bootstrap is
 * a serialized message, or the path of a file whose ending names its format. Error: Envoy's reason.
 */
export async function validateBootstrap(
  envoy: EnvoyBinary,
  bootstrap: Uint8Array | string,
  options: ValidateOptions = {},
): Promise<Result<Validated, string>> {
  const timeoutMs = options.timeoutMs ?? validateTimeoutMs;
  if (typeof bootstrap === 'string') return validateFile(envoy, bootstrap, { timeoutMs });
  let dir: string | undefined;
  try {
    dir = await mkdtemp(join(tmpdir(), 'chancery-validate-'));
    const file = join(dir, 'bootstrap.pb');
    await writeFile(file, bootstrap, { mode: 0o600 });
    // Access logs are opened, by names that mean the folder it runs in.
    return await validateFile(envoy, file, { timeoutMs, cwd: dir });
  } catch (error) {
    // Of this machine, such as a full disk: no word of Envoy's on what it never saw.
    return err(`${noVerdict}: ${messageOf(error)}`);
  } finally {
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  }
}

async function validateFile(
  envoy: EnvoyBinary,
  file: string,
  limits: { readonly timeoutMs: number; readonly cwd?: string },
): Promise<Result<Validated, string>> {
  const log = ['--log-level', 'warning', '--log-format', `${logMark}%l %v`];
  const args = ['--mode', 'validate', '--config-path', file, '--concurrency', '1', ...log];
  const { status, output } = await run(envoy.path, args, { env: {}, ...limits });
  const messages = output.split(logMark);
  if (status === 0) return ok({ warnings: of(messages, 'warning').slice(0, warningCountMax) });
  if (status === -1) return err(`${noVerdict}: ${oneLine(output)}`);
  return err(of(messages, 'critical').at(-1) ?? oneLine(output));
}

function of(messages: readonly string[], level: 'warning' | 'critical'): string[] {
  return messages
    .filter((message) => message.startsWith(`${level} `))
    .map((message) => message.slice(level.length + 1))
    .map((text) => oneLine(text.replace(/^error initializing configuration '[^']*': /, '')));
}

/** A violated constraint comes after a dump of the message that violates it, which is the whole bootstrap. */
function oneLine(text: string): string {
  const dumped = text.startsWith('goo.gle/debug');
  const reason = dumped ? text.slice(text.lastIndexOf('\n: ') + 3) : text;
  // The mark of a dump, which Envoy varies so that nobody relies on it.
  const plain = reason.replace(/goo\.gle\/debug\w+/g, '').replace(/\s+/g, ' ');
  return plain.trim().slice(-reasonLengthMax);
}
