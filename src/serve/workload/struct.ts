import { BinaryWriter, type WireType } from '@bufbuild/protobuf/wire';

const varint: WireType.Varint = 0;
const bit64: WireType.Bit64 = 1;
const lengthDelimited: WireType.LengthDelimited = 2;

/** A JSON object, as it was parsed, as a google.protobuf.Struct. */
export function encodeStruct(object: Readonly<Record<string, unknown>>): Uint8Array {
  const writer = new BinaryWriter();
  writeStruct(writer, object);
  return writer.finish();
}

function writeStruct(writer: BinaryWriter, object: object): void {
  for (const [name, value] of Object.entries(object)) {
    writer.tag(1, lengthDelimited).fork();
    writer.tag(1, lengthDelimited).string(name);
    writer.tag(2, lengthDelimited).fork();
    writeValue(writer, value);
    writer.join().join();
  }
}

/** google.protobuf.Value; its members are of a oneof, so that defaults are written too. */
function writeValue(writer: BinaryWriter, value: unknown): void {
  if (typeof value === 'number') writer.tag(2, bit64).double(value);
  else if (typeof value === 'string') writer.tag(3, lengthDelimited).string(value);
  else if (typeof value === 'boolean') writer.tag(4, varint).bool(value);
  else if (typeof value !== 'object' || value === null) writer.tag(1, varint).int32(0);
  else if (Array.isArray(value)) {
    writer.tag(6, lengthDelimited).fork();
    for (const one of value) {
      writer.tag(1, lengthDelimited).fork();
      writeValue(writer, one);
      writer.join();
    }
    writer.join();
  } else {
    writer.tag(5, lengthDelimited).fork();
    writeStruct(writer, value);
    writer.join();
  }
}
