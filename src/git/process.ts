import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { folderMissing, gitMissing, gitTimedOut } from './findings.ts';
import { gitErrorBytesMax } from './limits.ts';

export interface GitRun {
  /** Where git runs: a folder of the work tree or the Git folder. */
  readonly dir: string;
  readonly args: readonly string[];
  /** Written to its stdin; none: stdin is empty. */
  readonly input?: string;
  readonly outputBytesMax: number;
  readonly host: GitHost;
}

/** What git needs of the machine. */
export interface GitHost {
  readonly clock: Clock;
  /** Variables git is looked up and run with; only a few known ones are passed on. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
}

/** What git said. `truncated`: it wrote more than the limit and was ended. */
export interface GitOutput {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly truncated: boolean;
}

/**
 * Settings that keep a repository from running its own programs (hooks, file system monitors, transports), from
 * rewriting what is read (replace refs), and from giving paths a second meaning.
 */
const safeArgs: readonly string[] = [
  '--no-pager',
  '--no-replace-objects',
  '--literal-pathspecs',
  '-c',
  'core.hooksPath=/dev/null',
  '-c',
  'core.fsmonitor=false',
  '-c',
  'protocol.allow=never',
  '-c',
  'gc.auto=0',
];

/** Who the user is and where the programs are. GIT_* of a surrounding hook would point git elsewhere. */
const passedOn: readonly string[] = ['PATH', 'HOME', 'XDG_CONFIG_HOME', 'USER', 'SUDO_UID'];

/**
 * Runs one git command without prompts, hooks, locks or network, in the C locale, bounded in time and output.
 * Errors: CH5303 (no git), CH5306 (too slow). A non-zero status is no error here: the caller knows its meaning.
 */
export function runGit(run: GitRun): Promise<Result<GitOutput, Finding>> {
  return new Promise((resolve) => {
    const { clock, env, timeoutMs } = run.host;
    const child = spawn('git', [...safeArgs, ...run.args], {
      cwd: run.dir,
      env: gitEnvironment(env),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout = collect(run.outputBytesMax, () => child.kill('SIGKILL'));
    const stderr = collect(gitErrorBytesMax, () => {});
    let timedOut = false;
    const cancelTimer = clock.after(timeoutMs, () => {
      timedOut = true;
      child.kill('SIGKILL');
      // A grandchild that keeps the pipes open must not keep us waiting.
      child.stdout.destroy();
      child.stderr.destroy();
    });
    child.stdout.on('data', stdout.take);
    child.stderr.on('data', stderr.take);
    // git may end before it has read all of its input; its status tells what happened.
    child.stdin.on('error', () => {});
    child.stdin.end(run.input ?? '');
    child.once('error', (thrown) => {
      cancelTimer();
      // A missing folder and a missing program give the same error code.
      const reason = existsSync(run.dir) ? gitMissing(messageOf(thrown)) : folderMissing(run.dir);
      resolve(err(reason));
    });
    child.once('close', (code) => {
      cancelTimer();
      if (timedOut) return resolve(err(gitTimedOut(commandName(run.args), timeoutMs)));
      resolve(
        ok({
          status: code ?? -1,
          stdout: stdout.bytes(),
          stderr: stderr.bytes().toString('utf8').trim(),
          truncated: stdout.full(),
        }),
      );
    });
  });
}

function commandName(args: readonly string[]): string {
  return args.find((arg) => !arg.startsWith('-')) ?? '';
}

function gitEnvironment(env: GitHost['env']): Record<string, string> {
  const clean: Record<string, string> = {
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_LAZY_FETCH: '1',
    GIT_ASKPASS: 'true',
    SSH_ASKPASS: 'true',
  };
  for (const name of passedOn) {
    const value = env[name];
    if (value !== undefined) clean[name] = value;
  }
  return clean;
}

interface Collected {
  readonly take: (chunk: Buffer) => void;
  readonly bytes: () => Buffer;
  readonly full: () => boolean;
}

function collect(bytesMax: number, onFull: () => void): Collected {
  const chunks: Buffer[] = [];
  let length = 0;
  let full = false;
  return {
    take: (chunk) => {
      if (full) return;
      if (length + chunk.length > bytesMax) {
        full = true;
        onFull();
        return;
      }
      chunks.push(chunk);
      length += chunk.length;
    },
    bytes: () => Buffer.concat(chunks, length),
    full: () => full,
  };
}
