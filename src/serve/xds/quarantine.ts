import { type Resource, type TypeUrl, typeUrls } from '../../compile/resource.ts';

/** So many proxies must refuse the same content before the others are spared it (rule C11). */
const proxiesMin = 3;
/** Refused contents remembered; the oldest is forgotten, at the cost of some NACKs more. */
const contentsMax = 4_096;

/**
 * Contents that several proxies refused. Versions are content hashes, so a mended resource is another one.
 * Listeners are left out: whether an address can be bound is a matter of each host.
 */
export class Quarantine {
  readonly #refusals = new Map<string, Set<string>>();

  has(resource: Resource): boolean {
    if (this.#refusals.size === 0) return false;
    return (this.#refusals.get(keyOf(resource))?.size ?? 0) >= proxiesMin;
  }

  /** True when this refusal made it a matter of the whole fleet. */
  refuse(resource: Resource, proxy: string): boolean {
    if (resource.typeUrl === typeUrls.listener) return false;
    const key = keyOf(resource);
    const proxies = this.#refusals.get(key) ?? new Set();
    if (proxies.size >= proxiesMin) return false;
    proxies.add(proxy);
    this.#refusals.set(key, proxies);
    const [oldest] = this.#refusals.keys();
    if (this.#refusals.size > contentsMax && oldest !== undefined) this.#refusals.delete(oldest);
    return proxies.size >= proxiesMin;
  }
}

function keyOf(resource: {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  readonly version: string;
}): string {
  return `${resource.typeUrl}\n${resource.version}\n${resource.name}`;
}
