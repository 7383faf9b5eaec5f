import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { isShortage, messageOf } from '../base/error.ts';
import type { Finding } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { folderMissing, gitMissing, gitShort, gitTimedOut } from './findings.ts';
import { gitErrorBytesMax } from './limits.ts';

export interface GitRun {
  /** Where git runs: a folder of the work tree or the Git folder. */
  readonly dir: string;
  readonly args: readonly string[];
  /** Written to its stdin; none: stdin is empty. */
  readonly input?: string;
  readonly outputBytesMax: number;
  readonly host: GitHost;
  /** Settings of this run (`key=value`); they win over the safe ones. */
  readonly settings?: readonly string[];
  /** Asked while it runs: a finding ends git and all that it has started. For runs that fetch. */
  readonly stopWhen?: () => Finding | undefined;
}

/** What git needs of the machine. */
export interface GitHost {
  readonly clock: Clock;
  /** Variables git is looked up and run with; only a few known ones are passed on. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  /** Variables of ours, over all others. */
  readonly vars?: Readonly<Record<string, string>>;
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

/** How often a run that fetches is asked whether it must stop: a disk takes some 100 MB in this. */
const stopLookMs = 100;

/**
 * Runs one git command without prompts, hooks, locks or network, in the C locale, bounded in time and output.
 * Errors: CH5303 (no git), CH5306 (too slow), or what `stopWhen` gave. A non-zero status is no error here: the caller
 * knows its meaning.
 */
export function runGit(run: GitRun): Promise<Result<GitOutput, Finding>> {
  return new Promise((resolve) => {
    const { clock, env, timeoutMs, vars } = run.host;
    const inGroup = run.stopWhen !== undefined;
    const child = spawn('git', [...safeArgs, ...settingArgs(run.settings), ...run.args], {
      cwd: run.dir,
      env: { ...gitEnvironment(env), ...vars },
      stdio: ['pipe', 'pipe', 'pipe'],
      // Transports and their helpers end together with git.
      detached: inGroup,
    });
    // Without descriptors to make them there are no pipes, whatever the types say; `error` follows.
    const kill = (): void => endProcess(child, inGroup);
    const stdout = collect(run.outputBytesMax, kill);
    const stderr = collect(gitErrorBytesMax, () => {});
    let stopped: Finding | undefined;
    const stop = (finding: Finding): void => {
      stopped = finding;
      kill();
      // A grandchild that keeps the pipes open must not keep us waiting.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const cancelTimer = clock.after(timeoutMs, () =>
      stop(gitTimedOut(commandName(run.args), timeoutMs)),
    );
    const cancelLooks = lookAgain(run, stop);
    child.stdout?.on('data', stdout.take);
    child.stderr?.on('data', stderr.take);
    // git may end before it has read all of its input; its status tells what happened.
    child.stdin?.on('error', () => {});
    child.stdin?.end(run.input ?? '');
    child.once('error', (thrown) => {
      cancelTimer();
      cancelLooks();
      // A missing folder and a missing program give the same error code.
      if (isShortage(thrown)) resolve(err(gitShort(commandName(run.args), messageOf(thrown))));
      else if (existsSync(run.dir)) resolve(err(gitMissing(messageOf(thrown))));
      else resolve(err(folderMissing(run.dir)));
    });
    child.once('close', (code) => {
      cancelTimer();
      cancelLooks();
      if (stopped !== undefined) return resolve(err(stopped));
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

/** The one line that git answers, or undefined when it ends with an error. */
export async function askGit(
  run: Omit<GitRun, 'outputBytesMax'>,
): Promise<Result<string | undefined, Finding>> {
  const answer = await runGit({ ...run, outputBytesMax: gitErrorBytesMax });
  if (!answer.ok) return answer;
  const { status, stdout } = answer.value;
  return ok(status === 0 ? stdout.toString('utf8').trimEnd() : undefined);
}

function settingArgs(settings: readonly string[] = []): string[] {
  return settings.flatMap((setting) => ['-c', setting]);
}

function lookAgain({ stopWhen, host }: GitRun, stop: (finding: Finding) => void): () => void {
  if (stopWhen === undefined) return () => {};
  let cancel = (): void => {};
  const look = (): void => {
    const finding = stopWhen();
    if (finding !== undefined) stop(finding);
    else cancel = host.clock.after(stopLookMs, look);
  };
  cancel = host.clock.after(stopLookMs, look);
  return () => cancel();
}

function endProcess(child: ChildProcess, group: boolean): void {
  if (child.pid === undefined) return;
  try {
    process.kill(group ? -child.pid : child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
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
