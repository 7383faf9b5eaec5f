import type { Clock } from '../base/clock.ts';
import { ChanceryError, messageOf } from '../base/error.ts';
import type { Code } from '../base/finding.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { HostProver } from '../identity/hosts/attestor.ts';
import { renewalDelayMs } from '../identity/renewal.ts';
import type { Trust } from '../identity/trust.ts';
import { type ApiCall, type ApiTarget, callApi, followApi } from '../serve/api/client.ts';
import { type AttestReply, paths, type SvidReply } from '../serve/api/wire.ts';
import { type ControlTrust, controlTarget, fetchTrust } from './control-trust.ts';
import type { ControlAddress } from './host-file.ts';
import { csrText, type HostKey, hostKeyFromPem, newHostKey } from './host-key.ts';
import { attestHost, rejoinProver } from './join.ts';
import { proverOf } from './prove/provers.ts';

/** The host's own certificate with its key; what all else is asked with. */
export interface HostIdentity extends SvidReply {
  readonly host: string;
  readonly privateKeyPem: string;
  /** How it was got: a host that is to prove itself otherwise begins anew. */
  readonly provenBy: ControlAddress['proof']['kind'];
}

/**
 * `joining`: no certificate yet, or it has ended. `joined`: renewed at half of its life. `overdue`: renewal failed, what is
 * held serves on. `refused`: the mesh does not want this host; it asks again, slowly.
 */
export type LinkState =
  | { readonly kind: 'joining'; readonly problem: string }
  | { readonly kind: 'joined'; readonly identity: HostIdentity }
  | { readonly kind: 'overdue'; readonly identity: HostIdentity; readonly problem: string }
  | { readonly kind: 'refused'; readonly code: Code; readonly problem: string };

export interface ControlLinkOptions {
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
  /** To be on disk when it returns: what is used before it is kept is lost with a crash. */
  readonly keep: (held: {
    readonly identity?: HostIdentity;
    readonly firstKeyPem?: string;
  }) => void;
  /** The trust that came with the host's admission. */
  readonly onTrust: (trust: Trust) => void;
  readonly onState: (state: LinkState) => void;
}

const retryFirstMs = 100;
/** How long a host stays away after its control plane is back. */
const retryLongestMs = 2_000;
/** Whoever was turned away does not knock each second; who lifts a ban waits this long at most. */
const refusedAgainMs = 15_000;

/** This host's standing with its control plane: joins, renews, comes back by itself, and carries every call. */
export class ControlLink {
  readonly #options: ControlLinkOptions;
  #state: LinkState = { kind: 'joining', problem: 'not asked yet' };
  #address: ControlAddress | undefined;
  #trust: ControlTrust | undefined;
  #identity: HostIdentity | undefined;
  #target: (ApiTarget & { readonly agent: { destroy(): void } }) | undefined;
  #cancel = (): void => {};
  #failures = 0;
  #stopped = false;
  #waiting: (() => void)[] = [];

