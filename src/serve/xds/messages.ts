import type { Fields, Message } from '../grpc/message.ts';

/** The parts that are used of the messages of envoy.service.discovery.v3; what else an Envoy says is skipped. */
const semanticVersion = {
  majorNumber: [1, 'uint32'],
  minorNumber: [2, 'uint32'],
  patch: [3, 'uint32'],
} as const satisfies Fields;

const node = {
  id: [1, 'string'],
  cluster: [2, 'string'],
  userAgentName: [6, 'string'],
  userAgentBuildVersion: [8, 'message', { version: [1, 'message', semanticVersion] }],
} as const satisfies Fields;

export type Node = Message<typeof node>;

const status = { message: [2, 'string'] } as const satisfies Fields;

export const deltaDiscoveryRequest = {
  node: [1, 'message', node],
  typeUrl: [2, 'string'],
  resourceNamesSubscribe: [3, 'string[]'],
  resourceNamesUnsubscribe: [4, 'string[]'],
  initialResourceVersions: [5, 'map of string'],
  responseNonce: [6, 'string'],
  errorDetail: [7, 'message', status],
} as const satisfies Fields;

export type DeltaDiscoveryRequest = Message<typeof deltaDiscoveryRequest>;

export const discoveryRequest = {
  resourceNames: [3, 'string[]'],
  typeUrl: [4, 'string'],
  responseNonce: [5, 'string'],
  errorDetail: [6, 'message', status],
} as const satisfies Fields;

export const any = { typeUrl: [1, 'string'], value: [2, 'bytes'] } as const satisfies Fields;

export const discoveryResponse = {
  versionInfo: [1, 'string'],
  resources: [2, 'message[]', any],
  typeUrl: [4, 'string'],
  nonce: [5, 'string'],
} as const satisfies Fields;

/** Fields of oneofs stand for the one that is used: every data source here is an inline text. */
const inline = { inlineString: [3, 'string'] } as const satisfies Fields;

export const spiffeValidator = {
  trustDomains: [1, 'message[]', { name: [1, 'string'], trustBundle: [2, 'message', inline] }],
} as const satisfies Fields;

const tlsCertificate = {
  certificateChain: [1, 'message', inline],
  privateKey: [2, 'message', inline],
} as const satisfies Fields;

const validationContext = {
  customValidatorConfig: [12, 'message', { name: [1, 'string'], typedConfig: [2, 'message', any] }],
} as const satisfies Fields;

export const secret = {
  name: [1, 'string'],
  tlsCertificate: [2, 'message', tlsCertificate],
  validationContext: [4, 'message', validationContext],
} as const satisfies Fields;
