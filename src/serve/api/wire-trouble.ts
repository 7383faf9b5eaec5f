/**
 * What below an agent fails while the host goes on. `proxy-hangs`: its process takes connections and answers none.
 * `proxy-unseen`: it serves, and its admin socket was removed. `socket-gone`: of the agent, and it cannot be made again.
 * `not-kept`, `not-logged`, `not-recorded`: the disk does not take what the agent holds, its decisions, or uses of break-glass
 * grants. `clock-apart`: a certificate came that is not valid yet, from a clock that jumped, and the one before goes on.
 */
export type HostTroubleKind =
  | 'proxy-hangs'
  | 'proxy-unseen'
  | 'socket-gone'
  | 'not-kept'
  | 'not-logged'
  | 'not-recorded'
  | 'clock-apart';

export interface HostTrouble {
  readonly kind: HostTroubleKind;
  /** A workload, a holder of a certificate, or a file. */
  readonly of: string;
  readonly reason: string;
}
