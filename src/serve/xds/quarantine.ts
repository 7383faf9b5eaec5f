import type { Position } from '../../base/finding.ts';
import { type Resource, type TypeUrl, typeUrls } from '../../compile/resource.ts';

/** So many proxies must refuse the same content before the others are spared it (rule C11). */
const proxiesMin = 3;
/** Refused contents remembered; the oldest is forgotten, at the cost of some NACKs more. */
const contentsMax = 4_096;

/** The places that made a resource, most specific first, by what is said against it. */
export type RefusedFrom = (resource: Resource, message: string) => readonly Position[];

export const wholeFrom: RefusedFrom = ({ from }) => from;

/** A content that goes to no proxy that does not have it. */
export interface QuarantinedResource {
  readonly type: TypeUrl;
  readonly name: string;
  readonly version: string;
  /** The first proxies that refused it. */
  readonly proxies: readonly string[];
  /** What the last of them said, without what it quoted of keys. */
  readonly message: string;
  /** Monotonic milliseconds of the refusal that was one too many. */
  readonly sinceMs: number;
  /** Where in the intent it comes from. */
  readonly from: readonly Position[];
}

/** What a stream asks of it. */
export interface Quarantined {
  readonly isEmpty: boolean;
  has(resource: Resource): boolean;
}

interface Refusals {
  readonly resource: Pick<Resource, 'typeUrl' | 'name' | 'version' | 'from'>;
  readonly proxies: Set<string>;
  message: string;
  lastMs: number;
}

/**
 * Contents that several proxies refused. Versions are content hashes, so a mended resource is another one.
 * Listeners are left out: whether an address can be bound is a matter of each host.
 */
export class Quarantine implements Quarantined {
  readonly #refusedFrom: RefusedFrom;
  readonly #refusals = new Map<string, Refusals>();
  /**
   * Of what is quarantined. Each proxy asks about all that it has, at each of its messages: one that refuses alone costs
   * them nothing.
   */
  #versions: ReadonlySet<string> = new Set();

  constructor(refusedFrom: RefusedFrom = wholeFrom) {
    this.#refusedFrom = refusedFrom;
  }

  get isEmpty(): boolean {
    return this.#versions.size === 0;
  }

  has(resource: Resource): boolean {
    if (!this.#versions.has(resource.version)) return false;
    return isQuarantined(this.#refusals.get(keyOf(resource)));
  }

  /** True when this refusal made it a matter of the whole fleet. */
  refuse(
    resource: Resource,
    by: { readonly proxy: string; readonly message: string; readonly nowMs: number },
  ): boolean {
    if (resource.typeUrl === typeUrls.listener) return false;
    const { typeUrl, name, version } = resource;
    const from = this.#refusedFrom(resource, by.message);
    const key = keyOf(resource);
    const known = this.#refusals.get(key);
    if (isQuarantined(known) || known?.proxies.has(by.proxy)) return false;
    const refusals = known ?? {
      resource: { typeUrl, name, version, from },
      proxies: new Set(),
      message: '',
      lastMs: 0,
    };
    refusals.proxies.add(by.proxy);
    refusals.message = by.message;
    refusals.lastMs = by.nowMs;
    this.#refusals.set(key, refusals);
    const isNew = isQuarantined(refusals);
    if (isNew || this.#forgetOldest())
      this.#versions = new Set(this.list().map((one) => one.version));
    return isNew;
  }

  /** True when what was forgotten was quarantined. */
  #forgetOldest(): boolean {
    const [oldest] = this.#refusals;
    if (this.#refusals.size <= contentsMax || oldest === undefined) return false;
    this.#refusals.delete(oldest[0]);
    return isQuarantined(oldest[1]);
  }

  /** When the content was quarantined, in monotonic milliseconds; undefined when it is not. */
  sinceMs(resource: Resource): number | undefined {
    const known = this.#refusals.get(keyOf(resource));
    return isQuarantined(known) ? known?.lastMs : undefined;
  }

  list(): readonly QuarantinedResource[] {
    return [...this.#refusals.values()].filter(isQuarantined).map((refusals) => {
      const { typeUrl: type, name, version, from } = refusals.resource;
      const { message, lastMs: sinceMs } = refusals;
      return { type, name, version, proxies: [...refusals.proxies], message, sinceMs, from };
    });
  }
}

function isQuarantined(refusals: Refusals | undefined): boolean {
  return refusals !== undefined && refusals.proxies.size >= proxiesMin;
}

function keyOf(resource: {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  readonly version: string;
}): string {
  return `${resource.typeUrl}\n${resource.version}\n${resource.name}`;
}
