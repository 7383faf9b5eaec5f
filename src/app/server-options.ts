import type { Log } from '../base/log.ts';
import type { BundleEndpointOptions } from './federation/bundle-endpoint.ts';
import type { Signing } from './intent-source.ts';
import type { Layout } from './layout.ts';
import type { RemoteOptions } from './open-remote.ts';
import type { MetricsAddress } from './operators/metrics-listener.ts';
import type { OperatorApiOptions } from './operators/operator-api.ts';
import type { UpstreamFiles } from './upstream-files.ts';

export interface ServerOptions {
  readonly layout: Layout;
  readonly dev: boolean;
  /** Intent of a repository elsewhere; that of the intent folder when left out. */
  readonly remote: RemoteOptions | undefined;
  readonly signing: Signing;
  /** Where proxies and hosts reach it; 127.0.0.1 for a mesh of one machine. */
  readonly listen: string;
  /** The name or address that new hosts are told. */
  readonly advertise: string;
  /** How long a wave of a commit is looked at before the next one. */
  readonly watchMs: number;
  readonly port: number;
  readonly agentPort: number;
  /** Address of the store; a SQLite file in the state folder when left out. */
  readonly store: string | undefined;
  /** Name of the key-encryption key; a file in the state folder when left out. */
  readonly kek: string | undefined;
  /** Serves the mesh's own bundle to other trust domains. */
  readonly bundleEndpoint: BundleEndpointOptions | undefined;
  /** The operators' API over TCP, beside the unix socket; none when left out. */
  readonly operatorApi: OperatorApiOptions | undefined;
  /** Health and metrics without TLS; on no port of their own when left out. */
  readonly metricsAddress: MetricsAddress | undefined;
  /** The company's CA in files; a root of our own when left out. */
  readonly upstream: UpstreamFiles | undefined;
  /** Where traces of commits go; what the environment says when left out. */
  readonly otlpEndpoint: string | undefined;
  readonly log: Log;
}
