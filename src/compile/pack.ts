import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type Any, AnySchema, type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import { contentHash } from './content-hash.ts';
import { type Encoded, embedded, embeddedText } from './encoded.ts';
import type { MadeAt, Resource, TypeUrl } from './resource.ts';

/** The literal form of a message: plain nested objects, never a message that exists already. */
export type Init<Desc extends DescMessage> = Exclude<
  MessageInitShape<Desc>,
  { readonly $typeName: string }
>;

/** A message inside a `google.protobuf.Any`, checked against its schema by the type checker. */
export function any<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Any {
  return create(AnySchema, {
    typeUrl: `type.googleapis.com/${schema.typeName}`,
    value: toBinary(schema, create(schema, init)),
  });
}

export function duration(valueMs: number): Duration {
  const seconds = Math.floor(valueMs / 1000);
  return create(DurationSchema, {
    seconds: BigInt(seconds),
    nanos: Math.round((valueMs - seconds * 1000) * 1e6),
  });
}

export function encode<Desc extends DescMessage>(
  schema: Desc,
  init: MessageInitShape<Desc>,
): Uint8Array {
  return toBinary(schema, create(schema, init));
}

/** An `Any` as a field of the message around it, without its content being encoded again. */
export function embeddedAny(field: number, typeUrl: string, value: readonly Encoded[]): Encoded {
  const { typeUrl: typeField, value: valueField } = AnySchema.field;
  return embedded(field, [
    embeddedText(typeField.number, typeUrl),
    embedded(valueField.number, value),
  ]);
}

export function resource<Desc extends DescMessage>(options: {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  readonly schema: Desc;
  readonly message: MessageShape<Desc>;
  readonly from: readonly MadeAt[];
  /** Mixed into the version: see rule G1 for endpoints. */
  readonly versionSalt?: string;
}): Resource {
  return encodedResource({ ...options, bytes: toBinary(options.schema, options.message) });
}

/** A resource of which the bytes are there. */
export function encodedResource(
  options: Omit<Resource, 'version'> & { readonly versionSalt?: string },
): Resource {
  const { typeUrl, name, bytes, from } = options;
  return { typeUrl, name, version: contentHash(bytes, options.versionSalt ?? ''), bytes, from };
}
