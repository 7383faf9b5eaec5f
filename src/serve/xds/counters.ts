import type { TypeUrl } from '../../compile/resource.ts';

/** Bounds of the histogram of acknowledgements, in milliseconds; what took longer is in the last, open bucket. */
const ackBoundsMs = [5, 25, 100, 500, 2_000, 20_000] as const;

/** What happened with one type since the start of the service. */
interface TypeCounters {
  readonly pushes: number;
  readonly bytes: number;
  readonly acks: number;
  readonly nacks: number;
  readonly ackSumMs: number;
  /** How many acknowledgements took at most as long as each bound, and the rest. */
  readonly ackBuckets: readonly number[];
}

/** What the service did since its start, and its state now (rule K5). */
export interface XdsCounters {
  /** Open now. */
  readonly streams: number;
  readonly streamsOpened: number;
  /** Responses sent, of all types. */
  readonly pushes: number;
  /** Responses that told a proxy nothing that it did not have or ask for: must stay 0. */
  readonly pushesWithoutEffect: number;
  readonly bytes: number;
  readonly acks: number;
  readonly nacks: number;
  /** Responses that were not acknowledged in time. */
  readonly stuck: number;
  /** Streams that were ended since their proxy asked for less than it needs. */
  readonly incomplete: number;
  /** Resources sent again since their proxy had never confirmed them. */
  readonly healed: number;
  /** Contents that several proxies refused and that go to no other. */
  readonly quarantined: number;
  /** Streams that were cut off since their proxy did not read. */
  readonly slowReaders: number;
  /** Streams that were ended since this server goes down. */
  readonly drained: number;
  /** Requests of a type that is not served. */
  readonly unknownType: number;
  /** Acknowledgements of what is not in flight. */
  readonly staleNonce: number;
  /** Names asked for on demand that were not remembered: the proxy had too many that do not exist. */
  readonly forgottenNames: number;
  /** How long the connected proxy that waits longest has not had all of its snapshot; 0 when all have theirs. */
  readonly dirtyAgeMs: number;
  readonly types: ReadonlyMap<TypeUrl, TypeCounters>;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type Tally = Mutable<Omit<XdsCounters, 'streams' | 'dirtyAgeMs' | 'types'>>;
interface TypeTally extends Mutable<Omit<TypeCounters, 'ackBuckets'>> {
  readonly ackBuckets: number[];
}

/** Counts for one service. */
export class XdsTally {
  readonly counts: Tally = {
    streamsOpened: 0,
    pushes: 0,
    pushesWithoutEffect: 0,
    bytes: 0,
    acks: 0,
    nacks: 0,
    stuck: 0,
    incomplete: 0,
    healed: 0,
    quarantined: 0,
    slowReaders: 0,
    drained: 0,
    unknownType: 0,
    staleNonce: 0,
    forgottenNames: 0,
  };
  readonly #types = new Map<TypeUrl, TypeTally>();

  sent(type: TypeUrl, push: { readonly bytes: number; readonly hasEffect: boolean }): void {
    const tally = this.#of(type);
    tally.pushes += 1;
    tally.bytes += push.bytes;
    this.counts.pushes += 1;
    this.counts.bytes += push.bytes;
    if (!push.hasEffect) this.counts.pushesWithoutEffect += 1;
  }

  acknowledged(type: TypeUrl, kind: 'ack' | 'nack', tookMs: number): void {
    const tally = this.#of(type);
    if (kind === 'ack') {
      tally.acks += 1;
      this.counts.acks += 1;
    } else {
      tally.nacks += 1;
      this.counts.nacks += 1;
    }
    tally.ackSumMs += tookMs;
    const bucket = ackBoundsMs.findIndex((boundMs) => tookMs <= boundMs);
    const index = bucket === -1 ? ackBoundsMs.length : bucket;
    tally.ackBuckets[index] = (tally.ackBuckets[index] ?? 0) + 1;
  }

  /** As they are now: a copy, which does not change any more. */
  snapshot(now: { readonly streams: number; readonly dirtyAgeMs: number }): XdsCounters {
    const types = [...this.#types].map(([type, tally]): [TypeUrl, TypeCounters] => [
      type,
      { ...tally, ackBuckets: [...tally.ackBuckets] },
    ]);
    return { ...now, ...this.counts, types: new Map(types) };
  }

  #of(type: TypeUrl): TypeTally {
    const known = this.#types.get(type);
    if (known !== undefined) return known;
    const ackBuckets = Array.from({ length: ackBoundsMs.length + 1 }, () => 0);
    const fresh = { pushes: 0, bytes: 0, acks: 0, nacks: 0, ackSumMs: 0, ackBuckets };
    this.#types.set(type, fresh);
    return fresh;
  }
}
