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
export type Ahead = Pick<PolicyAhead, 'proxies' | 'services'>;

/**
 * What desks decide by: the policy of the commit that runs, and for proxies that have it, that of the one on its way. Each decision is by one of the two as a whole.
 */
export class Policies {
  #base: PolicySource | undefined;
  #next: PolicySource | undefined;
  #grants: readonly Grant[] = [];
  #origin: { readonly version: string; readonly commit: string } | undefined;

  /** In effect now; the same list until another one is. */
  get grants(): readonly Grant[] {
    return this.#grants;
  }

  /** The first one is what runs. */
  follow(source: PolicySource): void {
    if (this.#base === undefined) this.#base = source;
    else this.#next = source;
  }

  /** What was to run is what runs. */
  settle(): void {
    this.#base = this.#next ?? this.#base;
    this.#next = undefined;
  }

  /** What was to run is not to. */
  withdraw(): void {
    this.#next = undefined;
  }

  /** Beside whatever runs and whatever is on its way. */
  grant(active: readonly Grant[]): void {
    this.#grants = active;
  }

  /** Of which services the commit on its way makes desks decide otherwise. */
  get decidedOtherwise(): ReadonlySet<ServiceName> {
    return this.#base === undefined || this.#next === undefined
      ? new Set()
      : decidedOtherwise(this.#documentOf(this.#base), this.#documentOf(this.#next));
  }

  /** For a desk that decides for these by the commit on its way. Undefined: there is no commit yet. */
  updateFor({ proxies, services }: Ahead): PolicyUpdate | undefined {
    if (this.#base === undefined) return undefined;
    const base = policyUpdate(this.#documentOf(this.#base));
    const origin = { commit: this.#originOf(base.version, this.#base.commit) };
    if (this.#next === undefined || proxies.length + services.length === 0) {
      return { ...base, origin };
    }
    const { version, document } = policyUpdate(this.#documentOf(this.#next));
    return {
      ...base,
      version: contentHash(base.version, version, JSON.stringify([proxies, services])),
      origin,
      ahead: {
        ...{ commit: this.#next.commit, proxies, services, document },
        versions: { base: base.version, ahead: version },
      },
    };
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

const nobody: Ahead = { proxies: [], services: [] };

/** Whose questions the desk of a host answers by the commit on its way; `ahead`: the proxies that have it. */
export function aheadOn(given: {
  readonly inventory: Inventory;
  readonly ahead: ReadonlySet<WorkloadId>;
  readonly pool: Mesh['deskPool'];
}): (host: string) => Ahead {
  const { inventory, ahead, pool } = given;
  if (ahead.size === 0) return () => nobody;
  const isAhead = ({ id }: Workload): boolean => ahead.has(id);
  const byHost = Map.groupBy(inventory.filter(isAhead), ({ host }) => host);
  // Proxies of any host ask the desks of the pool, and do not say which they are: these go with the last one of a service.
  const byService = Map.groupBy(inventory, ({ service }) => service);
  const whole = [...byService].filter(([, all]) => all.every(isAhead)).map(([name]) => name);
  const members = new Set<string>(pool.map(({ host }) => host));
  return (host) => {
    const proxies = (byHost.get(host) ?? []).map(({ id }) => id);
    return { proxies, services: members.has(host) ? whole.sort() : [] };
  };
}
