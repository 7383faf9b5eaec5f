import type { Clock } from '../base/clock.ts';
import { pathTemplate } from '../policy/path-template.ts';
import type { FlowCount, FlowKey, ProxyFlows } from '../serve/api/wire-flows.ts';
import type { LogReader } from './log-reader.ts';
import { type SeenRequest, seenIn } from './seen-request.ts';

/** Asked with the reports that go anyway. */
const readEveryMs = 10_000;
/** An API with more of them has names in its paths that stand for one thing of many. */
const templatesMax = 100;
/** Between two reports that are heard. */
const flowsMax = 500;

interface SeenListener {
  seen(request: SeenRequest): void;
  /** Some were passed over. */
  partial(): void;
}

/** Who came in by the access log of one proxy, rolled up. What could not be told is told with the next report. */
export class FlowRecorder {
  readonly #log: Pick<LogReader, 'read' | 'close'>;
  readonly #clock: Clock;
  readonly #also: SeenListener | undefined;
  readonly #templates = new Set<string>();
  readonly #counts = new Map<string, number>();
  #readMs = Number.NEGATIVE_INFINITY;
  #isPartial = false;
  #reading: Promise<void> = Promise.resolve();

  /** `also` hears of each request as well. */
  constructor(log: Pick<LogReader, 'read' | 'close'>, clock: Clock, also?: SeenListener) {
    this.#log = log;
    this.#clock = clock;
    this.#also = also;
  }

  async untold(): Promise<ProxyFlows> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#readMs >= readEveryMs) {
      this.#readMs = nowMs;
      this.#reading = this.#reading.then(() => this.#read());
    }
    await this.#reading;
    const flows = [...this.#counts].map(([key, requests]): FlowCount => {
      return { ...(JSON.parse(key) as FlowKey), requests };
    });
    return { flows, isPartial: this.#isPartial };
  }

  told({ flows }: ProxyFlows): void {
    for (const { requests, ...key } of flows) {
      const text = keyOf(key);
      const rest = (this.#counts.get(text) ?? 0) - requests;
      if (rest > 0) this.#counts.set(text, rest);
      else this.#counts.delete(text);
    }
    this.#isPartial = false;
  }

  async close(): Promise<void> {
    await this.#reading;
    await this.#log.close();
  }

  async #read(): Promise<void> {
    try {
      const isWhole = await this.#log.read((lines) => {
        for (const line of lines) this.#take(line);
      });
      if (!isWhole) this.#passedOver();
    } catch {
      // The file cannot be read this time; what it holds is found the next time.
      this.#passedOver();
    }
  }

  #passedOver(): void {
    this.#isPartial = true;
    this.#also?.partial();
  }

  #take(line: string): void {
    const seen = seenIn(line);
    if (seen === undefined) return;
    this.#also?.seen(seen);
    const flow = flowOf(seen);
    if (flow === undefined) return;
    const key = keyOf({ ...flow, path: this.#known(flow.path) });
    const count = this.#counts.get(key);
    if (count === undefined && this.#counts.size >= flowsMax) this.#isPartial = true;
    else this.#counts.set(key, (count ?? 0) + 1);
  }

  /** Beyond so many templates, all that begin alike are one. */
  #known(path: string): string {
    if (path === '' || this.#templates.has(path)) return path;
    if (this.#templates.size < templatesMax) {
      this.#templates.add(path);
      return path;
    }
    const [, first = ''] = path.split('/');
    const wide = `/${first}/**`;
    if (this.#templates.has(wide)) return wide;
    if (this.#templates.size >= 2 * templatesMax) return '/**';
    this.#templates.add(wide);
    return wide;
  }
}

/** In one order, so that equal flows are one. */
function keyOf({ caller, method, path, verdict, rule, code, isOverridden }: FlowKey): string {
  return JSON.stringify({ caller, method, path, verdict, rule, code, isOverridden });
}

/** Undefined: the line is none of a request that a rule, or the lack of one, decided. */
export function flowOf({ caller, method, path, verdict }: SeenRequest): FlowKey | undefined {
  return verdict && { caller, method, path: pathTemplate(path), ...verdict };
}
