import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { IdentityEntry } from '../identity/entry.ts';
import { fromPem, type PemLabel } from '../identity/pem.ts';
import type { SpiffeId } from '../identity/spiffe-id.ts';
import type { Trust } from '../identity/trust.ts';
import type { Peer } from '../serve/grpc/peer.ts';
import { GrpcError, grpcStatus } from '../serve/grpc/status.ts';
import type {
  JwtSvid,
  WorkloadSource,
  WorkloadSvid,
  WorkloadUpdate,
} from '../serve/workload/source.ts';
import type { JwtCache } from './jwt-cache.ts';
import type { Svid } from './svid-keeper.ts';

export interface IdentitySourceParts {
  readonly clock: Clock;
  /** Which identities a caller has, the default first. Errors: why it has none. */
  readonly identify: (peer: Peer) => Promise<Result<readonly IdentityEntry[], string>>;
  readonly svid: (entry: IdentityEntry) => Svid | undefined;
  readonly trust: () => Trust | undefined;
  readonly jwts: JwtCache;
}

/** An agent that has just started gets its first SVID in some 100 ms; past this its callers hear that it has none. */
const startMs = 10_000;
/** Watchers of one agent; some hundred workloads with a few streams each. */
const watchersMax = 20_000;

interface Watcher {
  readonly peer: Peer;
  readonly listener: (update: WorkloadUpdate) => void;
  readonly sinceMs: number;
  last: string;
  looking: boolean;
  again: boolean;
}

/** Serves callers with what they are: attests at each call, and again before each thing that it sends later. */
export class IdentitySource implements WorkloadSource {
  readonly #parts: IdentitySourceParts;
  readonly #watchers = new Set<Watcher>();

  constructor(parts: IdentitySourceParts) {
    this.#parts = parts;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  watch(peer: Peer, listener: (update: WorkloadUpdate) => void): () => void {
    if (this.#watchers.size >= watchersMax) {
      listener({ kind: 'unavailable', reason: `the agent has ${watchersMax} watchers already` });
      return () => {};
    }
    const sinceMs = this.#parts.clock.monotonicMs();
    const watcher = { peer, listener, sinceMs, last: '', looking: false, again: false };
    this.#watchers.add(watcher);
    void this.#look(watcher);
    const cancel = this.#parts.clock.after(startMs, () => void this.#look(watcher));
    return () => {
      cancel();
      this.#watchers.delete(watcher);
    };
  }

  /** Entries, SVIDs or trust have changed. */
  refresh(): void {
    for (const watcher of this.#watchers) void this.#look(watcher);
  }

  async fetchJwt(
    peer: Peer,
    request: { readonly audience: readonly string[]; readonly spiffeId: SpiffeId | undefined },
  ): Promise<Result<readonly JwtSvid[], GrpcError>> {
    const { identify, jwts } = this.#parts;
    const identified = await identify(peer);
    if (!identified.ok) return denied(identified.error);
    const wanted = identified.value.filter(
      ({ spiffeId }) => request.spiffeId === undefined || spiffeId === request.spiffeId,
    );
    if (wanted.length === 0) return denied(`the caller is not ${request.spiffeId}`);
    try {
      const tokens = wanted.map(async (entry) => {
        const { token } = await jwts.get(entry.service, request.audience);
        return { spiffeId: entry.spiffeId, token, hint: '' };
      });
      return ok(await Promise.all(tokens));
    } catch (error) {
      return err(new GrpcError(grpcStatus.unavailable, messageOf(error)));
    }
  }

  /** One look at a time for each watcher; a change meanwhile makes it look again. */
  async #look(watcher: Watcher): Promise<void> {
    if (watcher.looking) {
      watcher.again = true;
      return;
    }
    watcher.looking = true;
    do {
      watcher.again = false;
      const update = await this.#update(watcher);
      if (update === undefined || !this.#watchers.has(watcher)) continue;
      const key = keyOf(update);
      if (key === watcher.last) continue;
      watcher.last = key;
      watcher.listener(update);
    } while (watcher.again);
    watcher.looking = false;
  }

  /** Undefined: not all is there yet, and it is too early to say so. */
  async #update(watcher: Watcher): Promise<WorkloadUpdate | undefined> {
    const { clock, identify, svid, trust } = this.#parts;
    const isEarly = clock.monotonicMs() - watcher.sinceMs < startMs;
    const bundles = trust();
    if (bundles === undefined) {
      return isEarly
        ? undefined
        : unavailable('the agent has heard nothing of the control plane yet');
    }
    const identified = await identify(watcher.peer);
    if (!identified.ok) return { kind: 'denied', reason: identified.error };
    const svids = identified.value.map(svid);
    if (svids.some((one) => one === undefined)) {
      return isEarly ? undefined : unavailable('the control plane gave no certificate yet');
    }
    const held = svids.filter((one) => one !== undefined).map(workloadSvid);
    return { kind: 'view', view: { svids: held, trust: bundles } };
  }
}

function denied(reason: string): Result<never, GrpcError> {
  return err(new GrpcError(grpcStatus.permissionDenied, reason));
}

function unavailable(reason: string): WorkloadUpdate {
  return { kind: 'unavailable', reason };
}

/** What makes two updates differ for a client. */
function keyOf(update: WorkloadUpdate): string {
  if (update.kind !== 'view') return `${update.kind}: ${update.reason}`;
  const { svids, trust } = update.view;
  return JSON.stringify([svids.map(({ spiffeId, serial }) => [spiffeId, serial]), trustKey(trust)]);
}

const trustKeys = new WeakMap<Trust, string>();

/** Other trust domains need not number their bundles: what is in them counts. One for all watchers of the same trust. */
function trustKey(trust: Trust): string {
  const known = trustKeys.get(trust);
  if (known !== undefined) return known;
  const key = createHash('sha256').update(JSON.stringify(trust)).digest('base64');
  trustKeys.set(trust, key);
  return key;
}

const converted = new WeakMap<Svid, WorkloadSvid>();

export function workloadSvid(svid: Svid): WorkloadSvid {
  const known = converted.get(svid);
  if (known !== undefined) return known;
  const [privateKeyPkcs8 = new Uint8Array()] = blocksOf('PRIVATE KEY', svid.privateKeyPem);
  const made: WorkloadSvid = {
    spiffeId: svid.spiffeId as SpiffeId,
    serial: svid.serial,
    chainDer: blocksOf('CERTIFICATE', svid.chainPem),
    privateKeyPkcs8,
    notAfterMs: svid.notAfterMs,
    hint: '',
  };
  converted.set(svid, made);
  return made;
}

/** The mesh wrote it itself. */
function blocksOf(label: PemLabel, text: string): readonly Uint8Array[] {
  const blocks = fromPem(label, text);
  if (!blocks.ok) throw new Error(`an SVID of this mesh cannot be read: ${blocks.error}`);
  return blocks.value;
}
