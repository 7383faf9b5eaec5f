import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Resource } from '../../compile/resource.ts';
import { decode } from '../grpc/message.ts';
import { type DeltaDiscoveryRequest, deltaDiscoveryRequest } from './messages.ts';

export function decodeRequest(bytes: Uint8Array): DeltaDiscoveryRequest {
  return decode(deltaDiscoveryRequest, bytes);
}

export interface Response {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

/** Field numbers of envoy.service.discovery.v3.DeltaDiscoveryResponse. */
const responseField = { resources: 2, typeUrl: 4, nonce: 5, removed: 6 } as const;

/** Resources are encoded once, and copied once into each response (rule J5). */
export function encodeResponse(response: Response): Uint8Array {
  const rest = encodeRest(response);
  let length = rest.length;
  for (const resource of response.resources) {
    length += headOf(resource).length + resource.bytes.length;
  }
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const resource of response.resources) {
    const head = headOf(resource);
    bytes.set(head, at);
    bytes.set(resource.bytes, at + head.length);
    at += head.length + resource.bytes.length;
  }
  bytes.set(rest, at);
  return bytes;
}

function encodeRest(response: Response): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(responseField.typeUrl, WireType.LengthDelimited).string(response.typeUrl);
  writer.tag(responseField.nonce, WireType.LengthDelimited).string(response.nonce);
  for (const name of response.removed) {
    writer.tag(responseField.removed, WireType.LengthDelimited).string(name);
  }
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
