import type { Clock } from '../base/clock.ts';
import { ChanceryError, messageOf } from '../base/error.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { ofAnotherTime, signedMs } from '../identity/another-time.ts';
import { freshRenewalDelayMs, renewalDelayMs } from '../identity/renewal.ts';
import type { Trust } from '../identity/trust.ts';
import { type ApiCall, type ApiTarget, callApi, followApi } from '../serve/api/client.ts';
import { join, renew } from './admission.ts';
import { type ControlTrust, controlTarget, fetchTrust, followRootLinks } from './control-trust.ts';
import type { ControlAddress, ControlPoint } from './host-file.ts';
import { type KeyPair, keyPairFromPem, newKeyPair } from './key-pair.ts';
import { type HostIdentity, type LinkState, meaningOf } from './link-state.ts';

interface ControlLinkOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What was kept from before a restart. */
  readonly kept: {
    readonly identity: HostIdentity | undefined;
    /** The key that the first certificate was asked for; a join token is good for no other. */
    readonly firstKeyPem: string | undefined;
    readonly trust: ControlTrust | undefined;
  };
  /** On disk when it resolves: what is used before it is kept is lost with a crash. */
  readonly keep: (held: {
    readonly identity?: HostIdentity;
    readonly firstKeyPem?: string;
  }) => Promise<void>;
  /** The trust that came with the host's admission. */
  readonly onTrust: (trust: Trust) => void;
  readonly onState: (state: LinkState) => void;
}

/** More addresses than any mesh has control planes. */
const serversMax = 1_000;
const retryFirstMs = 100;
/** What a CA that is about to end signs lives shortly; it is no reason to ask without a pause. */
const renewalMinMs = 1_000;
/** How long a host stays away after its control plane is back. */
const retryLongestMs = 2_000;
/** Whoever was turned away does not knock each second; who lifts a ban waits this long at most. */
const refusedAgainMs = 15_000;
/** Clocks are set right by hand; each attempt until then costs a signature. */
const apartAgainMs = 30_000;

/** This host's standing with its control plane: joins, renews, comes back by itself, and carries every call. */
export class ControlLink {
  readonly #options: ControlLinkOptions;
  #state: LinkState = { kind: 'joining', problem: 'not asked yet' };
  #address: ControlAddress | undefined;
  /** Which of the control planes is asked; each host begins with another one. */
  #at = 0;
  #trust: ControlTrust | undefined;
  #identity: HostIdentity | undefined;
  #firstKeyPem: string | undefined;
  #target: ReturnType<typeof controlTarget> | undefined;
  #cancel = (): void => {};
  #failures = 0;
  #stopped = false;
  #isBusy = false;
  #isDistrusting = false;
  /** When what is held was signed, by the monotonic clock. */
  #signedMonotonicMs = 0;
  /** Why the certificate that came last is not held. */
  #apart: string | undefined;
  #waiting: (() => void)[] = [];

