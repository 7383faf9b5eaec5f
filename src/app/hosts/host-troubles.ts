import type { Code, Finding } from '../../base/finding.ts';
import type { Workload } from '../../compile/inventory.ts';
import type { HostName } from '../../model/types.ts';
import type { HostTrouble, HostTroubleKind } from '../../serve/api/wire.ts';
import type { HostReports } from './reports.ts';

interface HostTroublesParts {
  readonly registry: { readonly active: readonly { readonly name: HostName }[] };
  readonly reports: Pick<HostReports, 'last'>;
}

/** Of each kind; what is behind them is more of the same. */
const shownMax = 5;

interface Told {
  readonly code: Code;
  readonly severity: Finding['severity'];
  readonly message: (of: string, host: string) => string;
  readonly help: string;
}

/** In the order of how much they keep from working. */
const told: Readonly<Record<HostTroubleKind, Told>> = {
  'proxy-hangs': {
    ...{ code: 'CH5424', severity: 'error' },
    message: (of, host) =>
      `the proxy of ${of} on the host ${host} hangs: it takes connections and answers none; its callers are told of the others only`,
    help: 'look at the process of its Envoy and its machine; restart it if it hangs; its application is not the reason',
  },
  'socket-gone': {
    ...{ code: 'CH3022', severity: 'error' },
    message: (of, host) =>
      `the socket ${of} of the agent of the host ${host} is gone and cannot be made again; who is connected goes on`,
    help: 'mend what is said of it; the agent looks every two seconds and goes on by itself',
  },
  'clock-apart': {
    ...{ code: 'CH3118', severity: 'error' },
    message: (of, host) =>
      `${of} on the host ${host} keeps the certificate that it has: the new one is of another time`,
    help: 'look at the clocks of the control planes (chronyc tracking); it renews by itself once they are right',
  },
  'not-recorded': {
    ...{ code: 'CH5429', severity: 'error' },
    message: (of, host) =>
      `the agent of the host ${host} cannot record uses of break-glass grants in ${of}; whom only a grant lets in is denied there`,
    help: 'make room on its disk, or move the file to where such records are kept; the agent tries it every few seconds',
  },
  'not-kept': {
    ...{ code: 'CH5429', severity: 'error' },
    message: (of, host) =>
      `the agent of the host ${host} cannot keep what it holds in ${of}; it goes on, and an agent that is started anew has what was there before`,
    help: 'make room on its disk, or make its folder writable again; the agent tries it every few seconds',
  },
  'not-logged': {
    ...{ code: 'CH5429', severity: 'error' },
    message: (of, host) =>
      `the agent of the host ${host} cannot write decisions to ${of}; they are made and counted, and lost for the log`,
    help: 'make room on its disk, or make its folder writable again; the agent tries it every few seconds',
  },
  'proxy-unseen': {
    ...{ code: 'CH5428', severity: 'warning' },
    message: (of, host) =>
      `the admin socket of the proxy of ${of} on the host ${host} is gone; the proxy serves, and what it counts is not seen`,
    help: 'start that proxy anew when it may be, and keep cleaners away from its folder',
  },
};

const hostTroubleKinds = Object.keys(told) as readonly HostTroubleKind[];

/** What hosts tell of themselves that fails below them. */
export class HostTroubles {
  readonly #parts: HostTroublesParts;

  constructor(parts: HostTroublesParts) {
    this.#parts = parts;
  }

  /** As the host of a workload says of its proxy. */
  hangs({ id, host }: Pick<Workload, 'id' | 'host'>): boolean {
    const last = this.#parts.reports.last(host as HostName);
    const troubles = last?.report.health.troubles ?? [];
    return troubles.some(({ kind, of }) => kind === 'proxy-hangs' && of === id);
  }

  look(): readonly Finding[] {
    const byKind = Map.groupBy(this.#all(), ({ trouble }) => trouble.kind);
    return Object.entries(told).flatMap(([kind, about]) =>
      (byKind.get(kind as HostTroubleKind) ?? [])
        .slice(0, shownMax)
        .map(({ name, trouble }) => finding(about, name, trouble)),
    );
  }

  /** On how many hosts there is each kind. */
  get hosts(): ReadonlyMap<HostTroubleKind, number> {
    const byKind = Map.groupBy(this.#all(), ({ trouble }) => trouble.kind);
    return new Map(
      hostTroubleKinds.map((kind) => [
        kind,
        new Set(byKind.get(kind)?.map(({ name }) => name)).size,
      ]),
    );
  }

  #all(): readonly { readonly name: HostName; readonly trouble: HostTrouble }[] {
    const { registry, reports } = this.#parts;
    return registry.active.flatMap(({ name }) =>
      (reports.last(name)?.report.health.troubles ?? []).map((trouble) => ({ name, trouble })),
    );
  }
}

function finding(
  { code, severity, message, help }: Told,
  host: HostName,
  { of, reason }: HostTrouble,
): Finding {
  return { code, severity, message: message(of, host), found: reason, help };
}
