/** As much of the protobuf wire format as the shop's messages need: strings, small whole numbers and messages. */
export type Field =
  | { readonly number: number; readonly value: number }
  | { readonly number: number; readonly value: Uint8Array };

/** Proto3 leaves out fields that have their default value. */
export function encodeNumber(number: number, value: number): readonly Uint8Array[] {
  return value === 0 ? [] : [varint(number * 8), varint(value)];
}

export function encodeText(number: number, value: string): readonly Uint8Array[] {
  return value === '' ? [] : encodeMessage(number, Buffer.from(value, 'utf8'));
}

export function encodeMessage(number: number, bytes: Uint8Array): readonly Uint8Array[] {
  return [varint(number * 8 + 2), varint(bytes.length), bytes];
}

/** All fields in their order; unknown ones are for the caller to pass over. Throws on a broken message. */
export function decodeFields(bytes: Uint8Array): readonly Field[] {
  const fields: Field[] = [];
  let offset = 0;
  const next = (): number => {
    const [value, end] = readVarint(bytes, offset);
    offset = end;
    return value;
  };
  while (offset < bytes.length) {
    const tag = next();
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) {
      fields.push({ number, value: next() });
      continue;
    }
    const length = wireType === 2 ? next() : (fixedLengths.get(wireType) ?? Number.NaN);
    const end = offset + length;
    if (!(end <= bytes.length)) throw new Error('truncated or malformed protobuf message');
    fields.push({ number, value: bytes.subarray(offset, end) });
    offset = end;
  }
  return fields;
}

const fixedLengths: ReadonlyMap<number, number> = new Map([
  [1, 8],
  [5, 4],
]);

export function numberOf(fields: readonly Field[], number: number): number {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === 'number' ? value : 0;
}

export function textOf(fields: readonly Field[], number: number): string {
  return textsOf(fields, number).at(-1) ?? '';
}

export function textsOf(fields: readonly Field[], number: number): readonly string[] {
  return messagesOf(fields, number).map((bytes) => Buffer.from(bytes).toString('utf8'));
}

export function messagesOf(fields: readonly Field[], number: number): readonly Uint8Array[] {
  return fields.flatMap((field) =>
    field.number === number && typeof field.value !== 'number' ? [field.value] : [],
  );
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.of(...bytes, rest);
}

/** A varint has at most ten bytes; what does not fit a safe number is no value of ours. */
function readVarint(bytes: Uint8Array, offset: number): readonly [value: number, end: number] {
  let value = 0;
  for (let index = 0; index < 10; index += 1) {
    const byte = bytes[offset + index];
    if (byte === undefined) break;
    value += (byte % 128) * 128 ** index;
    if (byte < 128) return [value, offset + index + 1];
  }
  throw new Error('truncated or malformed protobuf message');
}
