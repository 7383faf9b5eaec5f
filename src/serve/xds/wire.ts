import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Resource } from '../../compile/resource.ts';
import { prefixBytes, roomForFrame } from '../grpc/frames.ts';
import { decode } from '../grpc/message.ts';
import { type DeltaDiscoveryRequest, deltaDiscoveryRequest } from './messages.ts';

export function decodeRequest(bytes: Uint8Array): DeltaDiscoveryRequest {
  return decode(deltaDiscoveryRequest, bytes);
}

interface Response {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

/** Field numbers of envoy.service.discovery.v3.DeltaDiscoveryResponse. */
const responseField = { resources: 2, typeUrl: 4, nonce: 5, removed: 6 } as const;

/** With its gRPC prefix. Resources are encoded once, and copied once into each response (rule J5). */
export function encodeResponse(response: Response): Buffer {
  const type = typeField(response.typeUrl);
  const rest = encodeRest(response);
  let length = type.length + rest.length;
  for (const resource of response.resources) {
    length += headOf(resource).length + resource.bytes.length;
  }
  const framed = roomForFrame(length);
  let at = prefixBytes;
  const add = (bytes: Uint8Array): void => {
    framed.set(bytes, at);
    at += bytes.length;
  };
  for (const resource of response.resources) {
    add(headOf(resource));
    add(resource.bytes);
  }
  add(type);
  add(rest);
  return framed;
}

const typeFields = new Map<string, Uint8Array>();

/** There are seven types. */
function typeField(typeUrl: string): Uint8Array {
  const known = typeFields.get(typeUrl);
  if (known !== undefined) return known;
  const made = new BinaryWriter()
    .tag(responseField.typeUrl, WireType.LengthDelimited)
    .string(typeUrl)
    .finish();
  typeFields.set(typeUrl, made);
  return made;
}

function encodeRest({ nonce, removed }: Response): Uint8Array {
  // Tag and length of a short text are a byte each: a writer costs more than the rest of a small response.
  if (removed.length === 0 && nonce.length < 0x80) {
    return Buffer.from(
      String.fromCharCode((responseField.nonce << 3) | 2, nonce.length) + nonce,
      'latin1',
    );
  }
  const writer = new BinaryWriter();
  writer.tag(responseField.nonce, WireType.LengthDelimited).string(nonce);
  for (const name of removed)
    writer.tag(responseField.removed, WireType.LengthDelimited).string(name);
  return writer.finish();
}

/**
 * What stands before the bytes of a resource in every response: tags, lengths, version, name and type. The resource
 * comes last in its envelope, so that its bytes, which may be many, are held once. Lives as long as the resource does.
 */
const heads = new WeakMap<Resource, Uint8Array>();

function headOf(resource: Resource): Uint8Array {
  const known = heads.get(resource);
  if (known !== undefined) return known;
  const { length } = resource.bytes;
  const any = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(resource.typeUrl)
    .tag(2, WireType.LengthDelimited)
    .uint32(length)
    .finish();
  const envelope = new BinaryWriter()
    .tag(3, WireType.LengthDelimited)
    .string(resource.name)
    .tag(1, WireType.LengthDelimited)
    .string(resource.version)
    .tag(2, WireType.LengthDelimited)
    .uint32(any.length + length)
    .raw(any)
    .finish();
  const head = new BinaryWriter()
    .tag(responseField.resources, WireType.LengthDelimited)
    .uint32(envelope.length + length)
    .raw(envelope)
    .finish();
  heads.set(resource, head);
  return head;
}
