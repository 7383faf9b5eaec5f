/**
 * `CHANCERY_FUZZ=1000000` for the long run, `CHANCERY_FUZZ_SEED=n` for other mutations. Keys are made anew each time; what
 * fails is shown whole, to be tried again.
 */
export const runs = Number(process.env['CHANCERY_FUZZ'] ?? 20_000);
export const seed = Number(process.env['CHANCERY_FUZZ_SEED'] ?? 1);

/** Numbers that a seed replays (Park and Miller). */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed % 2_147_483_646) + 1;
  }

  of<T>(list: readonly T[]): T {
    const at = this.below(list.length);
    if (!(at in list)) throw new Error('there is nothing to draw from');
    return list[at] as T;
  }

  below(limit: number): number {
    this.#state = (this.#state * 48_271) % 2_147_483_647;
    return this.#state % limit;
  }
}

/** Offsets at which an element begins, found by walking into whatever looks constructed. */
function elementsOf(bytes: Uint8Array, from = 0, to = bytes.length, depth = 0): number[] {
  const found: number[] = [];
  for (let at = from; at + 2 <= to && depth < 12; ) {
    const header = headerOf(bytes, at);
    if (header === undefined || header.end > to) break;
    found.push(at);
    const isHolder = bytes[at] === 0x04 || ((bytes[at] ?? 0) & 0x20) !== 0;
    if (isHolder) found.push(...elementsOf(bytes, header.start, header.end, depth + 1));
    at = header.end;
  }
  return found;
}

function headerOf(bytes: Uint8Array, at: number): { start: number; end: number } | undefined {
  const first = bytes[at + 1] ?? 0;
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const count = first & 0x7f;
  if (count === 0 || count > 2) return undefined;
  let length = 0;
  for (let index = 0; index < count; index += 1)
    length = length * 256 + (bytes[at + 2 + index] ?? 0);
  return { start: at + 2 + count, end: at + 2 + count + length };
}

/** Mends the lengths of all elements around a change, so that it is looked at and not only the first wrong length. */
function replaced(bytes: Uint8Array, at: number, end: number, by: Uint8Array): Uint8Array {
  const outside = elementsOf(bytes).filter((offset) => {
    const header = headerOf(bytes, offset);
    return header !== undefined && offset < at && header.end >= end;
  });
  let result = Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(end)]);
  let shift = by.length - (end - at);
  for (const offset of outside.sort((a, b) => b - a)) {
    const header = headerOf(bytes, offset);
    if (header === undefined) continue;
    const length = header.end - header.start + shift;
    const written = lengthBytes(Math.max(0, length));
    const before = header.start - offset - 1;
    result = Buffer.concat([
      result.subarray(0, offset + 1),
      written,
      result.subarray(header.start),
    ]);
    shift += written.length - before;
  }
  return result;
}

function lengthBytes(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  if (length < 0x100) return Uint8Array.of(0x81, length);
  return Uint8Array.of(0x82, length >> 8, length & 0xff);
}

const tags = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x17, 0x18, 0x30, 0x31, 0x80, 0x82, 0x86, 0xa0,
  0xa3,
];

/** One to three changes: of bits, bytes, tags and lengths, or of whole elements with the lengths around them mended. */
export function mutate(seed: Uint8Array, other: Uint8Array, random: Seeded): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(seed);
  for (let left = 1 + random.below(3); left > 0; left -= 1) bytes = once(bytes, other, random);
  return bytes;
}

function once(bytes: Uint8Array, other: Uint8Array, random: Seeded): Uint8Array {
  const elements = elementsOf(bytes);
  const at = elements[random.below(Math.max(1, elements.length))] ?? 0;
  const header = headerOf(bytes, at);
  if (header === undefined || bytes.length < 4) return bytes;
  const { start, end } = header;
  const whole = bytes.subarray(at, end);
  const set = (offset: number, value: number): Uint8Array => {
    const changed = Uint8Array.from(bytes);
    changed[offset] = value;
    return changed;
  };
  switch (random.below(10)) {
    case 0: {
      const offset = random.below(bytes.length);
      return set(offset, (bytes[offset] ?? 0) ^ (1 << random.below(8)));
    }
    case 1:
      return set(random.below(bytes.length), random.below(256));
    case 2:
      return set(at, tags[random.below(tags.length)] ?? 0);
    case 3:
      return set(at + 1, random.below(256));
    case 4:
      return replaced(bytes, at, end, new Uint8Array());
    case 5:
      return replaced(bytes, at, at, whole);
    case 6:
      return replaced(
        bytes,
        start,
        end,
        Uint8Array.from({ length: random.below(24) }, () => random.below(256)),
      );
    case 7: {
      const parts = elementsOf(other);
      const from = parts[random.below(Math.max(1, parts.length))] ?? 0;
      return replaced(bytes, at, end, other.subarray(from, headerOf(other, from)?.end ?? from));
    }
    case 8: {
      const offset = start + random.below(Math.max(1, end - start));
      return offset < bytes.length ? set(offset, random.below(2) === 0 ? 0 : 0xff) : bytes;
    }
    default: {
      const next = elements.find((offset) => offset >= end);
      const behind = next === undefined ? undefined : headerOf(bytes, next);
      if (next === undefined || behind === undefined) return bytes;
      const swapped = Buffer.concat([
        bytes.subarray(next, behind.end),
        bytes.subarray(end, next),
        whole,
      ]);
      return Buffer.concat([bytes.subarray(0, at), swapped, bytes.subarray(behind.end)]);
    }
  }
}
