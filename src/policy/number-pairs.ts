/**
 * A number for a pair of numbers, in one flat array: of an index of some thousand pairs a look-up reads mostly one line of
 * the processor's cache, and nothing is made for it. Pairs come from rules and never from requests, so that no request can
 * make it slow.
 */
export interface NumberPairs {
  /** Open addressing, at least half of it empty: first, second and value of each; a first of -1 is an empty place. */
  readonly slots: Int32Array;
  readonly mask: number;
}

const slotSize = 3;

/** First, second and value of each in a row; no first and no value is negative, and no pair comes twice. */
export function numberPairs(triples: readonly number[]): NumberPairs {
  const count = triples.length / slotSize;
  const size = 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)));
  const slots = new Int32Array(size * slotSize).fill(-1);
  const mask = size - 1;
  for (let at = 0; at < triples.length; at += slotSize) {
    const [first = 0, second = 0, value = 0] = triples.slice(at, at + slotSize);
    let place = hashOf(first, second) & mask;
    while (slots[place * slotSize] !== -1) place = (place + 1) & mask;
    slots.set([first, second, value], place * slotSize);
  }
  return { slots, mask };
}

/** -1: there is none. */
export function valueOfPair({ slots, mask }: NumberPairs, first: number, second: number): number {
  for (let place = hashOf(first, second) & mask; ; place = (place + 1) & mask) {
    const at = place * slotSize;
    const found = slots[at];
    if (found === first && slots[at + 1] === second) return slots[at + 2] ?? -1;
    if (found === -1) return -1;
  }
}

/** Multiplicative, with the well mixed high bits brought down. */
function hashOf(first: number, second: number): number {
  const mixed = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
