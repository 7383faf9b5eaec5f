import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Intent, Service, ServiceName } from '../../model/types.ts';
import type {
  Flow,
  FlowKey,
  ProxyFlows,
  RuleUse,
  ServiceFlows,
} from '../../serve/api/wire-flows.ts';
import type { Store } from '../../store/store.ts';
import type { Followed } from '../replicas/feed.ts';
import { ByReplica } from './by-replica.ts';
import { KeptSoon } from './kept-soon.ts';
import { hourMs, type UseByHour, used, useSince } from './use.ts';

export const flowsKind = 'flows';
/** A week and a day: what is done every Monday counts. */
export const flowWindowHours = 8 * 24;
/** Of one service at one control plane; each may have a count for every hour of the window. */
export const flowsMax = 500;
/** Of what a host says; a longer one is none of ours. */
const textLengthMax = 1_024;

/** Of one service. */
interface Kept {
  sinceMs: number;
  isPartial: boolean;
  /** By the JSON of its key. */
  readonly flows: Map<string, UseByHour>;
  /** When each rule was there first. */
  readonly rules: Map<string, number>;
}

interface FlowLogParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: string;
}

/** Who came in to each service, by hours, for a week. Kept as `TrafficLog` keeps its counts. */
export class FlowLog {
  readonly #clock: Clock;
  readonly #kept: KeptSoon;
  readonly #told: ByReplica<Kept>;

  private constructor(parts: FlowLogParts) {
    this.#clock = parts.clock;
    this.#told = new ByReplica(parts.replica, parse);
    const documentOf = (name: string): object | undefined => this.#document(name);
    this.#kept = new KeptSoon({ ...parts, kind: flowsKind, documentOf });
  }

  static async open(parts: FlowLogParts): Promise<FlowLog> {
    const flows = new FlowLog(parts);
    flows.#told.load(await parts.store.list(flowsKind));
    return flows;
  }

  /** What other control planes wrote. */
  hear(changes: readonly Followed[]): void {
    this.#told.hear(changes);
  }

  /** What a proxy of a service tells. */
  take(name: ServiceName, { flows, isPartial }: ProxyFlows, intent: Intent): void {
    const service = intent.services.get(name);
    if (service === undefined) return;
    const nowMs = this.#clock.nowMs();
    const known = this.#told.own.get(name);
    const kept = known ?? { sinceMs: nowMs, isPartial, flows: new Map(), rules: new Map() };
    this.#told.own.set(name, kept);
    let isNew = knowRules(kept, service, nowMs) || known === undefined;
    let isChanged = isNew || (isPartial && !kept.isPartial);
    kept.isPartial ||= isPartial;
    for (const { requests, ...key } of flows) {
      if (!Number.isSafeInteger(requests) || requests <= 0 || !isFlow(key)) continue;
      const text = JSON.stringify(key);
      const before = kept.flows.get(text);
      if (before === undefined && kept.flows.size >= flowsMax) {
        kept.isPartial = isChanged = true;
        continue;
      }
      const after = used(before, requests, nowMs, flowWindowHours);
      isNew ||= before?.counts.at(-1)?.[0] !== after.counts.at(-1)?.[0];
      isChanged = true;
      kept.flows.set(text, after);
    }
    if (isChanged) this.#kept.changed(name, isNew);
  }

  async flushed(): Promise<void> {
    await this.#kept.flushed();
  }

  /** Of the services that an intent has; `sinceMs`: only what came since. */
  of(intent: Intent, sinceMs: number): readonly ServiceFlows[] {
    return [...intent.services.values()].flatMap((service) => {
      const told = this.#told.of(service.name);
      return told.length === 0 ? [] : [together(service, told, sinceMs)];
    });
  }

  #document(name: string): object | undefined {
    const kept = this.#told.own.get(name);
    if (kept === undefined) return undefined;
    const fromMs = this.#clock.nowMs() - flowWindowHours * hourMs;
    for (const [key, use] of kept.flows) if (use.lastMs < fromMs) kept.flows.delete(key);
    const { sinceMs, isPartial, flows, rules } = kept;
    return { sinceMs, isPartial, flows: [...flows], rules: [...rules] };
  }
}

/** Whether one is new. Rules that are no more are forgotten, so that one that comes again is new. */
function knowRules({ rules }: Kept, service: Service, nowMs: number): boolean {
  const ids = new Set<string>([...service.allow, ...service.deny].map(({ id }) => id));
  let isNew = false;
  for (const id of rules.keys()) if (!ids.has(id)) rules.delete(id);
  for (const id of ids) {
    if (rules.has(id)) continue;
    rules.set(id, nowMs);
    isNew = true;
  }
  return isNew;
}

function isFlow({
  caller,
  method,
  path,
  verdict,
  rule = '',
  code = '',
  isOverridden = true,
  ...more
}: FlowKey): boolean {
  const texts: readonly unknown[] = [caller, method, path, rule, code];
  const areShort = texts.every((one) => typeof one === 'string' && one.length <= textLengthMax);
  const isKnown = isOverridden === true && Object.keys(more).length === 0;
  return areShort && (verdict === 'allow' || verdict === 'deny') && isKnown;
}

function together(service: Service, told: readonly Kept[], sinceMs: number): ServiceFlows {
  const found = new Map<string, Flow>();
  for (const { flows } of told) {
    for (const [text, use] of flows) {
      const since = useSince(use, sinceMs);
      if (since === undefined) continue;
      const before = found.get(text);
      found.set(text, {
        ...(JSON.parse(text) as FlowKey),
        requests: since.requests + (before?.requests ?? 0),
        firstMs: Math.min(since.firstMs, before?.firstMs ?? since.firstMs),
        lastMs: Math.max(since.lastMs, before?.lastMs ?? 0),
      });
    }
  }
  const flows = [...found.values()].sort((a, b) => b.requests - a.requests);
  return {
    service: service.name,
    sinceMs: Math.min(...told.map((one) => one.sinceMs)),
    isPartial: told.some((one) => one.isPartial),
    flows,
    rules: [...service.allow, ...service.deny].flatMap(({ id }) => ruleUse(id, told, flows)),
  };
}

/** None where no proxy has told anything since it is there. */
function ruleUse(rule: string, told: readonly Kept[], flows: readonly Flow[]): readonly RuleUse[] {
  const met = flows.filter((flow) => flow.rule === rule);
  const known = told.flatMap(({ rules }) => rules.get(rule) ?? []);
  if (known.length === 0) return [];
  const use = {
    rule,
    knownMs: Math.min(...known),
    requests: met.reduce((sum, { requests }) => sum + requests, 0),
    ...(met.length === 0 ? {} : { lastMs: Math.max(...met.map(({ lastMs }) => lastMs)) }),
  };
  return [use];
}

function parse(value: Uint8Array): Kept {
  const read = JSON.parse(Buffer.from(value).toString('utf8')) as {
    readonly sinceMs: number;
    readonly isPartial: boolean;
    readonly flows: [string, UseByHour][];
    readonly rules: [string, number][];
  };
  return { ...read, flows: new Map(read.flows), rules: new Map(read.rules) };
}
