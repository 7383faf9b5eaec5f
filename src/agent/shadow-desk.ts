import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compiled-policy.ts';
import { parsePolicyDocument } from '../policy/document-parse.ts';
import { ShadowTally } from '../policy/shadow-tally.ts';
import type { ShadowOrder, ShadowReport } from '../serve/api/wire-shadow.ts';
import type { Asked, Asker } from '../serve/authz/check-handler.ts';
import type { Outcome } from '../serve/authz/decision-record.ts';
import type { SeenRequest } from './seen-request.ts';
import { type Compared, compareAsked, compareSeen } from './shadow-compare.ts';

/** Differences between two reports that are heard. */
const rowsMax = 200;
/** Questions that wait to be compared; what comes beyond is counted. */
const queueMax = 2_000;
/** Compared at once, so that the desk answers in between: a millisecond or two. */
const batchMax = 50;
/** A proxy writes its log within ten seconds, it is read every ten, and told every ten. */
const graceMs = 40_000;

interface ShadowDeskOptions {
  readonly clock: Pick<Clock, 'nowMs' | 'after'>;
  readonly log: Log;
  /** By which the desk decides for this asker. */
  readonly live: (asker: Asker) => CompiledPolicy | undefined;
}

interface Riding {
  readonly id: string;
  readonly policy: CompiledPolicy;
  readonly fromMs: number;
  untilMs: number;
}

/**
 * Decides by a second policy what the desk or a proxy has decided, and counts where it would be otherwise. It comes after the
 * answer and has no part in it: whatever fails here is a request that was not compared.
 */
export class ShadowDesk {
  readonly #options: ShadowDeskOptions;
  readonly #fresh = new ShadowTally(rowsMax);
  /** In a report that was not heard yet. */
  readonly #untold = new ShadowTally(rowsMax);
  readonly #queue: { readonly outcome: Outcome; readonly asked: Asked }[] = [];
  #riding: Riding | undefined;
  #cancelEnd = (): void => {};

  constructor(options: ShadowDeskOptions) {
    this.#options = options;
  }

  /** Undefined: none is to ride any more. */
  take(order: ShadowOrder | undefined): void {
    const { clock, log } = this.#options;
    if (order === undefined) {
      this.#end();
      return;
    }
    if (order.id === this.#riding?.id) return;
    const document = parsePolicyDocument(order.document);
    if (!document.ok) {
      log.warn('the shadow policy cannot be read', { problem: document.error });
      this.#end();
      return;
    }
    const policy = compilePolicy(document.value);
    this.#clear();
    const fromMs = clock.nowMs();
    this.#riding = { id: order.id, policy, fromMs, untilMs: order.endsMs };
    this.#cancelEnd = clock.after(Math.max(0, order.endsMs - fromMs), () => this.#end());
    log.info('a shadow policy rides along', { shadow: order.id });
  }

  /** The desk has decided. */
  asked(outcome: Outcome, asked: Asked): void {
    if (this.#ridingAt(asked.timeMs) === undefined) return;
    if (this.#queue.length >= queueMax) {
      this.#fresh.missed();
      return;
    }
    this.#queue.push({ outcome, asked });
    if (this.#queue.length === 1) this.#drainSoon();
  }

  /** Something came in at this proxy, as its log tells. */
  seen(at: Asker, seen: SeenRequest): void {
    const riding = this.#ridingAt(seen.timeMs);
    // What the desk was asked was compared with all that is known of it.
    if (riding === undefined || seen.desk) return;
    const live = this.#options.live(at);
    this.#count(() => live && compareSeen({ live, shadow: riding.policy }, at.service, seen));
  }

  /** Some lines of a log were passed over. */
  partial(): void {
    if (this.#riding !== undefined) this.#fresh.partial();
  }

  /** Also where there is nothing to tell: the control plane is to know that this host compares. */
  get report(): ShadowReport | undefined {
    if (this.#riding === undefined) return undefined;
    this.#untold.add(this.#fresh.counts);
    this.#fresh.clear();
    return { id: this.#riding.id, ...this.#untold.counts };
  }

  /** The newest report was heard, with this in it. */
  told(report: ShadowReport | undefined): void {
    if (report !== undefined && report.id === this.#riding?.id) this.#untold.clear();
  }

  #ridingAt(timeMs: number): Riding | undefined {
    const riding = this.#riding;
    const isWithin = riding !== undefined && timeMs >= riding.fromMs && timeMs < riding.untilMs;
    return isWithin ? riding : undefined;
  }

  /** What came before is still to be read in logs, and to be told. */
  #end(): void {
    const { clock } = this.#options;
    const riding = this.#riding;
    if (riding === undefined) return;
    riding.untilMs = Math.min(riding.untilMs, clock.nowMs());
    this.#cancelEnd();
    this.#cancelEnd = clock.after(graceMs, () => this.#clear());
  }

  #clear(): void {
    this.#cancelEnd();
    this.#riding = undefined;
    this.#queue.length = 0;
    this.#fresh.clear();
    this.#untold.clear();
  }

  #drainSoon(): void {
    this.#options.clock.after(0, () => {
      for (const { outcome, asked } of this.#queue.splice(0, batchMax)) {
        this.#count(() => this.#riding && compareAsked(this.#riding.policy, outcome, asked));
      }
      if (this.#queue.length > 0) this.#drainSoon();
    });
  }

  #count(compare: () => Compared | undefined): void {
    let compared: Compared | undefined;
    try {
      compared = compare();
    } catch {
      // Not compared.
    }
    if (compared === undefined) this.#fresh.missed();
    else this.#fresh.compared(compared.key, compared.sample);
  }
}
