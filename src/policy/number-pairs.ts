/**
 * A number for a pair of numbers, in one flat array: of an index of some thousand pairs a look-up reads mostly one line of
 * the processor's cache, and nothing is made for it. Pairs come from rules and never from requests, so that no request can
 * make it slow. Open addressing, at least half of it empty: first, second and value of each, and a word that keeps each in
 * one line; a first of -1 is an empty place.
 */
export type NumberPairs = Int32Array;

const slotBits = 2;

/** First, second and value of each in a row; no first and no value is negative, and no pair comes twice. */
export function numberPairs(triples: readonly number[]): NumberPairs {
  const count = triples.length / 3;
  const size = 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)));
  const slots = new Int32Array(size << slotBits).fill(-1);
  for (let at = 0; at < triples.length; at += 3) {
    const [first = 0, second = 0, value = 0] = triples.slice(at, at + 3);
    let place = hashOf(first, second) & (size - 1);
    while (slots[place << slotBits] !== -1) place = (place + 1) & (size - 1);
    slots.set([first, second, value], place << slotBits);
  }
  return slots;
}

/** -1: there is none. */
export function valueOfPair(slots: NumberPairs, first: number, second: number): number {
  const mask = (slots.length >> slotBits) - 1;
  for (let place = hashOf(first, second) & mask; ; place = (place + 1) & mask) {
    const at = place << slotBits;
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
