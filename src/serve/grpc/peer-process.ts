import { closeSync, constants, openSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { err, ok, type Result } from '../../base/result.ts';

/** Which file a process runs; a path can be replaced, this cannot. */
interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * The process at the other end of a unix socket, held by an open `/proc/<pid>`: reads through it fail once that process
 * is gone, also when its number was given to another one. Held as long as the connection; one or two descriptors.
 */
export class PeerProcess {
  readonly pid: number;
  readonly #dirFd: number;
  readonly #pidFd: number | undefined;
  readonly #startTicks: string;
  readonly #exe: FileIdentity | undefined;
  #closed = false;

  private constructor(pid: number, dirFd: number, pidFd: number | undefined) {
    this.pid = pid;
    this.#dirFd = dirFd;
    this.#pidFd = pidFd;
    this.#startTicks = startTicksOf(this.read('stat'));
    this.#exe = this.exeIdentity();
  }

  /** `pidFd` (SO_PEERPIDFD) proves that the number still meant the peer when `/proc` was opened; this takes it over. */
  static open(pid: number, pidFd: number | undefined): Result<PeerProcess, string> {
    let dirFd: number | undefined;
    try {
      dirFd = openSync(`/proc/${pid}`, constants.O_RDONLY | constants.O_DIRECTORY);
      const process = new PeerProcess(pid, dirFd, pidFd);
      const problem = process.changed();
      if (problem === undefined) return ok(process);
      process.close();
      return err(problem);
    } catch {
      for (const fd of [dirFd, pidFd]) if (fd !== undefined) closeQuietly(fd);
      return err(`process ${pid} is gone`);
    }
  }

  /** A file of `/proc/<pid>`. Throws ESRCH when the process is gone. */
  path(name: string): string {
    return `/proc/self/fd/${this.#dirFd}/${name}`;
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  exePath(): string | undefined {
    try {
      return readlinkSync(this.path('exe'));
    } catch {
      return undefined;
    }
  }

  /** Undefined where this process may not look at another user's. */
  exeIdentity(): FileIdentity | undefined {
    try {
      const { dev, ino } = statSync(this.path('exe'), { bigint: true });
      return { dev, ino };
    } catch {
      return undefined;
    }
  }

  /** Why what is read now would not be about the process that connected; undefined while it is. */
  changed(): string | undefined {
    if (this.#closed) return 'the connection has ended';
    try {
      const stat = this.read('stat');
      if (startTicksOf(stat) !== this.#startTicks || hasEnded(stat)) {
        return `process ${this.pid} is gone`;
      }
    } catch {
      return `process ${this.pid} is gone`;
    }
    if (this.#pidFd !== undefined && pidBehind(this.#pidFd) !== this.pid) {
      return `process ${this.pid} is gone`;
    }
    const exe = this.exeIdentity();
    // Whoever ends loses its program before it is seen to have ended.
    if (exe === undefined && this.#exe !== undefined) return `process ${this.pid} is gone`;
    if (exe?.dev !== this.#exe?.dev || exe?.ino !== this.#exe?.ino) {
      return `process ${this.pid} runs another program than when it connected`;
    }
    return undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeQuietly(this.#dirFd);
    if (this.#pidFd !== undefined) closeQuietly(this.#pidFd);
  }
}

/** Field 22 of `/proc/<pid>/stat`; the command in field 2 may hold spaces and parentheses. */
function startTicksOf(stat: string): string {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[19] ?? '';
}

/** It is kept in the table only until its parent has heard of it; another process may hold its connection. */
function hasEnded(stat: string): boolean {
  return 'ZX'.includes(stat.slice(stat.lastIndexOf(')') + 2).charAt(0));
}

/** -1 once the process has ended. */
function pidBehind(pidFd: number): number {
  const line = /^Pid:\s*(-?\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${pidFd}`, 'utf8'));
  return Number(line?.[1] ?? -1);
}

function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // It was closed already.
  }
}
