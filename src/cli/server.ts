import { existsSync, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BundleEndpointOptions } from '../app/federation/bundle-endpoint.ts';
import { firstAgentPort, firstControlPlanePort } from '../app/host-plan.ts';
import { layoutOf } from '../app/layout.ts';
import type { MetricsAddress } from '../app/operators/metrics-listener.ts';
import type { OperatorApiOptions } from '../app/operators/operator-api.ts';
import { startServer } from '../app/server.ts';
import type { UpstreamFiles } from '../app/upstream-files.ts';
import { durationMsOf, noMore, portOf, usageError, type Values, watchFlag } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { folderNamed } from './folder.ts';
import {
  remoteFlags,
  remoteHelp,
  remoteOf,
  signingFlags,
  signingHelp,
  signingOf,
} from './server-intent.ts';
import { serviceLog } from './service-log.ts';
import { untilSignal } from './signals.ts';

/** Long enough for errors of one second to show in counters that agents tell twice a second. */
const watchUnlessSaid = '5s';

export const serverFlags = {
  dir: { type: 'string' },
  port: { type: 'string' },
  'agent-port': { type: 'string' },
  listen: { type: 'string' },
  watch: { type: 'string' },
  advertise: { type: 'string' },
  store: { type: 'string' },
  kek: { type: 'string' },
  'upstream-ca-cert': { type: 'string' },
  'upstream-ca-key': { type: 'string' },
  'upstream-bundle': { type: 'string' },
  dev: { type: 'boolean' },
  ...remoteFlags,
  ...signingFlags,
  'metrics-address': { type: 'string' },
  'api-port': { type: 'string' },
  'api-cert': { type: 'string' },
  'api-key': { type: 'string' },
  'otlp-endpoint': { type: 'string' },
  'federation-port': { type: 'string' },
  'federation-cert': { type: 'string' },
  'federation-key': { type: 'string' },
} as const;

export const server = command({
  usage: 'server --dir DIR [--repo URL] [--listen ADDRESS] [--store ADDRESS] [--kek NAME] [--dev]',
  text: [
    'Runs the control plane of an intent folder until SIGTERM. The store is a SQLite file in DIR/.chancery, or what --store or CHANCERY_STORE names: postgres://USER@HOST/DATABASE (password: PGPASSWORD or ~/.pgpass).',
    'The CA is sealed in it under the key in DIR/.chancery/kek, or under the one that --kek or CHANCERY_KEK names: file:PATH, passphrase:, pkcs11:… or exec:PROGRAM (chancery help CH5212).',
    'Its log is JSON, a line for each thing that happened, on standard error.',
    '',
    ['--listen ADDRESS', 'where proxies and hosts reach it; 127.0.0.1 unless said'],
    [
      '--advertise NAME',
      'the name or address that new hosts are told; the address of --listen unless said',
    ],
    ['--port N', `for proxies; ${firstControlPlanePort} unless said`],
    ['--agent-port N', `for hosts; ${firstAgentPort} unless said`],
    [
      '--federation-port N',
      'serve the bundle of the mesh to other trust domains, on every address, over HTTPS and to whoever asks; profile https_spiffe, with the SVID of the control plane',
    ],
    [
      '--federation-cert FILE',
      'with --federation-key FILE: profile https_web, with this certificate (PEM, read again when it changes)',
    ],
    [
      '--upstream-ca-cert FILE, --upstream-ca-key FILE',
      'a CA of the company that signs the intermediates of the mesh; read again at each use. Behind it in the file what is between it and the root. Also CHANCERY_UPSTREAM_CA_CERT and CHANCERY_UPSTREAM_CA_KEY',
    ],
    ['--upstream-bundle FILE', 'its roots, where it is none itself. Also CHANCERY_UPSTREAM_BUNDLE'],
    [
      '--watch TIME',
      `how long each wave of a commit is looked at before the next one gets it; ${watchUnlessSaid} unless said, 0s for none`,
    ],
    ...signingHelp,
    ...remoteHelp,
    [
      '--api-port N',
      "the operators' API over TLS, for commands and programs of other machines; only on this machine's socket unless said. They show a token (chancery token create) or a certificate that `operators` in mesh.yaml names",
    ],
    [
      '--api-cert FILE, --api-key FILE',
      'its certificate (PEM, read again when it changes); the SVID of the control plane unless said',
    ],
    [
      '--metrics-address [ADDRESS:]PORT',
      '/healthz, /readyz and /metrics without TLS, for whoever can reach it; 127.0.0.1 unless said',
    ],
    [
      '--otlp-endpoint URL',
      'traces of commits go there by OTLP over HTTP; OTEL_EXPORTER_OTLP_ENDPOINT and its kin unless said',
    ],
    ['--dev', 'follow the files as they lie on disk instead of Git'],
  ],
  examples: ['chancery server --dir /srv/intent --listen 0.0.0.0 --advertise mesh.example.com'],
  flags: serverFlags,
  run,
});

