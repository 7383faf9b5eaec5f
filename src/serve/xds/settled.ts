import type { Resource } from '../../compile/resource.ts';
import { differingNames } from '../../compile/snapshot-changes.ts';
import type { Present } from './exchange.ts';

/**
 * Up to which resources all is known to be in order. Each message looks at every type, and most of a snapshot is as it was
 * before: what is known of the maps before, which never change, need only be looked at where the present ones differ.
 */
export class Settled {
  /** All that is wanted of these was sent. */
  sentOf: Present | undefined;
  /** The peer has taken each of these. */
  takenOf: Present | undefined;
  /** Each of these was asked for. */
  askedOf: Present | undefined;
  /** The peer has none but these. */
  #heldOf: Present | undefined;

  reset(): void {
    this.sentOf = undefined;
    this.takenOf = undefined;
    this.askedOf = undefined;
    this.#heldOf = undefined;
  }

  /** The peer has or was sent none but these. */
  held(present: Present): void {
    this.#heldOf = present;
  }

  isHeldBy(present: Present): boolean {
    if (!sameNames(this.#heldOf, present)) return false;
    this.#heldOf = present;
    return true;
  }

  /** Of `present`, what may not have been sent; undefined when each must be looked at. */
  unsent(present: Present): readonly string[] | undefined {
    return differingNames(this.sentOf, present);
  }

  /** The peer took what is looked at with `isTaken`, and nothing else since. */
  took(present: Present, isTaken: (name: string) => boolean): void {
    const isAll = differingNames(this.takenOf, present)?.every(isTaken) === true;
    this.takenOf = isAll ? present : undefined;
  }

  isAskedFor(present: Present): boolean {
    if (!sameNames(this.askedOf, present)) return false;
    this.askedOf = present;
    return true;
  }

  /** Something was sent: what the peer took and asked for is as before. */
  sent(resources: readonly Resource[], allOf: Present | undefined): void {
    this.sentOf = allOf;
    const held = this.#heldOf;
    if (held !== undefined && !resources.every(({ name }) => held.has(name)))
      this.#heldOf = undefined;
  }
}

function sameNames(before: Present | undefined, now: Present): boolean {
  return before === now || differingNames(before, now) !== undefined;
}
