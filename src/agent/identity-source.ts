import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import { err, ok, type Result } from '../base/result.ts';
import { contentHash } from '../compile/content-hash.ts';
import type { IdentityEntry } from '../identity/entry.ts';
import { fromPem, type PemLabel } from '../identity/pem.ts';
import type { SpiffeId } from '../identity/spiffe-id.ts';
import type { Trust } from '../identity/trust.ts';
import type { ServiceName } from '../model/types.ts';
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

interface IdentitySourceParts {
  readonly clock: Clock;
  /** Which identities a caller has, the default first. Errors: why it has none. */
  readonly identify: (peer: Peer) => Promise<Result<readonly IdentityEntry[], string>>;
  readonly svid: (entry: IdentityEntry) => Svid | undefined;
  readonly trust: () => Trust | undefined;
  readonly jwts: JwtCache;
}

/** An agent that has just started gets its first SVID in some 100 ms; past this its callers hear that it has none. */
const startMs = 10_000;
/** Watchers of one agent, and calls that wait for it to start; some hundred workloads with a few streams each. */
const watchersMax = 20_000;
/** Looks between two turns of the sockets: a change that concerns thousands must not keep new callers waiting. */
const looksAtOnce = 32;

interface Watcher {
  readonly peer: Peer;
  readonly listener: (update: WorkloadUpdate) => void;
  readonly sinceMs: number;
  /** What it was when it was last looked at; undefined while that is not known. */
  identities: readonly IdentityEntry[] | undefined;
  last: string;
  looking: boolean;
  again: boolean;
  /** Takes back the look at which it hears that it waited in vain. */
  cancelLate: () => void;
}

/** Serves callers with what they are: attests at each call, and again before each thing that it sends later. */
export class IdentitySource implements WorkloadSource {
  readonly #parts: IdentitySourceParts;
  readonly #watchers = new Set<Watcher>();
  readonly #due = new Set<Watcher>();
  readonly #starting = new Set<() => void>();
  #isLooking = false;

  constructor(parts: IdentitySourceParts) {
    this.#parts = parts;
  }

  /** Callers that follow, and those that wait for the agent to start. */
  get watchers(): number {
    return this.#watchers.size + this.#starting.size;
  }

  watch(peer: Peer, listener: (update: WorkloadUpdate) => void): () => void {
    if (this.#watchers.size >= watchersMax) {
      listener({ kind: 'unavailable', reason: tooMany });
      return () => {};
    }
    const { clock } = this.#parts;
    const watcher: Watcher = {
      ...{ peer, listener, sinceMs: clock.monotonicMs(), identities: undefined },
      ...{ last: '', looking: false, again: false },
      cancelLate: clock.after(startMs, () => void this.#look(watcher)),
    };
    this.#watchers.add(watcher);
    void this.#look(watcher);
    return () => {
      watcher.cancelLate();
      this.#watchers.delete(watcher);
      this.#due.delete(watcher);
    };
  }

  /** Entries, trust or, when one is named, the SVID of that identity have changed. */
  refresh(spiffeId?: SpiffeId): void {
    for (const watcher of this.#watchers) {
      const { identities } = watcher;
      const isConcerned =
        spiffeId === undefined ||
        identities === undefined ||
        identities.some((entry) => entry.spiffeId === spiffeId);
      if (isConcerned) this.#due.add(watcher);
    }
    if (!this.#isLooking) void this.#lookAtAll();
    for (const run of [...this.#starting]) run();
  }

  async #lookAtAll(): Promise<void> {
    this.#isLooking = true;
    let looks = 0;
    for (const watcher of this.#due) {
      this.#due.delete(watcher);
      void this.#look(watcher);
      looks += 1;
      if (looks % looksAtOnce === 0) await immediate();
    }
    this.#isLooking = false;
  }

  async fetchJwt(
    peer: Peer,
    request: { readonly audience: readonly string[]; readonly spiffeId: SpiffeId | undefined },
  ): Promise<Result<readonly JwtSvid[], GrpcError>> {
    const { identify, jwts } = this.#parts;
    const late = await this.#started();
    if (late !== undefined) return err(new GrpcError(grpcStatus.unavailable, late));
    const identified = await identify(peer);
    if (!identified.ok) return denied(identified.error);
    const wanted = identified.value.filter(
      ({ spiffeId }) => request.spiffeId === undefined || spiffeId === request.spiffeId,
    );
    if (wanted.length === 0) return denied(`the caller is not ${request.spiffeId}`);
    try {
      const tokens = wanted.map(async (entry) => {
        const { token } = await jwts.get(entry.service, request.audience);
        return { spiffeId: entry.spiffeId, token, hint: entry.service };
      });
      return ok(await Promise.all(tokens));
    } catch (error) {
      return err(new GrpcError(grpcStatus.unavailable, messageOf(error)));
    }
  }

  /** Resolves when entries and trust are there, or with why that took too long. */
  #started(): Promise<string | undefined> {
    const { clock, trust } = this.#parts;
    if (trust() !== undefined) return Promise.resolve(undefined);
    if (this.#starting.size >= watchersMax) return Promise.resolve(tooMany);
    return new Promise((resolve) => {
      const settle = (late?: string): void => {
        cancel();
        this.#starting.delete(look);
        resolve(late);
      };
      const look = (): void => {
        if (trust() !== undefined) settle();
      };
      const cancel = clock.after(startMs, () => settle(unheard));
      this.#starting.add(look);
    });
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
      watcher.cancelLate();
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
      return isEarly ? undefined : unavailable(unheard);
    }
    const identified = await identify(watcher.peer);
    if (!identified.ok) return { kind: 'denied', reason: identified.error };
    watcher.identities = identified.value;
    const svids = identified.value.flatMap((entry) => {
      const held = svid(entry);
      return held === undefined ? [] : [workloadSvid(held, entry.service)];
    });
    if (svids.length < identified.value.length) {
      return isEarly ? undefined : unavailable('the control plane gave no certificate yet');
    }
    // Again: while the caller was looked at they may have changed.
    return { kind: 'view', view: { svids, trust: trust() ?? bundles } };
  }
}

const tooMany = `the agent has ${watchersMax} watchers already`;
const unheard = 'the agent has heard nothing of the control plane yet';

function immediate(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
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

/** By its content: a partner may change a bundle and leave its sequence as it was. */
function trustKey(trust: Trust): string {
  const known = trustKeys.get(trust);
  if (known !== undefined) return known;
  const key = contentHash(JSON.stringify(trust));
  trustKeys.set(trust, key);
  return key;
}

const converted = new WeakMap<Svid, WorkloadSvid>();

/** `hint` is the service: what an operator calls an identity, and what tells the several of one process apart. */
export function workloadSvid(svid: Svid, service: ServiceName): WorkloadSvid {
  const known = converted.get(svid);
  if (known !== undefined) return known;
  const [privateKeyPkcs8 = new Uint8Array()] = blocksOf('PRIVATE KEY', svid.privateKeyPem);
  const made: WorkloadSvid = {
    spiffeId: svid.spiffeId as SpiffeId,
    serial: svid.serial,
    chainDer: blocksOf('CERTIFICATE', svid.chainPem),
    privateKeyPkcs8,
    notAfterMs: svid.notAfterMs,
    hint: service,
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