  constructor(options: ControlLinkOptions) {
    this.#options = options;
    this.#identity = options.kept.identity;
    this.#trust = options.kept.trust;
    this.#firstKeyPem = options.kept.firstKeyPem;
    this.#at = Math.floor(options.random.fraction() * serversMax);
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Why a certificate that came is of another time than the one that is held; undefined: none is. */
  get apart(): string | undefined {
    return this.#apart;
  }

  /** Where the control plane is, and how this host joins; with another proof it joins anew. */
  use(address: ControlAddress): void {
    if (JSON.stringify(this.#address) === JSON.stringify(address)) return;
    this.#address = address;
    if (this.#identity !== undefined && this.#identity.provenBy !== address.proof.kind) {
      this.#options.log.warn('how this host joins has changed; it proves itself anew', {});
      this.#identity = undefined;
    }
    this.#again(0);
  }

  /** What the control plane is checked with from now on. */
  setTrust(trust: ControlTrust): void {
    if (this.#trust?.x509Roots.join() === trust.x509Roots.join()) return;
    this.#trust = trust;
    this.#retarget();
  }

  /** Renews soon if one of these CAs signed the certificate of this host. */
  taint(issuerKeyIds: readonly string[]): void {
    if (this.#state.kind !== 'joined') return;
    if (issuerKeyIds.includes(this.#state.identity.issuerKeyId)) this.#again(0);
  }

  /** The wall clock jumped: what was planned by it is planned anew. */
  replan(): void {
    if (this.#address !== undefined) this.#again(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#target?.agent.destroy();
  }

  /** Resolves when this host is in the mesh, however long that takes. */
  joined(): Promise<void> {
    if (this.#isJoined()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Rejects with why this host cannot ask: it is not in the mesh, or the control plane is away. */
  call(call: ApiCall): Promise<unknown> {
    return this.#heard((target) => callApi(target, call));
  }

  follow(path: string, onLine: (line: unknown) => void, signal: AbortSignal): Promise<void> {
    return this.#heard((target) => followApi(target, path, onLine, signal));
  }

  /** A call that was refused for who this host is says more than the call. */
  async #heard<T>(ask: (target: ApiTarget) => Promise<T>): Promise<T> {
    const asked = this.#identity;
    const target = this.#joinedTarget();
    try {
      return await ask(target);
    } catch (error) {
      const meaning = meaningOf(error);
      if (meaning === 'away' && target === this.#target) this.#moveOn();
      // What was asked with a certificate that has been replaced since says nothing.
      const isNews = asked === this.#identity && this.#isJoined();
      if (isNews && (meaning === 'lost' || meaning === 'refused')) this.#failed(error);
      throw error;
    }
  }

  /** The next control plane is asked, also by calls that come meanwhile. */
  #moveOn(): void {
    this.#at += 1;
    if ((this.#address?.servers.length ?? 0) > 1) this.#retarget();
  }

  /** Undefined before it was said where the control plane is. */
  #here(): ControlPoint | undefined {
    const { servers, proof, rootSha256 } = this.#address ?? { servers: [] };
    const server = servers[this.#at % Math.max(1, servers.length)];
    if (server === undefined || proof === undefined || rootSha256 === undefined) return undefined;
    return { ...server, proof, rootSha256 };
  }

  #isJoined(): boolean {
    return this.#state.kind === 'joined' || this.#state.kind === 'overdue';
  }

  #joinedTarget(): ApiTarget {
    if (this.#isJoined() && this.#target !== undefined) return this.#target;
    const problem = 'problem' in this.#state ? this.#state.problem : '';
    throw new ChanceryError({
      code: 'CH3115',
      message: `this host is not in the mesh: ${problem}`,
    });
  }

  #again(delayMs: number): void {
    this.#cancel();
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(delayMs, () => void this.#round());
  }

  /** One at a time: what asks for another one meanwhile gets it afterwards. */
  async #round(): Promise<void> {
    const address = this.#here();
    if (address === undefined || this.#stopped) return;
    if (this.#isBusy) return this.#again(retryFirstMs);
    this.#isBusy = true;
    this.#apart = undefined;
    try {
      await this.#advance(address);
    } catch (error) {
      if (!this.#stopped) this.#failed(error);
    } finally {
      this.#isBusy = false;
    }
  }

  /** Learns whom to trust, joins, takes up what was kept, or renews: whatever comes next. */
  async #advance(address: ControlPoint): Promise<void> {
    const { clock, random, log, onTrust } = this.#options;
    if (this.#isDistrusting) await this.#relearn(address);
    if (this.#trust === undefined && address.proof.kind !== 'local') {
      this.#trust = await fetchTrust(address);
      this.#retarget();
    }
    const held = this.#identity;
    if (held === undefined || held.notAfterMs <= clock.nowMs()) {
      const firstKey = (): Promise<KeyPair> => this.#firstKey();
      const joining = { address, trust: this.#trust, held, firstKey, random, log };
      const { identity, trust } = await join(joining);
      this.#trust = trust.own;
      this.#firstKeyPem = undefined;
      onTrust(trust);
      await this.#take(identity);
    } else if (this.#target === undefined) {
      this.#hold(held, Math.max(0, clock.nowMs() - signedMs(held)));
    } else {
      await this.#renew(this.#target, held);
    }
  }

  async #renew(target: ApiTarget, held: HostIdentity): Promise<void> {
    const { clock } = this.#options;
    const elapsedMs = clock.monotonicMs() - this.#signedMonotonicMs;
    const next = await renew(target, held);
    this.#apart = ofAnotherTime({ held, next, nowMs: clock.nowMs(), elapsedMs });
    // Not used, it takes the place of nothing at the control plane either.
    if (this.#apart !== undefined) throw new Error(this.#apart);
    await this.#take(next);
  }

  /** The control plane shows another root than is known here. */
  async #relearn(address: ControlPoint): Promise<void> {
    const { clock, log } = this.#options;
    this.#isDistrusting = false;
    if (address.proof.kind === 'local') {
      // Its socket tells of the trust of today.
      this.#identity = undefined;
      return;
    }
    if (this.#trust === undefined) return;
    const followed = await followRootLinks(address, this.#trust, clock.nowMs());
    if (followed.ok) {
      log.warn('all roots that were known here have ended; the last one names the next', {});
      this.#trust = followed.value;
      return this.#retarget();
    }
    log.warn('the control plane shows a root that is not known here', { problem: followed.error });
    if (address.rootSha256.length > 0) this.#trust = undefined;
  }

  /** The same key until it was answered: a join token is bound to the first one that came with it. */
  async #firstKey(): Promise<KeyPair> {
    if (this.#firstKeyPem !== undefined) return keyPairFromPem(this.#firstKeyPem);
    const key = newKeyPair();
    this.#firstKeyPem = key.privateKeyPem;
    await this.#options.keep({ firstKeyPem: key.privateKeyPem });
    return key;
  }

  /** Kept before it is used: from its first use on the one before is worth nothing. */
  async #take(identity: HostIdentity): Promise<void> {
    await this.#options.keep({ identity });
    if (!this.#stopped) this.#hold(identity, 0);
  }

  /** `ageMs`: since it was signed. */
  #hold(identity: HostIdentity, ageMs: number): void {
    const { clock, random } = this.#options;
    this.#identity = identity;
    this.#failures = 0;
    this.#apart = undefined;
    this.#signedMonotonicMs = clock.monotonicMs() - ageMs;
    this.#retarget();
    this.#become({ kind: 'joined', identity });
    const { notBeforeMs, notAfterMs } = identity;
    const times = { notBeforeMs, notAfterMs, nowMs: clock.nowMs(), random };
    const delayMs = ageMs === 0 ? freshRenewalDelayMs(times) : renewalDelayMs(times);
    this.#again(Math.max(delayMs, renewalMinMs));
  }

  /** Calls that are under way end with the connections that they have. */
  #retarget(): void {
    const here = this.#here();
    if (here === undefined || this.#trust === undefined || this.#identity === undefined) return;
    this.#target = controlTarget(here, this.#trust, this.#identity);
  }

  #failed(error: unknown): void {
    const { log, random } = this.#options;
    if (meaningOf(error) === 'away') this.#moveOn();
    this.#become(this.#stateAfter(error));
    if (this.#failures === 0) {
      log.warn('this host has no certificate, or an old one', { ...problemFields(error) });
    }
    const delayMs = Math.min(retryFirstMs * 2 ** this.#failures, retryLongestMs);
    this.#failures = Math.min(this.#failures + 1, 16);
    const isRefused = this.#state.kind === 'refused';
    const againMs = this.#apart === undefined ? delayMs : apartAgainMs;
    this.#again((isRefused ? refusedAgainMs : againMs) * (0.75 + random.fraction() / 2));
  }

  #stateAfter(error: unknown): LinkState {
    const problem = messageOf(error);
    const meaning = meaningOf(error);
    if (meaning === 'refused' && error instanceof ChanceryError) {
      return { kind: 'refused', code: error.code, problem };
    }
    if (meaning === 'lost') this.#identity = undefined;
    if (meaning === 'distrust') this.#isDistrusting = true;
    const identity = this.#identity;
    return identity !== undefined && identity.notAfterMs > this.#options.clock.nowMs()
      ? { kind: 'overdue', identity, problem }
      : { kind: 'joining', problem };
  }

  #become(state: LinkState): void {
    this.#state = state;
    if (state.kind === 'joined') for (const resolve of this.#waiting.splice(0)) resolve();
    this.#options.onState(state);
  }
}
