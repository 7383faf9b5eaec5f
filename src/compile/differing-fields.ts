import { BinaryReader } from '@bufbuild/protobuf/wire';

/**
 * The fields of two messages of one type without those that both begin and end with: again messages of the type, of all in
 * which the two may differ. Of large lists in which little changed that is little, found by comparing bytes alone.
 */
export function differingFields(
  now: Uint8Array,
  before: Uint8Array,
): { readonly now: Uint8Array; readonly before: Uint8Array } {
  const bytes = Buffer.from(now.buffer, now.byteOffset, now.length);
  const [starts, others] = [fieldStarts(now), fieldStarts(before)];
  const isSame = (at: number, other: number): boolean => {
    const [start = 0, end = 0] = [starts[at], starts[at + 1]];
    const [from = 0, to = 0] = [others[other], others[other + 1]];
    return end - start === to - from && bytes.compare(before, from, to, start, end) === 0;
  };
  const [count, otherCount] = [starts.length - 1, others.length - 1];
  const most = Math.min(count, otherCount);
  let front = 0;
  while (front < most && isSame(front, front)) front += 1;
  let back = 0;
  while (back < most - front && isSame(count - 1 - back, otherCount - 1 - back)) back += 1;
  return {
    now: now.subarray(starts[front], starts[count - back]),
    before: before.subarray(others[front], others[otherCount - back]),
  };
}

/** Where each field begins, and the end. */
function fieldStarts(bytes: Uint8Array): readonly number[] {
  const reader = new BinaryReader(bytes);
  const starts = [0];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    reader.skip(wireType, field);
    starts.push(reader.pos);
  }
  return starts;
}
