import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Intent, RuleId, ServiceName } from '../../model/types.ts';
import type { ServiceTraffic } from '../../serve/api/wire.ts';
import type { Store } from '../../store/store.ts';
import type { Followed } from '../replicas/feed.ts';
import { ByReplica } from './by-replica.ts';
import { KeptSoon } from './kept-soon.ts';
import { together, type Use, type UseByHour, used, useIn } from './use.ts';

/** Who called whom, and which rules let requests in, lately. */
export interface Traffic {
  /** Undefined: not within the window. */
  edge(caller: ServiceName, callee: ServiceName): Use | undefined;
  rule(service: ServiceName, rule: RuleId): Use | undefined;
}

/** Of one service: as caller its callees, as callee its rules. */
interface ServiceUse {
  readonly callees: Map<string, UseByHour>;
  readonly rules: Map<string, UseByHour>;
}

interface TrafficParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: string;
}

export const trafficKind = 'traffic';
/**
 * What proxies counted, by hours, in memory and in the store. Bounded by the intent: only services and rules that are in
 * it are kept, each with at most as many counts as the window has hours.
 */
export class TrafficLog implements Traffic {
  readonly #clock: Clock;
  readonly #kept: KeptSoon;
  readonly #told: ByReplica<ServiceUse>;

  private constructor(parts: TrafficParts) {
    this.#told = new ByReplica(parts.replica, parse);
    this.#clock = parts.clock;
    const documentOf = (name: string): object | undefined => this.#document(name);
    this.#kept = new KeptSoon({ ...parts, kind: trafficKind, documentOf });
  }

  static async open(parts: TrafficParts): Promise<TrafficLog> {
    const traffic = new TrafficLog(parts);
    traffic.#told.load(await parts.store.list(trafficKind));
    return traffic;
  }

  /** What other control planes wrote. */
  hear(changes: readonly Followed[]): void {
    this.#told.hear(changes);
  }

  edge(caller: ServiceName, callee: ServiceName): Use | undefined {
    return this.#useOf(caller, ({ callees }) => callees.get(callee));
  }

  rule(service: ServiceName, rule: RuleId): Use | undefined {
    return this.#useOf(service, ({ rules }) => rules.get(rule));
  }

  #useOf(service: ServiceName, of: (use: ServiceUse) => UseByHour | undefined): Use | undefined {
    const nowMs = this.#clock.nowMs();
    return together(this.#told.of(service).map((use) => useIn(of(use), nowMs)));
  }

  /** What a proxy of a service tells. Names that the intent does not know are not taken. */
  take(name: ServiceName, { callees, rules }: ServiceTraffic, intent: Intent): void {
    const service = intent.services.get(name);
    if (service === undefined) return;
    const use = this.#told.own.get(name) ?? { callees: new Map(), rules: new Map() };
    const known = new Set<string>(service.allow.map(({ id }) => id));
    const isCallee = (callee: string): boolean => intent.services.has(callee as ServiceName);
    const begins = [
      this.#add(use.callees, callees, isCallee),
      this.#add(use.rules, rules, (rule) => known.has(rule)),
    ];
    if (use.callees.size === 0 && use.rules.size === 0) return;
    this.#told.own.set(name, use);
    this.#kept.changed(name, begins.includes(true));
  }

  /** Resolves when everything that was taken is in the store. */
  async flushed(): Promise<void> {
    await this.#kept.flushed();
  }

  /** Whether something was not used in this hour before. */
  #add(
    uses: Map<string, UseByHour>,
    counts: Readonly<Record<string, number>>,
    isKnown: (name: string) => boolean,
  ): boolean {
    const nowMs = this.#clock.nowMs();
    let begins = false;
    for (const [name, count] of Object.entries(counts)) {
      if (!isKnown(name) || !Number.isSafeInteger(count) || count <= 0) continue;
      const before = uses.get(name);
      const after = used(before, count, nowMs);
      begins ||= before?.counts.at(-1)?.[0] !== after.counts.at(-1)?.[0];
      uses.set(name, after);
    }
    return begins;
  }

  #document(name: string): object | undefined {
    const use = this.#told.own.get(name);
    if (use === undefined) return undefined;
    const nowMs = this.#clock.nowMs();
    for (const uses of [use.callees, use.rules]) {
      for (const [key, one] of uses) if (useIn(one, nowMs) === undefined) uses.delete(key);
    }
    const { callees, rules } = use;
    return { callees: Object.fromEntries(callees), rules: Object.fromEntries(rules) };
  }
}

function parse(value: Uint8Array): ServiceUse {
  const { callees, rules } = JSON.parse(Buffer.from(value).toString('utf8')) as {
    readonly callees: Record<string, UseByHour>;
    readonly rules: Record<string, UseByHour>;
  };
  return { callees: new Map(Object.entries(callees)), rules: new Map(Object.entries(rules)) };
}