  constructor(options: ControlLinkOptions) {
    this.#options = options;
    this.#identity = options.kept.identity;
    this.#trust = options.kept.trust;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Where the control plane is, and how this host joins; a change makes it join anew. */
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
    if (!this.#stopped && this.#address !== undefined) this.#again(0);
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

  #isJoined(): boolean {
    return this.#state.kind === 'joined' || this.#state.kind === 'overdue';
  }

  /** Rejects with why this host cannot ask: it is not in the mesh, or the control plane is away. */
  async call(call: ApiCall): Promise<unknown> {
    const asked = this.#identity;
    try {
      return await callApi(this.#joinedTarget(), call);
    } catch (error) {
      this.#hear(error, asked);
      throw error;
    }
  }

  async follow(path: string, onLine: (line: unknown) => void, signal: AbortSignal): Promise<void> {
    const asked = this.#identity;
    try {
      await followApi(this.#joinedTarget(), path, onLine, signal);
    } catch (error) {
      this.#hear(error, asked);
      throw error;
    }
  }

  #joinedTarget(): ApiTarget {
    if (this.#isJoined() && this.#target !== undefined) return this.#target;
    const problem = 'problem' in this.#state ? this.#state.problem : '';
    throw new ChanceryError({
      code: 'CH3115',
      message: `this host is not in the mesh: ${problem}`,
    });
  }

  /** A call that was refused for who this host is says more than the call. */
  #hear(error: unknown, asked: HostIdentity | undefined): void {
    if (!(error instanceof ChanceryError) || !this.#isJoined()) return;
    // It was asked with a certificate that has been replaced since.
    if (asked !== this.#identity) return;
    if (losesIdentity(error.code) || error.code === bannedCode) this.#failed(error);
  }

  #again(delayMs: number): void {
    this.#cancel();
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(delayMs, () => void this.#round());
  }

  async #round(): Promise<void> {
    const address = this.#address;
    if (address === undefined || this.#stopped) return;
    const { clock } = this.#options;
    try {
      const held = await this.#trusting(address);
      if (held === undefined || held.notAfterMs <= clock.nowMs()) {
        await this.#join(address, held);
      } else if (this.#target === undefined) {
        // Kept from before a restart.
        this.#hold(held);
      } else {
        await this.#renew(held, this.#target);
      }
    } catch (error) {
      if (!this.#stopped) this.#failed(error);
    }
  }

  /** Knows what to check the control plane with, where the operator said it; what this host holds. */
  async #trusting(address: ControlAddress): Promise<HostIdentity | undefined> {
    if (this.#trust === undefined && address.proof.kind !== 'local') {
      this.#trust = await fetchTrust(address);
      this.#retarget();
    }
    return this.#identity;
  }

  async #join(address: ControlAddress, held: HostIdentity | undefined): Promise<void> {
    if (held !== undefined && (await this.#rejoin(address, held))) return;
    const key = this.#firstKey();
    const { proof } = address;
    const prover = proverOf(proof);
    const target = proof.kind === 'local' ? proof.socket : this.#bareTarget(address);
    this.#admitted(address, await this.#attest(target, prover, key), key);
  }

  /** False when the control plane wants this host to prove itself anew. */
  async #rejoin(address: ControlAddress, held: HostIdentity): Promise<boolean> {
    const key = newHostKey();
    const prover = rejoinProver(held.host, hostKeyFromPem(held.privateKeyPem));
    const { proof } = address;
    const target = proof.kind === 'local' ? proof.socket : this.#bareTarget(address);
    try {
      this.#admitted(address, await this.#attest(target, prover, key), key);
      return true;
    } catch (error) {
      if (!(error instanceof ChanceryError) || error.code !== 'CH3106') throw error;
      this.#options.log.warn('this host cannot come back with its key', { problem: error.message });
      return false;
    }
  }

  #attest(
    target: ApiTarget,
    prover: HostProver,
    key: HostKey,
  ): Promise<AttestReply & { readonly kind: 'attested' }> {
    this.#options.log.info('this host proves itself', { method: prover.method });
    return attestHost(target, prover, key);
  }

  /** The same key until it was answered: a join token is bound to the first one that came with it. */
  #firstKey(): HostKey {
    const { kept, keep } = this.#options;
    if (kept.firstKeyPem !== undefined) return hostKeyFromPem(kept.firstKeyPem);
    const key = newHostKey();
    keep({ firstKeyPem: key.privateKeyPem });
    return key;
  }

  /** Without a certificate. */
  #bareTarget(address: ControlAddress): ApiTarget {
    if (this.#trust === undefined) throw new Error('nothing to check the control plane with');
    return controlTarget(address, this.#trust);
  }

  #admitted(
    address: ControlAddress,
    { host, svid, trust }: AttestReply & { readonly kind: 'attested' },
    key: HostKey,
  ): void {
    this.#trust = trust.own;
    this.#options.onTrust(trust);
    const { privateKeyPem } = key;
    this.#hold({ ...svid, host, privateKeyPem, provenBy: address.proof.kind });
    this.#options.log.info('this host is in the mesh', { host });
  }

  async #renew(held: HostIdentity, target: ApiTarget): Promise<void> {
    const key = newHostKey();
    const body = { csr: csrText(key, 'host') };
    const svid = (await callApi(target, { method: 'POST', path: paths.renew, body })) as SvidReply;
    const { privateKeyPem } = key;
    this.#hold({ ...held, ...svid, privateKeyPem });
  }

  #hold(identity: HostIdentity): void {
    const { clock, random, keep } = this.#options;
    // Kept before it is used: from its first use on the one before is worth nothing.
    if (identity !== this.#identity) keep({ identity });
    this.#identity = identity;
    this.#failures = 0;
    this.#retarget();
    this.#become({ kind: 'joined', identity });
    const { notBeforeMs, notAfterMs } = identity;
    this.#again(renewalDelayMs({ notBeforeMs, notAfterMs, nowMs: clock.nowMs(), random }));
  }

  #retarget(): void {
    if (this.#address === undefined || this.#trust === undefined) return;
    if (this.#identity === undefined) return;
    // Calls that are under way end with the old one.
    this.#target = controlTarget(this.#address, this.#trust, this.#identity);
  }

  #failed(error: unknown): void {
    const { log, random } = this.#options;
    this.#become(this.#stateAfter(error));
    if (this.#failures === 0) {
      log.warn('this host has no certificate, or an old one', { problem: messageOf(error) });
    }
    const delayMs = Math.min(retryFirstMs * 2 ** this.#failures, retryLongestMs);
    this.#failures = Math.min(this.#failures + 1, 16);
    const isRefused = this.#state.kind === 'refused';
    this.#again((isRefused ? refusedAgainMs : delayMs) * (0.75 + random.fraction() / 2));
  }

  #stateAfter(error: unknown): LinkState {
    const problem = messageOf(error);
    const code = error instanceof ChanceryError ? error.code : undefined;
    // What the control plane does not count any more is not shown again.
    if (code !== undefined && losesIdentity(code)) this.#identity = undefined;
    else if (code !== undefined && isRefusal(code)) return { kind: 'refused', code, problem };
    if (isDistrust(error)) this.#relearn();
    const identity = this.#identity;
    return identity !== undefined && identity.notAfterMs > this.#options.clock.nowMs()
      ? { kind: 'overdue', identity, problem }
      : { kind: 'joining', problem };
  }

  /** The control plane shows another root than is known here: it is learnt the way that it was learnt first. */
  #relearn(): void {
    const { proof, rootSha256 } = this.#address ?? { proof: undefined, rootSha256: [] };
    if (proof?.kind === 'local') this.#identity = undefined;
    else if (rootSha256.length > 0) this.#trust = undefined;
  }

  #become(state: LinkState): void {
    this.#state = state;
    if (state.kind === 'joined') for (const resolve of this.#waiting.splice(0)) resolve();
    this.#options.onState(state);
  }
}

const bannedCode = 'CH3102';

/** Evicted, or another machine has taken over: only a new proof helps. */
function losesIdentity(code: Code): boolean {
  return code === 'CH3104' || code === 'CH3105';
}

/** Whoever answers does not chain to a root that is known here. */
function isDistrust(error: unknown): boolean {
  const cause = error instanceof ChanceryError ? error.cause : undefined;
  const code = String((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
  return /CERT|ISSUER|LEAF_SIGNATURE/.test(code);
}

/** The control plane has heard this host and does not want it. */
function isRefusal(code: Code): boolean {
  return /^CH31(?:0[1236]|1[34])$/.test(code);
}
