import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { ApiUse } from '../../serve/api/guard.ts';
import { createOperatorServer, type RawCall } from '../../serve/api/operator-server.ts';
import type { ApiHandler } from '../../serve/api/server.ts';
import type { TlsMaterial } from '../../serve/grpc/server.ts';
import type { Store } from '../../store/store.ts';
import type { ControlPlane } from '../control-plane.ts';
import {
  type CertificateFiles,
  type CertificateUse,
  readCertificateFiles,
  watchCertificateFiles,
} from '../federation/certificate-files.ts';
import { webhookPath } from '../webhook-listener.ts';
import { authenticator } from './authenticate.ts';

export interface OperatorApiOptions {
  readonly address: string;
  readonly port: number;
  /** A certificate of its own; the SVID of the control plane when left out. */
  readonly files: CertificateFiles | undefined;
}

interface OperatorApi {
  listen(svid: TlsMaterial): Promise<void>;
  setTls(svid: TlsMaterial): void;
  close(): void;
}

const use: CertificateUse = { what: "the operators' API", code: 'CH5438' };

/** The operators' API over TCP. Clients' certificates are held against the mesh's own roots, whatever it presents. */
export function createOperatorApi(
  options: OperatorApiOptions,
  parts: {
    readonly handler: ApiHandler;
    /** Where intent comes from a repository elsewhere, and its pushes are told. */
    readonly webhook: RawCall | undefined;
    readonly plane: ControlPlane;
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Log;
  },
): OperatorApi {
  const { handler, webhook, plane, store, clock, log } = parts;
  const operators = () => plane.mesh?.operators ?? new Map<never, never>();
  const authenticate = authenticator({ store, clock, operators });
  const server = createOperatorServer({
    ...{ handler, authenticate },
    raw: new Map(webhook === undefined ? [] : [[webhookPath, webhook]]),
  });
  const { files } = options;
  let pair = files === undefined ? undefined : readCertificateFiles(files, use);
  let svid: TlsMaterial | undefined;
  let unwatch = (): void => {};
  const material = (given: TlsMaterial): TlsMaterial => ({ ...given, ...pair });
  return {
    listen: async (given) => {
      svid = given;
      const port = await server.listen(options.address, options.port, material(given));
      log.info("the operators' API serves", { address: options.address, port });
      if (files === undefined) return;
      const onChange = (next: NonNullable<typeof pair>): void => {
        pair = next;
        if (svid !== undefined) server.setTls(material(svid));
      };
      unwatch = watchCertificateFiles(files, { clock, log }, onChange, use);
    },
    setTls: (given) => {
      svid = given;
      server.setTls(material(given));
    },
    close: () => {
      unwatch();
      server.close();
    },
  };
}

/** Who did what, or was kept from it, to the ledger. Those who only look are not in it. */
export function operatorAudit({
  store,
  clock,
}: {
  readonly store: Pick<Store, 'record'>;
  readonly clock: Clock;
}): (call: ApiUse) => void {
  return ({ route, path, by, role, from, what, status, code }) => {
    if (route.method === 'GET' && status !== 403) return;
    const more = { ...(what === '' ? {} : { what }), ...(code === undefined ? {} : { code }) };
    const facts = { by, role, from, status, ...more };
    store.record({
      atMs: clock.nowMs(),
      kind: 'api-call',
      subject: `${route.method} ${path}`,
      facts,
    });
  };
}
