import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { Clock } from '../../base/clock.ts';
import { ChanceryError, messageOf } from '../../base/error.ts';
import type { Log } from '../../base/log.ts';
import type { Authority } from '../../identity/authority.ts';
import { bundleDocument, bundleMediaType } from '../../identity/bundle-document.ts';
import { controlPlaneId } from '../../identity/spiffe-id.ts';
import { https } from '../../serve/api/node-http.ts';
import type { EndpointReply } from '../../serve/api/wire.ts';
import {
  type CertificateFiles,
  type KeyPair,
  readCertificateFiles,
  watchCertificateFiles,
} from './certificate-files.ts';
import { mozillaIntermediate } from './tls.ts';

export interface BundleEndpointOptions {
  /** 0: any that is free. */
  readonly port: number;
  /** For https_web: a certificate for the endpoint's name. Undefined: https_spiffe, with the control plane's own SVID. */
  readonly files: CertificateFiles | undefined;
}

/** How often partners are asked to come. A key that is taken out is believed for that long at most. */
export const refreshHintSeconds = 60;
/** A partner may miss two polls (SPIFFE Federation section 4.1: 3 to 5 times the hint). */
const noticeHints = 3;
const paths = ['/', '/bundle'];
/** A partner has a control plane or two, each with a request a minute. */
const connectionsMax = 1_000;
const handshakeMs = 10_000;
const requestMs = 10_000;
/** A GET has some hundred bytes of headers. */
const headerBytesMax = 8 * 1024;

const serverLimits = {
  handshakeTimeout: handshakeMs,
  requestTimeout: requestMs,
  headersTimeout: requestMs,
  maxHeaderSize: headerBytesMax,
};

/** Serves the mesh's bundle to whoever asks: it holds nothing that is secret, and asks nobody who they are (rule 71). */
export interface BundleEndpoint {
  readonly reply: EndpointReply;
  /** How long what is published is not to be used yet. */
  readonly noticeMs: number;
  /** On every address: partners are elsewhere. Errors: CH3208, it cannot be served. */
  listen(svid: KeyPair): Promise<void>;
  /** New handshakes get the control plane's new SVID; nothing changes with https_web. */
  setTls(svid: KeyPair): void;
  close(): void;
}

export function createBundleEndpoint(
  options: BundleEndpointOptions & {
    readonly authority: Authority;
    readonly clock: Clock;
    readonly log: Log;
  },
): BundleEndpoint {
  const { authority, files, clock, log } = options;
  const server = https.createServer(serverLimits, (request, response) =>
    answer(request, response, authority),
  );
  server.maxConnections = connectionsMax;
  const shown =
    files === undefined
      ? { profile: 'https_spiffe' as const, endpointId: controlPlaneId(authority.trustDomain) }
      : { profile: 'https_web' as const, endpointId: undefined };
  let unwatch = (): void => {};
  return {
    get reply() {
      return { ...shown, port: portOf(server) ?? options.port };
    },
    noticeMs: noticeHints * refreshHintSeconds * 1_000,
    listen: async (svid) => {
      set(server, files === undefined ? svid : readCertificateFiles(files));
      await listen(server, options.port);
      if (files !== undefined) {
        unwatch = watchCertificateFiles(files, { clock, log }, (pair) => set(server, pair));
      }
      log.info('the bundle endpoint serves', { port: portOf(server), ...shown });
    },
    setTls: (svid) => {
      if (files === undefined) set(server, svid);
    },
    close: () => {
      unwatch();
      server.closeAllConnections();
      server.close();
    },
  };
}

function set(server: Server, { cert, key }: KeyPair): void {
  server.setSecureContext({ cert, key, ...mozillaIntermediate });
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(
        new ChanceryError(
          {
            code: 'CH3208',
            message: `the bundle endpoint cannot be served: ${messageOf(cause)}`,
            help: 'give --federation-port a port that is free',
          },
          { cause },
        ),
      );
    server.once('error', fail);
    server.listen(port, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function portOf(server: Server): number | undefined {
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : undefined;
}

function answer(request: IncomingMessage, response: ServerResponse, authority: Authority): void {
  const { method = '', url = '' } = request;
  const [path = ''] = url.split('?');
  if (!paths.includes(path)) {
    refuse(response, 404, {});
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    refuse(response, 405, { allow: 'GET, HEAD' });
    return;
  }
  const { bundle } = authority.news;
  const document = Buffer.from(bundleDocument(bundle, { refreshHintSeconds }));
  response.writeHead(200, {
    'content-type': bundleMediaType,
    'content-length': document.length,
    // Whatever stands in between asks again: a revoked key must not come out of a cache.
    'cache-control': 'no-cache',
  });
  response.end(method === 'HEAD' ? undefined : document);
}

/** The connection ends: a body that nobody reads does not hold it. */
function refuse(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
): void {
  response.writeHead(status, { 'content-length': 0, connection: 'close', ...headers });
  response.end();
}