type ServerValues = Values<typeof serverFlags>;

async function run({ positionals, values }: Called<typeof serverFlags>): Promise<ExitCode> {
  noMore(positionals);
  const { dir, port, listen = '127.0.0.1' } = values;
  if (dir === undefined) throw usageError('server needs --dir');
  const remote = remoteOf(values);
  // It holds state only, which there is none of yet.
  if (remote !== undefined) mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { store = process.env['CHANCERY_STORE'], kek = process.env['CHANCERY_KEK'] } = values;
  const log = serviceLog('server');
  for (const [flag, file] of missingFiles(values)) {
    log.warn('a file that a flag names is not there', { flag: `--${flag}`, file });
  }
  const stop = await startServer({
    layout: layoutOf(folderNamed(dir), process.env),
    dev: values.dev === true,
    remote,
    signing: signingOf(values),
    listen,
    watchMs: durationMsOf(watchFlag, values.watch ?? watchUnlessSaid),
    advertise: values.advertise ?? listen,
    port: portOf('--port', port ?? `${firstControlPlanePort}`),
    agentPort: portOf('--agent-port', values['agent-port'] ?? `${firstAgentPort}`),
    store,
    kek,
    bundleEndpoint: tlsPortOf(values, 'federation'),
    metricsAddress: metricsAddressOf(values['metrics-address']),
    operatorApi: operatorApiOf(values, listen),
    upstream: upstreamOf(values),
    otlpEndpoint: endpointOf(values['otlp-endpoint']),
    log,
  });
  await untilSignal();
  await stop();
  return 0;
}

/** Read at each use, so that they may come later; whoever mistyped one is to hear of it before it is needed. */
const readAtUse = [
  'allowed-signers',
  'signers-keyring',
  'signing-key',
  'webhook-secret-file',
  'git-token-file',
  'git-ca',
  'git-key',
  'git-known-hosts',
] as const;

function missingFiles(values: ServerValues): readonly (readonly [flag: string, file: string])[] {
  return readAtUse.flatMap((flag) => {
    const file = values[flag];
    return file === undefined || existsSync(file) ? [] : [[flag, file] as const];
  });
}

function endpointOf(value: string | undefined): string | undefined {
  if (value === undefined || /^https?:$/.test(URL.parse(value)?.protocol ?? '')) return value;
  throw usageError(`--otlp-endpoint is such as http://collector:4318, not "${value}"`);
}

function operatorApiOf(values: ServerValues, address: string): OperatorApiOptions | undefined {
  const port = tlsPortOf(values, 'api');
  return port && { address, ...port };
}

function metricsAddressOf(value: string | undefined): MetricsAddress | undefined {
  if (value === undefined) return undefined;
  const [, address = '127.0.0.1', port] = /^(?:(.+):)?(\d{1,5})$/.exec(value) ?? [];
  return {
    address: address.replace(/^\[(.*)\]$/, '$1'),
    port: portOf('--metrics-address', port ?? value),
  };
}

/** A listener with `--NAME-port`, and `--NAME-cert` and `--NAME-key` where it has a certificate of its own. */
function tlsPortOf(
  values: ServerValues,
  name: 'api' | 'federation',
): BundleEndpointOptions | undefined {
  const port = values[`${name}-port`];
  const cert = values[`${name}-cert`];
  const key = values[`${name}-key`];
  if ((cert === undefined) !== (key === undefined)) {
    throw usageError(`--${name}-cert and --${name}-key go together`);
  }
  if (port === undefined) {
    if (cert !== undefined) throw usageError(`--${name}-cert needs --${name}-port`);
    return undefined;
  }
  const files = cert === undefined || key === undefined ? undefined : { cert, key };
  return { port: portOf(`--${name}-port`, port), files };
}

/** Files relative to the folder where it is typed; a flag wins over the environment. */
function upstreamOf(values: ServerValues): UpstreamFiles | undefined {
  const said = (
    flag: 'upstream-ca-cert' | 'upstream-ca-key' | 'upstream-bundle',
  ): string | undefined => {
    const name = `CHANCERY_${flag.replaceAll('-', '_').toUpperCase()}`;
    const value = values[flag] ?? process.env[name];
    return value === undefined || value === '' ? undefined : resolve(value);
  };
  const certificate = said('upstream-ca-cert');
  const key = said('upstream-ca-key');
  const bundle = said('upstream-bundle');
  if (certificate !== undefined && key !== undefined) return { certificate, key, bundle };
  if (certificate === undefined && key === undefined && bundle === undefined) return undefined;
  throw usageError('--upstream-ca-cert and --upstream-ca-key go together');
}
