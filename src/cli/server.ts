import { existsSync, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BundleEndpointOptions } from '../app/federation/bundle-endpoint.ts';
import { firstAgentPort, firstControlPlanePort } from '../app/host-plan.ts';
import { layoutOf } from '../app/layout.ts';
import type { MetricsAddress } from '../app/operators/metrics-listener.ts';
import type { OperatorApiOptions } from '../app/operators/operator-api.ts';
import { startServer } from '../app/server.ts';
import type { UpstreamFiles } from '../app/upstream-files.ts';
import {
  durationMsOf,
  type Help,
  noMore,
  parseArguments,
  usageError,
  type Values,
  watchFlag,
} from './arguments.ts';
import { folderNamed } from './folder.ts';
import { helpFor } from './help-text.ts';
import type { ExitCode } from './main.ts';
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
import type { Terminal } from './terminal.ts';

/** Long enough for errors of one second to show in counters that agents tell twice a second. */
const watchUnlessSaid = '5s';

const usage: Help = {
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
};

export const serverOptions = {
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

export async function server(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, serverOptions, usage);
  if (parsed.help !== undefined) {
    terminal.out(helpFor(parsed.help, terminal));
    return 0;
  }
  noMore(parsed.positionals, usage);
  const { dir, port } = parsed.values;
  if (typeof dir !== 'string') throw usageError('server needs --dir', usage);
  const remote = remoteOf(parsed.values, usage);
  // It holds state only, which there is none of yet.
  if (remote !== undefined) mkdirSync(dir, { recursive: true, mode: 0o700 });
  const listen = text(parsed.values['listen']) ?? '127.0.0.1';
  const { store = process.env['CHANCERY_STORE'], kek = process.env['CHANCERY_KEK'] } =
    parsed.values;
  const log = serviceLog('server');
  for (const [flag, file] of missingFiles(parsed.values)) {
    log.warn('a file that a flag names is not there', { flag: `--${flag}`, file });
  }
  const stop = await startServer({
    layout: layoutOf(folderNamed(dir), process.env),
    dev: parsed.values['dev'] === true,
    remote,
    signing: signingOf(parsed.values, usage),
    listen,
    watchMs: durationMsOf(watchFlag, text(parsed.values['watch']) ?? watchUnlessSaid, usage),
    advertise: text(parsed.values['advertise']) ?? listen,
    port: portOf('--port', port, firstControlPlanePort),
    agentPort: portOf('--agent-port', parsed.values['agent-port'], firstAgentPort),
    store: text(store),
    kek: text(kek),
    bundleEndpoint: tlsPortOf(parsed.values, 'federation'),
    metricsAddress: metricsAddressOf(text(parsed.values['metrics-address'])),
    operatorApi: operatorApiOf(parsed.values, listen),
    upstream: upstreamOf(parsed.values),
    otlpEndpoint: endpointOf(text(parsed.values['otlp-endpoint'])),
    log,
  });
  await untilSignal();
  await stop();
  return 0;
}

function text(value: Values[string]): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Read at each use, so that they may come later; whoever mistyped one is to hear of it before it is needed. */
const readAtUse = [
  ...['allowed-signers', 'signers-keyring', 'signing-key', 'webhook-secret-file'],
  ...['git-token-file', 'git-ca', 'git-key', 'git-known-hosts'],
];

function missingFiles(values: Values): readonly (readonly [flag: string, file: string])[] {
  return readAtUse.flatMap((flag) => {
    const file = text(values[flag]);
    return file === undefined || existsSync(file) ? [] : [[flag, file] as const];
  });
}

function endpointOf(value: string | undefined): string | undefined {
  if (value === undefined || /^https?:$/.test(URL.parse(value)?.protocol ?? '')) return value;
  throw usageError(`--otlp-endpoint is such as http://collector:4318, not "${value}"`, usage);
}

function portOf(flag: string, value: Values[string], unlessSaid: number): number {
  if (value === undefined) return unlessSaid;
  const port = Number(value);
  if (Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  throw usageError(`${flag} is a port from 1 to 65535, not "${value}"`, usage);
}

function operatorApiOf(values: Values, address: string): OperatorApiOptions | undefined {
  const port = tlsPortOf(values, 'api');
  return port && { address, ...port };
}

function metricsAddressOf(value: string | undefined): MetricsAddress | undefined {
  if (value === undefined) return undefined;
  const [, address = '127.0.0.1', port] = /^(?:(.+):)?(\d{1,5})$/.exec(value) ?? [];
  const name = '--metrics-address';
  return { address: address.replace(/^\[(.*)\]$/, '$1'), port: portOf(name, port ?? value, 0) };
}

/** A listener with `--NAME-port`, and `--NAME-cert` and `--NAME-key` where it has a certificate of its own. */
function tlsPortOf(values: Values, name: string): BundleEndpointOptions | undefined {
  const port = values[`${name}-port`];
  const cert = text(values[`${name}-cert`]);
  const key = text(values[`${name}-key`]);
  if ((cert === undefined) !== (key === undefined)) {
    throw usageError(`--${name}-cert and --${name}-key go together`, usage);
  }
  if (port === undefined) {
    if (cert !== undefined) throw usageError(`--${name}-cert needs --${name}-port`, usage);
    return undefined;
  }
  const files = cert === undefined || key === undefined ? undefined : { cert, key };
  return { port: portOf(`--${name}-port`, port, 0), files };
}

/** Files relative to the folder where it is typed; a flag wins over the environment. */
function upstreamOf(values: Values): UpstreamFiles | undefined {
  const said = (flag: string): string | undefined => {
    const name = `CHANCERY_${flag.replaceAll('-', '_').toUpperCase()}`;
    const value = text(values[flag]) ?? process.env[name];
    return value === undefined || value === '' ? undefined : resolve(value);
  };
  const certificate = said('upstream-ca-cert');
  const key = said('upstream-ca-key');
  const bundle = said('upstream-bundle');
  if (certificate !== undefined && key !== undefined) return { certificate, key, bundle };
  if (certificate === undefined && key === undefined && bundle === undefined) return undefined;
  throw usageError('--upstream-ca-cert and --upstream-ca-key go together', usage);
}
