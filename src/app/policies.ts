import type { Grant } from '../breakglass/grant.ts';
import { intentWith } from '../breakglass/grant-rule.ts';
import { contentHash } from '../compile/content-hash.ts';
import type { Inventory, Workload, WorkloadId } from '../compile/inventory.ts';
import type { Intent, Mesh, ServiceName } from '../model/types.ts';
import { decidedOtherwise } from '../policy/decided-otherwise.ts';
import { type PolicyDocument, policyDocument } from '../policy/document.ts';
import type { PolicyAhead } from '../serve/api/wire.ts';
import { type PolicyUpdate, policyUpdate } from './policy-update.ts';

/** The policy of a commit. */
export interface PolicySource {
  readonly intent: Intent;
  readonly commit: string;
}

/** Who has the commit on its way, as a desk is told it. Sorted. */
type Ahead = Pick<PolicyAhead, 'proxies' | 'services' | 'members'>;

/** What runs, by host and as a whole. */
interface Fleet {
  readonly hosts: ReadonlyMap<string, readonly Workload[]>;
  readonly inventory: Inventory;
}

const nobody: ReadonlySet<WorkloadId> = new Set();

/**
 * What desks decide by: the policy of the commit that runs, and for proxies that have it, that of the one on its way. Each
 * decision is by one of the two as a whole.
 */
export class Policies {
  #base: PolicySource | undefined;
  #next: PolicySource | undefined;
  #ahead = nobody;
  #grants: readonly Grant[] = [];
  #origin: { readonly version: string; readonly commit: string } | undefined;
  /** By host: a rollout asks for each proxy that it touches, ten times a second. */
  readonly #updates = new Map<string, PolicyUpdate>();

  /** In effect now; the same list until another one is. */
  get grants(): readonly Grant[] {
    return this.#grants;
  }

  /** Whether desks decide by the commit on its way for anybody. */
  get isOnItsWay(): boolean {
    return this.#ahead.size > 0;
  }

  /** The first one is what runs. Who had what was on its way has nothing of a later one. */
  follow(source: PolicySource): void {
    if (this.#base === undefined) this.#base = source;
    else this.#next = source;
    this.reach(nobody);
  }

  /** These proxies have the commit on its way. */
  reach(proxies: ReadonlySet<WorkloadId>): void {
    this.#ahead = proxies;
    this.#updates.clear();
  }

  /** What was to run is what runs. */
  settle(): void {
    this.#base = this.#next ?? this.#base;
    this.withdraw();
  }

  /** What was to run is not to. */
  withdraw(): void {
    this.#next = undefined;
    this.reach(nobody);
  }

  /** Beside whatever runs and whatever is on its way. */
  grant(active: readonly Grant[]): void {
    this.#grants = active;
    this.#updates.clear();
  }

  /** These hosts run something else than before. */
  moved(hosts: Iterable<string>): void {
    // What a desk of the pool answers by hangs on the workloads of all.
    for (const host of [...hosts, ...this.poolHosts]) this.#updates.delete(host);
  }

  /** Throws where no policy can be made of it; nothing has changed then. */
  tryOut(source: PolicySource): void {
    this.#documentOf(source);
  }

  /** Of which services the commit on its way makes desks decide otherwise. */
  get decidedOtherwise(): ReadonlySet<ServiceName> {
    return this.#base === undefined || this.#next === undefined
      ? new Set()
      : decidedOtherwise(this.#documentOf(this.#base), this.#documentOf(this.#next));
  }

  /** For the desk of a host. Undefined: there is no commit yet. */
  of(host: string, fleet: Fleet): PolicyUpdate | undefined {
    const known = this.#updates.get(host) ?? this.#updateFor(this.#aheadOn(host, fleet));
    if (known !== undefined) this.#updates.set(host, known);
    return known;
  }

  #updateFor(who: Ahead): PolicyUpdate | undefined {
    if (this.#base === undefined) return undefined;
    const base = policyUpdate(this.#documentOf(this.#base));
    const origin = { commit: this.#originOf(base.version, this.#base.commit) };
    if (this.#next === undefined || isNobody(who)) {
      return { ...base, origin };
    }
    const { version, document } = policyUpdate(this.#documentOf(this.#next));
    return {
      ...base,
      version: contentHash(base.version, version, JSON.stringify(who)),
      origin,
      ahead: {
        ...{ commit: this.#next.commit, ...who, document },
        versions: { base: base.version, ahead: version },
      },
    };
  }

  /** Whose questions the desk of a host answers by the commit on its way. */
  #aheadOn(host: string, { hosts, inventory }: Fleet): Ahead {
    const isAhead = ({ id }: Workload): boolean => this.#ahead.has(id);
    if (!this.isOnItsWay) return { proxies: [], services: [] };
    const proxies = (hosts.get(host) ?? []).filter(isAhead).map(({ id }) => id);
    if (!this.poolHosts.includes(host)) return { proxies: proxies.sort(), services: [] };
    return { ...everywhere(inventory, inventory.filter(isAhead)), proxies: proxies.sort() };
  }

  /** Hosts with a desk that answers proxies of others, by what runs and by what is on its way. */
  get poolHosts(): readonly string[] {
    return this.#meshes.flatMap(({ deskPool }) => deskPool.map(({ host }) => host));
  }

  /** Whether some proxies ask them. */
  get asksPool(): boolean {
    return this.#meshes.some(({ defaults }) => defaults.desk === 'pool');
  }

  get #meshes(): readonly Mesh[] {
    return [this.#base, this.#next].flatMap((source) => source?.intent.mesh ?? []);
  }

  /** Hosts that come later are told the same commit. */
  #originOf(version: string, commit: string): string {
    if (this.#origin?.version !== version) this.#origin = { version, commit };
    return this.#origin.commit;
  }

  #documentOf({ intent }: PolicySource): PolicyDocument {
    const whole = intentWith(intent, this.#grants);
    const document = documents.get(whole) ?? policyDocument(whole);
    documents.set(whole, document);
    return document;
  }
}

/** By the intent with its grants, which is the same for as long as they are. */
const documents = new WeakMap<Intent, PolicyDocument>();

function isNobody({ proxies, services, members = {} }: Ahead): boolean {
  return proxies.length + services.length + Object.keys(members).length === 0;
}

/** Proxies of any host ask the desks of the pool. One of an agent of before does not say which it is, and goes with the last of its service. */
function everywhere(inventory: Inventory, having: Inventory): Ahead {
  const byService = Map.groupBy(having, ({ service }) => service);
  const every = Map.groupBy(inventory, ({ service }) => service);
  const services = [...byService].filter(([name, own]) => own.length === every.get(name)?.length);
  return {
    proxies: [],
    services: services.map(([name]) => name).sort(),
    members: Object.fromEntries(
      [...byService].map(([name, own]) => [name, own.map(({ id }) => id)]),
    ),
  };
}
