import type { Log } from '../base/log.ts';
import { contentHash } from '../compile/content-hash.ts';
import { type Resource, typeUrls } from '../compile/resource.ts';
import type { CallStream } from '../serve/grpc/call.ts';
import { decode, encode, type Message } from '../serve/grpc/message.ts';
import type { Method } from '../serve/grpc/method.ts';
import { GrpcError, grpcStatus } from '../serve/grpc/status.ts';
import type { WorkloadSource } from '../serve/workload/source.ts';
import { onceView } from '../serve/workload/stream.ts';
import { discoveryRequest, discoveryResponse } from '../serve/xds/messages.ts';
import { redactNack } from '../serve/xds/nack.ts';
import { secretsOf } from './secrets.ts';

const service = '/envoy.service.secret.v3.SecretDiscoveryService/';

/**
 * State-of-the-world SDS, for Envoys and other clients that do not speak the delta protocol. No names mean all. On a
 * stream a name that is not there is left out and comes when it is: the other names of the request are not held up by
 * it. A single fetch has no later, so there it is an error.
 */
export function sdsSotwMethods(
  source: WorkloadSource,
  options: { readonly log: Log },
): readonly Method[] {
  return [
    {
      kind: 'bidi',
      path: `${service}StreamSecrets`,
      handle: (call) => stream(call, source, options.log),
    },
    {
      kind: 'unary',
      path: `${service}FetchSecrets`,
      handle: async (bytes, call) => {
        const { resourceNames } = requestOf(bytes);
        const secrets = secretsOf(await onceView(call, source));
        const missing = resourceNames.find((name) => !secrets.has(name));
        if (missing !== undefined) throw noSecret(missing, secrets);
        return answer(named(secrets, resourceNames), '');
      },
    },
  ];
}

type DiscoveryRequest = Message<typeof discoveryRequest>;

function requestOf(bytes: Uint8Array): DiscoveryRequest {
  const request = decode(discoveryRequest, bytes);
  const { typeUrl } = request;
  if (typeUrl === '' || typeUrl === typeUrls.secret) return request;
  throw new GrpcError(
    grpcStatus.invalidArgument,
    `this method serves only ${typeUrls.secret}, not ${typeUrl}`,
  );
}

function noSecret(name: string, secrets: ReadonlyMap<string, Resource>): GrpcError {
  const known = [...secrets.keys()].join(', ');
  return new GrpcError(grpcStatus.notFound, `there is no secret "${name}"; there are ${known}`);
}

interface StreamState {
  readonly call: CallStream;
  names: readonly string[] | undefined;
  secrets: ReadonlyMap<string, Resource> | undefined;
  sentVersion: string;
  nonce: number;
  /** The peer has not read what it was sent: it gets the newest when it has, and nothing is queued for it. */
  isSlow: boolean;
}

function stream(call: CallStream, source: WorkloadSource, log: Log): Promise<void> {
  return new Promise((resolve, reject) => {
    const state: StreamState = {
      ...{ call, names: undefined, secrets: undefined, sentVersion: '' },
      ...{ nonce: 0, isSlow: false },
    };
    const stop = source.watch(call.peer, (update) => {
      if (update.kind !== 'view') {
        const { kind, reason } = update;
        const code = kind === 'denied' ? grpcStatus.permissionDenied : grpcStatus.unavailable;
        return reject(new GrpcError(code, reason));
      }
      state.secrets = secretsOf(update.view);
      send(state);
    });
    call.onClose(() => stop());
    receive(state, log)
      .then(resolve, reject)
      .finally(() => stop());
  });
}

async function receive(state: StreamState, log: Log): Promise<void> {
  for (;;) {
    const bytes = await state.call.read();
    if (bytes === undefined) return;
    const request = requestOf(bytes);
    if (isStale(request, state)) continue;
    if (request.errorDetail !== undefined) {
      const problem = redactNack(request.errorDetail.message);
      log.error('a client refused a secret', { names: state.names, problem });
    }
    const names = [...new Set(request.resourceNames)].sort();
    if (state.names?.join('\n') !== names.join('\n')) {
      state.names = names;
      // Other names are another question: it is answered also when nothing has changed.
      state.sentVersion = '';
    }
    send(state);
  }
}

/** An answer to something older than what was sent last says nothing about it; the client will answer that too. */
function isStale(request: DiscoveryRequest, state: StreamState): boolean {
  return request.responseNonce !== '' && request.responseNonce !== String(state.nonce);
}

function send(state: StreamState): void {
  if (state.names === undefined || state.secrets === undefined || state.isSlow) return;
  const resources = named(state.secrets, state.names);
  const version = contentHash(...resources.map((one) => `${one.name} ${one.version}`));
  // What was refused is not sent again until it changes.
  if (version === state.sentVersion || resources.length === 0) return;
  state.sentVersion = version;
  state.nonce += 1;
  if (state.call.write(answer(resources, String(state.nonce), version))) return;
  state.isSlow = true;
  state.call.onDrain(() => {
    state.isSlow = false;
    send(state);
  });
}

function named(
  secrets: ReadonlyMap<string, Resource>,
  names: readonly string[],
): readonly Resource[] {
  if (names.length === 0) return [...secrets.values()];
  return names.flatMap((name) => secrets.get(name) ?? []);
}

function answer(resources: readonly Resource[], nonce: string, version = ''): Uint8Array {
  return encode(discoveryResponse, {
    versionInfo: version,
    nonce,
    typeUrl: typeUrls.secret,
    resources: resources.map(({ typeUrl, bytes }) => ({ typeUrl, value: bytes })),
  });
}
