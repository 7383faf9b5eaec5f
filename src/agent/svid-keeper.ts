import { generateKeyPairSync } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { ofAnotherTime, signedMs } from '../identity/another-time.ts';
import { createCsr } from '../identity/csr.ts';
import { freshRenewalDelayMs, renewalDelayMs } from '../identity/renewal.ts';
import type { SvidReason, SvidReply } from '../serve/api/wire.ts';

/** A workload's present certificate with its key. */
export interface Svid extends SvidReply {
  readonly privateKeyPem: string;
}

/**
 * `absent`: none yet. `held`: renewed at half its life. `overdue`: renewal failed and is tried again; the SVID
 * serves on until it ends.
 */
export type SvidState =
  | { readonly kind: 'absent'; readonly problem: string }
  | { readonly kind: 'held'; readonly svid: Svid }
  | { readonly kind: 'overdue'; readonly svid: Svid; readonly problem: string };

/** A rotation makes every host of a mesh renew everything; so long the control plane has for it. */
const taintSpreadMs = 1_000;
/** A CA that is about to end cuts what it signs short, down to nothing: renewing that at once would be a storm. */
const renewalMinMs = 1_000;
const retryFirstMs = 200;
const retryLongestMs = 5_000;
/** Clocks are set right by hand; each attempt until then costs a signature. Sooner where little of the life is left. */
const apartAgainMs = 30_000;

interface SvidKeeperOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly spiffeName: string;
  readonly request: (csrDerBase64: string, reason: SvidReason) => Promise<SvidReply>;
  /** What was kept from before a restart; it serves until it ends, and is renewed at once when half of it is over. */
  readonly kept?: Svid | undefined;
  readonly onSvid: (svid: Svid) => void;
}

/** Keeps one workload's SVID fresh. The key is made here, is new for each certificate, and never leaves the process. */
export class SvidKeeper {
  readonly #options: SvidKeeperOptions;
  #state: SvidState = { kind: 'absent', problem: 'not asked for yet' };
  /** When what is held was signed, by the monotonic clock. */
  #signedMonotonicMs = 0;
  /** Why what came last is not held. */
  #apart: string | undefined;
  #failures = 0;
  #cancel = (): void => {};
  #stopped = false;
  /** CAs whose certificates are to be replaced. */
  #tainted: readonly string[] = [];
  /** The certificate whose taint is being answered. */
  #answered: string | undefined;

  constructor(options: SvidKeeperOptions) {
    this.#options = options;
  }

  get state(): SvidState {
    return this.#state;
  }

  /** Why a certificate that came is of another time than the one that is held; undefined: none is. */
  get apart(): string | undefined {
    return this.#apart;
  }

  start(): void {
    const { kept, clock } = this.#options;
    if (kept !== undefined && kept.notAfterMs > clock.nowMs()) this.#hold(kept, 0);
    else void this.#renew('first');
  }

  /** Renews soon if one of these CAs signed what is held. */
  taint(issuerKeyIds: readonly string[]): void {
    this.#tainted = issuerKeyIds;
    if (this.#state.kind === 'absent') return;
    const { issuerKeyId, serial } = this.#state.svid;
    if (!issuerKeyIds.includes(issuerKeyId) || this.#answered === serial) return;
    this.#answered = serial;
    this.#renewLater(this.#options.random.fraction() * taintSpreadMs, 'tainted');
  }

  /** The wall clock jumped: the renewal is planned anew, and comes at once for what is not valid by it. */
  replan(): void {
    if (this.#state.kind === 'absent' || this.#stopped) return;
    const { clock, random } = this.#options;
    const { notBeforeMs, notAfterMs } = this.#state.svid;
    const nowMs = clock.nowMs();
    const isEarly = nowMs < notBeforeMs;
    const delayMs = isEarly ? 0 : renewalDelayMs({ notBeforeMs, notAfterMs, nowMs, random });
    this.#renewLater(delayMs, 'renewal');
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** One timer at a time: the newest reason replaces the one before. */
  #renewLater(delayMs: number, reason: SvidReason): void {
    this.#cancel();
    this.#cancel = this.#options.clock.after(delayMs, () => void this.#renew(reason));
  }

  async #renew(reason: SvidReason): Promise<void> {
    const { spiffeName, request, clock } = this.#options;
    // Before it is asked for: what waits long on its way is no certificate of another time.
    const elapsedMs = clock.monotonicMs() - this.#signedMonotonicMs;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    try {
      const csr = createCsr({ privateKey, publicKey, commonName: spiffeName });
      const reply = await request(Buffer.from(csr).toString('base64'), reason);
      if (this.#stopped) return;
      if (this.#isApart(reply, elapsedMs)) return this.#retry(this.#apart ?? '', reason);
      const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      this.#hold({ ...reply, privateKeyPem }, renewalMinMs);
    } catch (error) {
      this.#apart = undefined;
      if (!this.#stopped) this.#retry(messageOf(error), reason);
    }
  }

  #isApart(next: SvidReply, elapsedMs: number): boolean {
    if (this.#state.kind === 'absent') return false;
    const { clock } = this.#options;
    this.#apart = ofAnotherTime({
      ...{ held: this.#state.svid, next, nowMs: clock.nowMs(), elapsedMs },
    });
    return this.#apart !== undefined;
  }

  #hold(svid: Svid, delayMinMs: number): void {
    const { clock, random, onSvid } = this.#options;
    this.#failures = 0;
    this.#apart = undefined;
    const isNew = delayMinMs > 0;
    // What was kept before a restart has its age by the wall clock only.
    const ageMs = isNew ? 0 : Math.max(0, clock.nowMs() - signedMs(svid));
    this.#signedMonotonicMs = clock.monotonicMs() - ageMs;
    this.#state = { kind: 'held', svid };
    const { notBeforeMs, notAfterMs } = svid;
    const times = { notBeforeMs, notAfterMs, nowMs: clock.nowMs(), random };
    const delayMs = isNew ? freshRenewalDelayMs(times) : renewalDelayMs(times);
    this.#renewLater(Math.max(delayMs, delayMinMs), 'renewal');
    // It may have been on its way while its CA was tainted.
    this.taint(this.#tainted);
    onSvid(svid);
  }

  #retry(problem: string, reason: SvidReason): void {
    const { log, spiffeName, clock } = this.#options;
    this.#state =
      this.#state.kind === 'absent'
        ? { kind: 'absent', problem }
        : { kind: 'overdue', svid: this.#state.svid, problem };
    if (this.#failures === 0) log.warn('no SVID from the control plane', { spiffeName, problem });
    const delayMs = Math.min(retryFirstMs * 2 ** this.#failures, retryLongestMs);
    this.#failures = Math.min(this.#failures + 1, 16);
    const leftMs = this.#state.kind === 'absent' ? 0 : this.#state.svid.notAfterMs - clock.nowMs();
    const apartMs = Math.min(apartAgainMs, Math.max(renewalMinMs, leftMs / 4));
    this.#renewLater(this.#apart === undefined ? delayMs : apartMs, reason);
  }
}
