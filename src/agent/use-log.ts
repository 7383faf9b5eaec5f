import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { HostTrouble, ReportedUse } from '../serve/api/wire.ts';
import type { LoggedDecision } from './decision-log.ts';
import { DurableLines, type FileEnd } from './durable-lines.ts';
import { ToldUses } from './told-uses.ts';

interface UseLogOptions {
  /** The folder that holds `breakglass.jsonl`. */
  readonly dir: string;
  readonly clock: Pick<Clock, 'nowMs' | 'after'>;
  readonly log: Log;
  /** Called soon after a use, and not for each of many; and when uses cannot be recorded any more, or again. */
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
/** A file that took nothing is tried again, also where nobody uses a grant. */
const againMs = 5_000;

/**
 * Uses of break-glass grants at this host. Each is on the disk before its request goes through, and where that fails the request
 * is to be denied.
 */
export class UseLog {
  readonly #options: UseLogOptions;
  readonly #untold = new Map<string, { uses: number; lastMs: number }>();
  /** How many of each grant were told, since when. */
  readonly #counts = new Map<string, { readonly sinceMs: number; before: number }>();
  readonly #warned = new Set<string>();
  readonly #told: ToldUses;
  readonly #lines: DurableLines;
  /** Of what is counted. */
  #end: FileEnd;
  #isTelling = false;
  /** Why the file took nothing at last; undefined: it did. */
  #problem: string | undefined;
  /** Uses that were denied, and of which the file does not say so yet. */
  #denied = 0;
  #isTrying = false;

  constructor(options: UseLogOptions) {
    this.#options = options;
    this.#lines = new DurableLines(
      join(options.dir, 'breakglass.jsonl'),
      options.bytesMax ?? bytesMaxUnlessSaid,
    );
    this.#told = new ToldUses(this.file);
    this.#end = this.#told.end();
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
    return this.#lines.file;
  }

  /** While the file takes no uses. */
  get trouble(): HostTrouble | undefined {
    const reason = this.#problem;
    return reason === undefined ? undefined : { kind: 'not-recorded', of: this.file, reason };
  }

  /** Whether it is on the disk. */
  write(decision: LoggedDecision): Promise<boolean> {
    const { breakglass: grant, timeMs } = decision;
    if (grant === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#lines.append(JSON.stringify(decision), (end) => {
        resolve(end.ok);
        if (!end.ok) {
          this.#denied += 1;
          this.#fails(end.error);
          return;
        }
        this.#takes(end.value);
        this.#warn(grant, decision);
        this.#count(grant, timeMs);
        this.#tellSoon();
      });
    });
  }

  #takes(end: FileEnd): void {
    this.#end = end;
    if (this.#problem === undefined) return;
    const { log, onUse } = this.#options;
    this.#problem = undefined;
    log.info('uses of break-glass grants are recorded again', { file: this.file });
    onUse();
  }

  #fails(reason: string): void {
    const { clock, log, onUse } = this.#options;
    const isNew = this.#problem === undefined;
    this.#problem = reason;
    if (!this.#isTrying) clock.after(againMs, () => this.#sayDenied());
    this.#isTrying = true;
    if (!isNew) return;
    const facts = { file: this.file, problem: reason };
    log.error('uses of break-glass grants cannot be recorded and are denied', facts);
    onUse();
  }

  /** A file that takes lines again says first how many uses it did not take, also where nobody uses a grant. */
  #sayDenied(): void {
    const uses = this.#denied;
    const line = { kind: 'unrecorded', timeMs: this.#options.clock.nowMs(), uses };
    this.#lines.append(JSON.stringify(line), (end) => {
      this.#isTrying = false;
      if (!end.ok) {
        this.#fails(end.error);
        return;
      }
      this.#denied -= uses;
      this.#takes(end.value);
      // Some that came while it was written.
      if (this.#denied > 0) this.#fails('the disk took only a part');
    });
  }

  #count(grant: string, timeMs: number): void {
    const before = this.#untold.get(grant);
    if (before === undefined && this.#untold.size >= grantsMax) return;
    this.#untold.set(grant, { uses: (before?.uses ?? 0) + 1, lastMs: timeMs });
    if (this.#counts.has(grant)) return;
    this.#counts.set(grant, { sinceMs: this.#options.clock.nowMs(), before: 0 });
    // One that comes again begins another count.
    const [oldest] = [...this.#counts.keys()].filter((one) => !this.#untold.has(one));
    if (this.#counts.size > 2 * grantsMax && oldest !== undefined) this.#counts.delete(oldest);
  }

  /** Since they were last told. */
  get untold(): readonly ReportedUse[] {
    return [...this.#untold].map(([grant, use]) => {
      const counted = this.#counts.get(grant);
      return { grant, ...use, ...(counted === undefined ? {} : { counted: { ...counted } }) };
    });
  }

  /** The control plane has these. */
  told(uses: readonly ReportedUse[]): void {
    for (const { grant, uses: count } of uses) {
      const left = this.#untold.get(grant);
      const counted = this.#counts.get(grant);
      if (counted !== undefined) counted.before += count;
      if (left === undefined) continue;
      left.uses -= count;
      if (left.uses <= 0) this.#untold.delete(grant);
    }
    if (uses.length > 0 && this.#untold.size === 0) this.#told.keep(this.#end);
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
