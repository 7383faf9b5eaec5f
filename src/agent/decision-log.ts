import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { DecisionRecord } from '../serve/authz/decision-record.ts';
import { BoundedLog, type BoundedLogLimits, defaultLogLimits } from './bounded-log.ts';

/** A decision as it is logged, with the policy that made it. */
export interface LoggedDecision extends DecisionRecord {
  /** The version of the policy document. */
  readonly policy: string;
  /** A commit with this policy, by which the host was told of it; undefined: its control plane did not say. */
  readonly commit: string | undefined;
  /** The host of the desk that decided; undefined for a desk that only proxies of its own host ask. */
  readonly desk: string | undefined;
}

interface Losses {
  readonly file: number;
  readonly sink: number;
}

interface Waiting {
  text: string;
  lines: number;
  toldBefore: Losses | undefined;
}

/** What became of decisions since the agent started. */
interface DecisionLogCounts {
  readonly logged: number;
  /** Allows that the rate left out. */
  readonly sampledOut: number;
  /** What the file could not take in time. */
  readonly lost: number;
}

/** Another place that decisions go to; it bounds and counts by itself what it cannot take. */
export interface DecisionSink {
  take(decision: LoggedDecision): void;
  /** Decisions that did not reach it. */
  readonly lost: number;
  close(): Promise<void>;
}

export interface DecisionLogOptions {
  /** The folder that holds `decisions.jsonl`. */
  readonly dir: string;
  readonly clock: Pick<Clock, 'nowMs' | 'after'>;
  readonly random: Pick<Random, 'fraction'>;
  /** Which share of plain allows is logged, from 0 to 1. */
  readonly allowRate: number;
  readonly sink: DecisionSink | undefined;
  readonly limits?: BoundedLogLimits;
}

/** A write for each decision costs more than deciding: what comes within these is one, unless it becomes long. */
const delayMs = 20;
const charactersMax = 64 * 1024;
/** A file that took nothing is tried again. */
const againMs = 5_000;

/** Allows leave this share of the room to denials, which are worth more when there is too little. */
const allowRoomMax = 0.5;

/**
 * The decision log of a host. Never waits: what finds no room is lost and counted, and the log itself says how much, in
 * its place. What a rule in audit, a fault or a break-glass grant had a part in, and every denial, is never left out by
 * sampling.
 */
export class DecisionLog {
  readonly #options: DecisionLogOptions;
  readonly #path: string;
  readonly #file: BoundedLog;
  /** What is not with the file yet. `toldBefore`: what was said of losses before what is said in it. */
  #waiting: Waiting = { text: '', lines: 0, toldBefore: undefined };
  #logged = 0;
  #sampledOut = 0;
  /** Allows that denials came before. */
  #passedOver = 0;
  /** What the log has said of these. */
  #told: Losses = { file: 0, sink: 0 };
  #isLooking = false;

  constructor(options: DecisionLogOptions) {
    this.#options = options;
    const { dir, limits = defaultLogLimits } = options;
    this.#path = join(dir, 'decisions.jsonl');
    this.#file = new BoundedLog(this.#path, limits);
  }

  get counts(): DecisionLogCounts {
    return { logged: this.#logged, sampledOut: this.#sampledOut, lost: this.#lost };
  }

  /** The file, and why it takes nothing; undefined: it does. */
  get problem(): { readonly file: string; readonly reason: string } | undefined {
    const reason = this.#file.problem;
    return reason === undefined ? undefined : { file: this.#path, reason };
  }

  write(decision: LoggedDecision): void {
    const isPlain = isPlainAllow(decision);
    if (isPlain && !this.#isSampled()) {
      this.#sampledOut += 1;
      return;
    }
    this.#options.sink?.take(decision);
    if (isPlain && this.#fullness > allowRoomMax) {
      this.#passedOver += 1;
      return;
    }
    this.#tellLosses();
    this.#logged += 1;
    this.#append(decision);
  }

  async close(): Promise<void> {
    await this.#options.sink?.close();
    this.#tellLosses();
    this.#flush();
    await this.#file.close();
  }

  get #fullness(): number {
    const { limits = defaultLogLimits } = this.#options;
    return this.#file.fullness + this.#waiting.text.length / limits.bufferBytesMax;
  }

  get #lost(): number {
    return this.#file.dropped + this.#passedOver;
  }

  /** A number is drawn only where it matters. */
  #isSampled(): boolean {
    const { allowRate, random } = this.#options;
    return allowRate >= 1 || random.fraction() < allowRate;
  }

  #tellLosses(): void {
    const { clock, sink } = this.#options;
    const now = { file: this.#lost, sink: sink?.lost ?? 0 };
    const fresh = { file: now.file - this.#told.file, sink: now.sink - this.#told.sink };
    // While there is no room, this line would only be lost as well.
    if (fresh.file + fresh.sink === 0 || this.#fullness > allowRoomMax) return;
    this.#waiting.toldBefore ??= this.#told;
    this.#told = now;
    const line = { kind: 'lost', timeMs: clock.nowMs(), file: fresh.file, otlp: fresh.sink };
    this.#append(line, 0);
  }

  /** `decisions`: how many it is. */
  #append(line: object, decisions = 1): void {
    if (this.#waiting.text === '') this.#options.clock.after(delayMs, () => this.#flush());
    this.#waiting.text += `${JSON.stringify(line)}\n`;
    this.#waiting.lines += decisions;
    if (this.#waiting.text.length > charactersMax) this.#flush();
  }

  #flush(): void {
    const { text, lines, toldBefore } = this.#waiting;
    this.#waiting = { text: '', lines: 0, toldBefore: undefined };
    if (text === '') return;
    this.#file.write(text, lines, () => {
      // What was said of losses is lost as well, and is to be said again.
      if (toldBefore !== undefined) this.#told = toldBefore;
      this.#lookAgain();
    });
  }

  /** A file that takes lines again says so by itself, also where nothing is decided. */
  #lookAgain(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#options.clock.after(againMs, () => {
      this.#isLooking = false;
      this.#tellLosses();
      this.#flush();
    });
  }
}

/** It was allowed, and nothing else is to be said about it. */
function isPlainAllow(decision: LoggedDecision): boolean {
  const { kind, audits, undecided, fault, breakglass } = decision;
  const more = [audits, undecided, fault, breakglass];
  return kind === 'allow' && more.every((one) => one === undefined);
}
