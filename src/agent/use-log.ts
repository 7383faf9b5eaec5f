import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { ReportedUse } from '../serve/api/wire.ts';
import type { LoggedDecision } from './decision-log.ts';
import { ToldUses } from './told-uses.ts';

interface UseLogOptions {
  /** The folder that holds `breakglass.jsonl`. */
  readonly dir: string;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Log;
  /** Called soon after a use, and not for each of many. */
  readonly onUse: () => void;
  readonly bytesMax?: number;
}

/** Half a million uses. It is never rotated: whoever keeps the records moves the file away, and a new one begins. */
const bytesMaxUnlessSaid = 256 * 1024 * 1024;
const tellDelayMs = 100;
/** Grants that are told of at one time; there are no more in a mesh. */
const grantsMax = 100;
/** One line in the log for each grant that was used in this. */
const warnEveryMs = 60_000;

/**
 * Uses of break-glass grants at this host. Each is with the file before its request goes through: it is written at once, with
 * no queue in which it could be lost, and where that fails the request is to be denied.
 */
export class UseLog {
  readonly #options: UseLogOptions;
  readonly #untold = new Map<string, { uses: number; lastMs: number }>();
  readonly #warned = new Set<string>();
  readonly #told: ToldUses;
  #isTelling = false;

  constructor(options: UseLogOptions) {
    this.#options = options;
    this.#told = new ToldUses(this.file);
    for (const { breakglass, timeMs } of this.#left()) {
      if (breakglass !== undefined) this.#count(breakglass, timeMs);
    }
    if (this.#untold.size > 0) this.#tellSoon();
  }

  /** Recorded by an agent that was killed before anybody heard of them. */
  #left(): readonly LoggedDecision[] {
    try {
      return this.#told.left();
    } catch (error) {
      this.#options.log.warn('uses of before cannot be read', { ...problemFields(error) });
      return [];
    }
  }

  get file(): string {
    return join(this.#options.dir, 'breakglass.jsonl');
  }

  /** False: it could not be written. */
  write(decision: LoggedDecision): boolean {
    const { breakglass: grant, timeMs } = decision;
    if (grant === undefined || !this.#append(`${JSON.stringify(decision)}\n`)) return false;
    this.#warn(grant, decision);
    this.#count(grant, timeMs);
    this.#tellSoon();
    return true;
  }

  #count(grant: string, timeMs: number): void {
    const before = this.#untold.get(grant);
    if (before === undefined && this.#untold.size >= grantsMax) return;
    this.#untold.set(grant, { uses: (before?.uses ?? 0) + 1, lastMs: timeMs });
  }

  /** Since they were last told. */
  get untold(): readonly ReportedUse[] {
    return [...this.#untold].map(([grant, use]) => ({ grant, ...use }));
  }

  /** The control plane has these. */
  told(uses: readonly ReportedUse[]): void {
    for (const { grant, uses: count } of uses) {
      const left = this.#untold.get(grant);
      if (left === undefined) continue;
      left.uses -= count;
      if (left.uses <= 0) this.#untold.delete(grant);
    }
    if (uses.length > 0 && this.#untold.size === 0) this.#told.keep(this.#told.end());
  }

  /** Opened anew each time, so that the file can be moved away; uses are rare. */
  #append(line: string): boolean {
    const { bytesMax = bytesMaxUnlessSaid, log } = this.#options;
    try {
      const fd = openSync(this.file, 'a', 0o600);
      try {
        const { size } = fstatSync(fd);
        const bytes = Buffer.from(line);
        if (size + bytes.length > bytesMax) throw new Error(`${this.file} is full: move it away`);
        // A part of a line is no record.
        if (writeSync(fd, bytes) !== bytes.length) throw new Error('the disk is full');
        return true;
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      log.error('a use of a break-glass grant cannot be recorded and is denied', {
        ...problemFields(error),
      });
      return false;
    }
  }

  #warn(grant: string, { id, principal, service, method, path }: LoggedDecision): void {
    if (this.#warned.has(grant)) return;
    const { clock, log } = this.#options;
    this.#warned.add(grant);
    clock.after(warnEveryMs, () => this.#warned.delete(grant));
    const facts = { grant, decision: id, principal, service, method, path };
    log.warn('a break-glass grant was used', facts);
  }

  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    const { clock, onUse } = this.#options;
    clock.after(tellDelayMs, () => {
      this.#isTelling = false;
      onUse();
    });
  }
}
