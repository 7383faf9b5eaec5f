import type { Resource } from '../../compile/resource.ts';
import type { Quarantined } from './quarantine.ts';
import type { TypeMemory } from './type-memory.ts';

/** The present resources of one type, by name. */
export type Present = ReadonlyMap<string, Resource>;

/** What to send next of one type. */
export interface Due {
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

export const nothingDue: Due = { resources: [], removed: [] };

/** A response that is not acknowledged yet. */
export interface InFlight extends Due {
  readonly nonce: string;
  /** Monotonic milliseconds. */
  readonly sentAtMs: number;
}

/** What the peer said about the response in flight. */
export type Acknowledgement =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'ack';
      readonly names: readonly string[];
      readonly accepted: readonly Resource[];
      readonly removed: readonly string[];
      /** Of those, the ones that are not what is wanted now: last good ones, or overtaken. */
      readonly overtaken: readonly string[];
      readonly tookMs: number;
    }
  | {
      readonly kind: 'nack';
      readonly message: string;
      /** Those to blame; empty when the message names nobody. */
      readonly rejected: readonly Resource[];
      readonly tookMs: number;
    };

/** What the peer said it has of one name. */
export interface Accepted {
  readonly version: string;
  /** Monotonic milliseconds: when it was acknowledged, or reported by a peer that came back. */
  readonly atMs: number;
}

export interface TypeContext {
  readonly memory: TypeMemory;
  readonly quarantine: Quarantined;
  /**
   * SDS is not transactional (rule D6). After one bad secret Envoy refuses good ones of the same context with the
   * first one's error, and takes the bad one if it comes a second time, since it has not changed. So secrets go one
   * by one, which tells whose fault a NACK is, and what was refused stays refused on the next stream.
   */
  readonly refusalsSpread: boolean;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** What a peer has with the acknowledgement of a response. */
export function takenWith(
  { resources: accepted, removed }: InFlight,
  present: Present,
  tookMs: number,
): Acknowledgement & { readonly kind: 'ack' } {
  const names = [...accepted.map((resource) => resource.name), ...removed];
  const overtaken = accepted
    .filter(({ name, version }) => present.get(name)?.version !== version)
    .map(({ name }) => name);
  return { kind: 'ack', names, accepted, removed, overtaken, tookMs };
}
