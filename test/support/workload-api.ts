import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { SecretSchema } from '../../src/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { SPIFFECertValidatorConfigSchema } from '../../src/gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../src/gen/envoy/service/discovery/v3/discovery_pb.js';
import {
  JWTSVIDRequestSchema,
  JWTSVIDResponseSchema,
  ValidateJWTSVIDRequestSchema,
  ValidateJWTSVIDResponseSchema,
  X509BundlesRequestSchema,
  X509BundlesResponseSchema,
} from '../../src/gen/spiffe/workload_pb.js';
import { type ClientCall, GrpcClient } from '../../src/serve/grpc/client.ts';

/** This process as a workload of a host: what the host-wide socket gives it. */
export class WorkloadApi {
  readonly #client: GrpcClient;

  constructor(socket: string) {
    this.#client = new GrpcClient({ kind: 'unix', path: socket });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async jwt(audience: string): Promise<string> {
    const request = { audience: [audience] };
    const { svids } = await this.#unary(
      '/SpiffeWorkloadAPI/FetchJWTSVID',
      [JWTSVIDRequestSchema, request],
      JWTSVIDResponseSchema,
    );
    return svids[0]?.svid ?? '';
  }

  /** The SPIFFE ID of a token; rejects with the reason when it does not hold. */
  async validate(svid: string, audience: string): Promise<string> {
    const { spiffeId } = await this.#unary(
      '/SpiffeWorkloadAPI/ValidateJWTSVID',
      [ValidateJWTSVIDRequestSchema, { svid, audience }],
      ValidateJWTSVIDResponseSchema,
    );
    return spiffeId;
  }

  /** Roots by trust domain, DER, now and at each change, until the call is cancelled. */
  watchBundles(onBundles: (bundles: ReadonlyMap<string, Uint8Array>) => void): () => void {
    const path = '/SpiffeWorkloadAPI/FetchX509Bundles';
    const request = toBinary(X509BundlesRequestSchema, create(X509BundlesRequestSchema));
    const call = this.#call(path, request);
    const read = async (): Promise<void> => {
      for (let bytes = await call.read(); bytes !== undefined; bytes = await call.read()) {
        onBundles(new Map(Object.entries(fromBinary(X509BundlesResponseSchema, bytes).bundles)));
      }
    };
    void read();
    return () => call.cancel();
  }

  /** The trust domains that a validation context of SDS believes. */
  async believed(secret: string): Promise<readonly string[]> {
    const request = { resourceNames: [secret] };
    const { resources } = await this.#unary(
      '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets',
      [DiscoveryRequestSchema, request],
      DiscoveryResponseSchema,
    );
    return resources.flatMap((resource) => {
      const type = anyUnpack(resource, SecretSchema)?.type;
      const context = type?.case === 'validationContext' ? type.value : undefined;
      const config = context?.customValidatorConfig?.typedConfig;
      const validator = config && anyUnpack(config, SPIFFECertValidatorConfigSchema);
      return validator?.trustDomains.map(({ name }) => name) ?? [];
    });
  }

  async #unary<Request extends DescMessage, Response extends DescMessage>(
    path: string,
    [schema, request]: readonly [Request, MessageInitShape<Request>],
    responseSchema: Response,
  ): Promise<MessageShape<Response>> {
    const call = this.#call(path, toBinary(schema, create(schema, request)));
    const response = await call.read();
    const { code, message } = await call.outcome;
    if (response === undefined || code !== 0) throw new Error(`${code}: ${message}`);
    return fromBinary(responseSchema, response);
  }

  #call(path: string, request: Uint8Array): ClientCall {
    const call = this.#client.bidi(path, { 'workload.spiffe.io': 'true' });
    call.write(request);
    call.end();
    return call;
  }
}
