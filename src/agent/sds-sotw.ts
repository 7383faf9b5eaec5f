import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { contentHash } from '../compile/pack.ts';
import { type Resource, typeUrls } from '../compile/resource.ts';
import {
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.js';
import type { CallStream } from '../serve/grpc/call.ts';
import type { Method } from '../serve/grpc/method.ts';
import { GrpcError, grpcStatus } from '../serve/grpc/status.ts';
import type { WorkloadSource } from '../serve/workload/source.ts';
import { onceView } from '../serve/workload/stream.ts';
import { secretsOf } from './secrets.ts';

const service = '/envoy.service.secret.v3.SecretDiscoveryService/';

/**
 * State-of-the-world SDS, for Envoys and other clients that do not speak the delta protocol. No names mean all. A name
 * that is not there is left out and comes when it is: the other names of the request are not held up by it.
 */
export function sdsSotwMethods(source: WorkloadSource): readonly Method[] {
  return [
    { kind: 'bidi', path: `${service}StreamSecrets`, handle: (call) => stream(call, source) },
    {
      kind: 'unary',
      path: `${service}FetchSecrets`,
      handle: async (bytes, call) => {
        const { resourceNames } = fromBinary(DiscoveryRequestSchema, bytes);
        const secrets = secretsOf(await onceView(call, source));
        return encode(named(secrets, resourceNames), '');
      },
    },
  ];
}

interface StreamState {
  names: readonly string[] | undefined;
  secrets: ReadonlyMap<string, Resource> | undefined;
  sentVersion: string;
  nonce: number;
}

function stream(call: CallStream, source: WorkloadSource): Promise<void> {
  return new Promise((resolve, reject) => {
    const state: StreamState = { names: undefined, secrets: undefined, sentVersion: '', nonce: 0 };
    const stop = source.watch(call.peer, (update) => {
      if (update.kind !== 'view') {
        const { kind, reason } = update;
        const code = kind === 'denied' ? grpcStatus.permissionDenied : grpcStatus.unavailable;
        return reject(new GrpcError(code, reason));
      }
      state.secrets = secretsOf(update.view);
      send(call, state);
    });
    call.onClose(() => stop());
    receive(call, state)
      .then(resolve, reject)
      .finally(() => stop());
  });
}

async function receive(call: CallStream, state: StreamState): Promise<void> {
  for (;;) {
    const bytes = await call.read();
    if (bytes === undefined) return;
    const request = fromBinary(DiscoveryRequestSchema, bytes);
    if (isStale(request, state)) continue;
    const names = [...new Set(request.resourceNames)].sort();
    if (state.names?.join('\n') !== names.join('\n')) {
      state.names = names;
      // Other names are another question: it is answered also when nothing has changed.
      state.sentVersion = '';
    }
    send(call, state);
  }
}

/** An answer to something older than what was sent last says nothing about it. */
function isStale(request: DiscoveryRequest, state: StreamState): boolean {
  return request.responseNonce !== '' && request.responseNonce !== String(state.nonce);
}

function send(call: CallStream, state: StreamState): void {
  if (state.names === undefined || state.secrets === undefined) return;
  const resources = named(state.secrets, state.names);
  const version = contentHash(...resources.map((one) => `${one.name} ${one.version}`));
  // What was refused is not sent again until it changes.
  if (version === state.sentVersion || resources.length === 0) return;
  state.sentVersion = version;
  state.nonce += 1;
  call.write(encode(resources, String(state.nonce), version));
}

function named(
  secrets: ReadonlyMap<string, Resource>,
  names: readonly string[],
): readonly Resource[] {
  if (names.length === 0) return [...secrets.values()];
  return names.flatMap((name) => secrets.get(name) ?? []);
}

function encode(resources: readonly Resource[], nonce: string, version = ''): Uint8Array {
  const message = create(DiscoveryResponseSchema, {
    versionInfo: version,
    nonce,
    typeUrl: typeUrls.secret,
    resources: resources.map(({ typeUrl, bytes }) => create(AnySchema, { typeUrl, value: bytes })),
  });
  return toBinary(DiscoveryResponseSchema, message);
}
