import type { Fields } from '../grpc/message.ts';

/** The messages of the SPIFFE Workload API, but those that hold nothing and the CRLs, of which there are none. */
const x509Svid = {
  spiffeId: [1, 'string'],
  x509Svid: [2, 'bytes'],
  x509SvidKey: [3, 'bytes'],
  bundle: [4, 'bytes'],
  hint: [5, 'string'],
} as const satisfies Fields;

export const x509SvidResponse = {
  svids: [1, 'message[]', x509Svid],
  federatedBundles: [3, 'map of bytes'],
} as const satisfies Fields;

export const x509BundlesResponse = {
  bundles: [2, 'map of bytes'],
} as const satisfies Fields;

export const jwtSvidRequest = {
  audience: [1, 'string[]'],
  spiffeId: [2, 'string'],
} as const satisfies Fields;

const jwtSvid = {
  spiffeId: [1, 'string'],
  svid: [2, 'string'],
  hint: [3, 'string'],
} as const satisfies Fields;

export const jwtSvidResponse = { svids: [1, 'message[]', jwtSvid] } as const satisfies Fields;

export const jwtBundlesResponse = { bundles: [1, 'map of bytes'] } as const satisfies Fields;

export const validateJwtSvidRequest = {
  audience: [1, 'string'],
  svid: [2, 'string'],
} as const satisfies Fields;

/** `claims` is a google.protobuf.Struct, encoded already. */
export const validateJwtSvidResponse = {
  spiffeId: [1, 'string'],
  claims: [2, 'bytes'],
} as const satisfies Fields;
