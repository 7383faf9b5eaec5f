import type { HostTrouble } from '../serve/api/wire.ts';
import type { KeptSocket } from '../serve/grpc/kept-socket.ts';
import type { ProxyTrouble } from './proxy-watch.ts';

export interface TroubleParts {
  readonly cache: { readonly file: string; readonly problem: string | undefined };
  readonly desk: readonly HostTrouble[];
  readonly sockets: readonly Pick<KeptSocket, 'socket' | 'problem'>[];
  readonly workloads: readonly {
    readonly workload: { readonly id: string };
    readonly proxyTrouble: ProxyTrouble | undefined;
    readonly apart: string | undefined;
  }[];
  /** Other certificates that came and are not used, by their holder. */
  readonly apart: readonly { readonly holder: string; readonly reason: string }[];
}

/** What below this agent fails now, while the host goes on. */
export function hostTroubles(parts: TroubleParts): readonly HostTrouble[] {
  const { cache, desk, sockets, workloads, apart } = parts;
  return [
    ...workloads.flatMap(({ workload, proxyTrouble: trouble }): HostTrouble[] =>
      trouble ? [{ kind: `proxy-${trouble.kind}`, of: workload.id, reason: trouble.reason }] : [],
    ),
    ...[...apart, ...workloads.flatMap(ofWorkload)].map(
      ({ holder: of, reason }): HostTrouble => ({ kind: 'clock-apart', of, reason }),
    ),
    ...sockets.flatMap(({ socket: of, problem: reason }): HostTrouble[] =>
      reason === undefined ? [] : [{ kind: 'socket-gone', of, reason }],
    ),
    ...(cache.problem === undefined
      ? []
      : [{ kind: 'not-kept', of: cache.file, reason: cache.problem } as const]),
    ...desk,
  ];
}

function ofWorkload({
  workload,
  apart: reason,
}: TroubleParts['workloads'][number]): TroubleParts['apart'] {
  return reason === undefined ? [] : [{ holder: workload.id, reason }];
}

/** For whoever runs the host. */
export function troubleText({ kind, of, reason }: HostTrouble): string {
  switch (kind) {
    case 'proxy-hangs':
      return `the proxy of ${of} hangs: ${reason}`;
    case 'proxy-unseen':
      return `the admin socket of the proxy of ${of} is gone: ${reason}`;
    case 'socket-gone':
      return `the socket ${of} is gone and cannot be made again: ${reason}`;
    case 'not-kept':
      return `what this host holds cannot be kept in ${of}: ${reason}`;
    case 'not-logged':
      return `decisions cannot be written to ${of}: ${reason}`;
    case 'not-recorded':
      return `uses of break-glass grants cannot be recorded in ${of} and are denied: ${reason}`;
    case 'clock-apart':
      return `${of} keeps its certificate: ${reason}`;
  }
}
