import { fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/** Longest name of a .proto file that is looked for; Envoy's longest has some 110 characters. */
const nameLengthMax = 160;
/** Top-level fields of FileDescriptorProto, by how they are encoded. */
const delimitedFields = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 12]);
const varintFields = new Set([10, 11, 14]);

/**
 * The file descriptors that a C++ program carries in its data: each begins with field 1, the name of its .proto
 * file. A candidate is read field by field as far as it makes sense and kept when it decodes to that very name.
 */
export function embeddedDescriptors(binary: Buffer): ReadonlyMap<string, FileDescriptorProto> {
  const found = new Map<string, FileDescriptorProto>();
  const ending = '.proto';
  for (let at = binary.indexOf(ending); at >= 0; at = binary.indexOf(ending, at + 1)) {
    const nameEnd = at + ending.length;
    const nameStart = startOfName(binary, nameEnd);
    if (nameStart === undefined) continue;
    const name = binary.toString('latin1', nameStart, nameEnd);
    const descriptor = decode(binary, nameStart - 2, name);
    if (descriptor !== undefined && !found.has(name)) found.set(name, descriptor);
  }
  return found;
}

/** The length byte in front of the name must fit, and the tag of field 1 in front of that. */
function startOfName(binary: Buffer, nameEnd: number): number | undefined {
  for (let length = 7; length < nameLengthMax; length += 1) {
    const start = nameEnd - length;
    if (start < 2) return undefined;
    if (binary[start - 1] !== length || binary[start - 2] !== 0x0a) continue;
    if (/^[\w/.-]+$/.test(binary.toString('latin1', start, nameEnd))) return start;
  }
  return undefined;
}

function decode(binary: Buffer, start: number, name: string): FileDescriptorProto | undefined {
  const end = endOfMessage(binary, start);
  try {
    const descriptor = fromBinary(FileDescriptorProtoSchema, binary.subarray(start, end));
    return descriptor.name === name ? descriptor : undefined;
  } catch {
    return undefined;
  }
}

function endOfMessage(binary: Buffer, start: number): number {
  let end = start;
  let names = 0;
  for (;;) {
    const tag = varint(binary, end);
    if (tag === undefined) return end;
    const field = tag.value >>> 3;
    const wireType = tag.value & 7;
    if (field === 1) names += 1;
    // The next descriptor begins where a second name would.
    if (names > 1) return end;
    const value = varint(binary, tag.next);
    if (value === undefined) return end;
    if (wireType === 2 && delimitedFields.has(field)) {
      if (value.next + value.value > binary.length) return end;
      end = value.next + value.value;
    } else if (wireType === 0 && varintFields.has(field)) {
      end = value.next;
    } else {
      return end;
    }
  }
}

function varint(binary: Buffer, start: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let index = 0; index < 5; index += 1) {
    const byte = binary[start + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, next: start + index + 1 };
  }
  return undefined;
}
