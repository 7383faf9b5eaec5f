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

/** Resources are encoded once and copied into each response (rule J5). */
export function encodeResponse(response: Response): Uint8Array {
  const writer = new BinaryWriter();
  for (const resource of response.resources) {
    writer.tag(responseField.resources, WireType.LengthDelimited).bytes(encodedResource(resource));
  }
  writer.tag(responseField.typeUrl, WireType.LengthDelimited).string(response.typeUrl);
  writer.tag(responseField.nonce, WireType.LengthDelimited).string(response.nonce);
  for (const name of response.removed) {
    writer.tag(responseField.removed, WireType.LengthDelimited).string(name);
  }
  return writer.finish();
}

/** The envoy.service.discovery.v3.Resource around each compiled resource; it lives as long as the resource does. */
const encoded = new WeakMap<Resource, Uint8Array>();

export function encodedResource(resource: Resource): Uint8Array {
  const known = encoded.get(resource);
  if (known !== undefined) return known;
  const any = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(resource.typeUrl)
    .tag(2, WireType.LengthDelimited)
    .bytes(resource.bytes)
    .finish();
  const bytes = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(resource.version)
    .tag(2, WireType.LengthDelimited)
    .bytes(any)
    .tag(3, WireType.LengthDelimited)
    .string(resource.name)
    .finish();
  encoded.set(resource, bytes);
  return bytes;
}
