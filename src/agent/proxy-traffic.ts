import type { Clock } from '../base/clock.ts';
import type { EnvoyAdmin } from '../envoy/admin.ts';
import type { ServiceTraffic } from '../serve/api/wire.ts';

/**
 * Requests by callee: clusters are named `service/version`, the names behind ours are Envoy's. Gauges of open requests: a
 * stream of a day is traffic all day.
 */
const filter = '^cluster\\.[^.]+/.+\\.upstream_rq_(total|active)$|^server\\.uptime$';
const calleeStat = /^cluster\.([^./]+)\/.+\.upstream_rq_(total|active)$/;
const uptimeStat = 'server.uptime';

/** Asked with the reports that go anyway; who called whom a moment ago need not be known this moment. */
const readEveryMs = 10_000;
/** Envoy counts its uptime in steps of its flush interval. */
const uptimeStepMs = 5_000;

/** What a proxy's traffic was since it was last told. What could not be told is told with the next report. */
export class ProxyTraffic {
  readonly #admin: Pick<EnvoyAdmin, 'usedStats'>;
  readonly #clock: Clock;
  readonly #startedMs: number;
  #readMs = Number.NEGATIVE_INFINITY;
  /** By the names of Envoy's counters; undefined before the first reading. */
  #totals: ReadonlyMap<string, number> | undefined;
  readonly #callees = new Map<string, number>();
  readonly #rules = new Map<string, number>();

  constructor(admin: Pick<EnvoyAdmin, 'usedStats'>, clock: Clock) {
    this.#admin = admin;
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  /** Undefined: there was none. */
  async untold(): Promise<ServiceTraffic | undefined> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#readMs >= readEveryMs) {
      this.#readMs = nowMs;
      const stats = await this.#admin.usedStats(filter);
      if (stats.ok) this.#count(stats.value);
    }
    if (this.#callees.size === 0 && this.#rules.size === 0) return undefined;
    return {
      callees: Object.fromEntries(this.#callees),
      rules: Object.fromEntries(this.#rules),
    };
  }

  /** A request or a connection came in, and this rule decided: by the access log, as Envoy's own count of each costs every request. */
  met(rule: string): void {
    add(this.#rules, rule, 1);
  }

  told({ callees, rules }: ServiceTraffic): void {
    subtract(this.#callees, callees);
    subtract(this.#rules, rules);
  }

  #count(stats: ReadonlyMap<string, number>): void {
    const before = this.#totals ?? (this.#isNew(stats) ? new Map<string, number>() : undefined);
    this.#totals = stats;
    if (before === undefined) return;
    for (const [name, value] of stats) {
      const callee = calleeStat.exec(name);
      if (callee?.[2] === 'active') {
        if (value > 0 && !this.#callees.has(callee[1] ?? '')) add(this.#callees, callee[1], 1);
        continue;
      }
      const grown = value - (before.get(name) ?? 0);
      // A counter that is smaller than before began anew.
      const count = grown < 0 ? value : grown;
      add(this.#callees, callee?.[1], count);
    }
  }

  /** Of a proxy that ran before us nobody knows when it counted what it shows. */
  #isNew(stats: ReadonlyMap<string, number>): boolean {
    const uptimeMs = (stats.get(uptimeStat) ?? 0) * 1_000;
    return uptimeMs <= this.#clock.monotonicMs() - this.#startedMs + uptimeStepMs;
  }
}

function add(counts: Map<string, number>, name: string | undefined, count: number): void {
  if (name !== undefined && count > 0) counts.set(name, (counts.get(name) ?? 0) + count);
}

function subtract(counts: Map<string, number>, told: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(told)) {
    const rest = (counts.get(name) ?? 0) - count;
    if (rest > 0) counts.set(name, rest);
    else counts.delete(name);
  }
}
