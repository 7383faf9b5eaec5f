import type { Clock } from '../base/clock.ts';
import type { Refusal } from '../base/finding.ts';
import type { Random } from '../base/random.ts';
import { err, ok, type Result } from '../base/result.ts';
import { timeText } from '../base/time-text.ts';
import { caUnlessSaid } from '../model/ca-section.ts';
import type { CaLifetimes, TrustDomain } from '../model/types.ts';
import { type IssuedSvid, issueSvid } from './ca.ts';
import {
  type CaGeneration,
  createGeneration,
  generationBelow,
  isUsable,
  rootOf,
} from './ca-generation.ts';
import { type CaImport, importedGeneration } from './ca-import.ts';
import { type CaRequest, createCaRequest } from './ca-request.ts';
import { type AuthorityStore, openCa, readCa, type StoredCa, writeCa } from './ca-store.ts';
import { readCsr } from './csr.ts';
import { signJwt } from './jws.ts';
import type { KeyEncryption } from './key-encryption.ts';
import {
  type CaState,
  type HostConfirmation,
  type RotationStep,
  type StepName,
  taintedIssuers,
  transition,
  trustBundle,
  type Waiting,
  waitingFor,
} from './rotation.ts';
import type { SpiffeId } from './spiffe-id.ts';
import { bundlePem, type TrustBundle } from './trust.ts';

export type { AuthorityStore } from './ca-store.ts';

interface IssueRequest {
  readonly spiffeId: SpiffeId;
  readonly csrDer: Uint8Array;
  readonly ttlSeconds: number;
  /** What the time is by a clock that may be the right one: it is to be good by that, too. */
  readonly orNowMs?: number | undefined;
  /** For the audit: who asked, for whom, and why. */
  readonly host: string;
  readonly reason: string;
  readonly selectors?: string;
}

interface IssueJwtRequest {
  readonly spiffeId: SpiffeId;
  readonly audience: readonly string[];
  readonly ttlSeconds: number;
  readonly host: string;
}

interface IssuedJwt {
  readonly token: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** What hosts are to trust, and whose certificates they are to renew at once. */
export interface TrustNews {
  readonly bundle: TrustBundle;
  readonly taintedIssuers: readonly string[];
}

const ttlSecondsMax = 24 * 3_600;
/** A token cannot be taken back: it is short (rule J41). */
export const jwtTtlSeconds = 300;
const jwtIdBytes = 12;
/** A control plane hears of a step within a moment; one that the store does not reach cannot write down what it signs. */
const hearWithinMs = 10_000;

interface AuthorityOptions {
  readonly store: AuthorityStore;
  readonly kek: KeyEncryption;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly random: Random;
  /** Other control planes sign tokens with the same keys, and what each signed last is not known here. */
  readonly isShared?: boolean;
  /** For what is made next; as mesh.yaml has it when it says nothing when left out. */
  readonly lifetimes?: () => CaLifetimes;
  /** Makes the first generation of a new store; a root of our own when left out. */
  readonly first?: (() => Promise<CaGeneration>) | undefined;
}

/**
 * Opens the CA of the store, or makes it.
 * Errors: CH3001 (the KEK does not open it), CH3002 (the store is of another trust domain).
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { clock, lifetimes, first } = options;
  const stored = await openCa(options, {
    nowMs: clock.nowMs(),
    lifetimes: lifetimes?.() ?? caUnlessSaid,
    first,
  });
  const [lastToken] = await options.store.ledger({ kind: 'jwt-issued', limit: 1 });
  return new Authority(options, stored, Number(lastToken?.facts['exp'] ?? 0) * 1_000);
}

/** The CA of a mesh. Its keys are opened into memory here and leave it only sealed. */
export class Authority {
  readonly #options: AuthorityOptions;
  #stored: StoredCa;
  readonly #listeners = new Set<(news: TrustNews) => void>();
  /** When the last token of each key ends; before this process, of whichever key. */
  readonly #tokensEndMs = new Map<string, number>();

  constructor(options: AuthorityOptions, stored: StoredCa, tokensEndMs: number) {
    this.#options = options;
    this.#stored = stored;
    const { rotation } = stored.state;
    if ('old' in rotation) this.#tokensEndMs.set(rotation.old.jwt.kid, tokensEndMs);
  }

  get trustDomain(): TrustDomain {
    return this.#options.trustDomain;
  }

  get state(): CaState {
    return this.#stored.state;
  }

  get news(): TrustNews {
    const { state } = this.#stored;
    return { bundle: trustBundle(state), taintedIssuers: taintedIssuers(state) };
  }

  get bundlePem(): string {
    return bundlePem(this.news.bundle);
  }

  /** Calls back with each later change. */
  onTrust(listener: (news: TrustNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Errors: CH3004, why the request was not taken; CH3014, the CA cannot sign now. */
  issue(request: IssueRequest): Result<IssuedSvid, Refusal> {
    const { clock, random, store } = this.#options;
    const csr = readCsr(request.csrDer);
    if (!csr.ok) {
      return err({ code: 'CH3004', message: `the request for a certificate: ${csr.error}` });
    }
    const { spiffeId, host, reason, selectors } = request;
    const ttlSeconds = Math.min(request.ttlSeconds, ttlSecondsMax);
    const { publicKeySpki } = csr.value;
    const nowMs = clock.nowMs();
    const { active } = this.state;
    if (!isUsable(active, nowMs)) {
      const message = 'the CA cannot sign: it has ended, or begins later than now';
      return err({ code: 'CH3014', message, help: 'chancery ca status says the way on' });
    }
    const ca = active.intermediate;
    const { orNowMs = nowMs } = request;
    const fromMs = Math.min(nowMs, orNowMs);
    const lifeSeconds = ttlSeconds + Math.abs(nowMs - orNowMs) / 1_000;
    const svid = issueSvid({
      ...{ ca, spiffeId, publicKeySpki, random },
      ...{ ttlSeconds: lifeSeconds, nowMs: fromMs },
    });
    const facts = {
      serial: svid.serialHex,
      issuer: svid.issuerKeyId,
      host,
      reason,
      notAfterMs: svid.notAfterMs,
      ...(selectors === undefined ? {} : { selectors }),
    };
    store.record({ atMs: nowMs, kind: 'svid-issued', subject: spiffeId, facts });
    return ok(svid);
  }

  issueJwt(request: IssueJwtRequest): IssuedJwt {
    const { clock, random, store } = this.#options;
    const { spiffeId, audience, host } = request;
    const { jwt } = this.state.active;
    const nowSeconds = Math.floor(clock.nowMs() / 1_000);
    const exp = nowSeconds + Math.min(request.ttlSeconds, jwtTtlSeconds);
    const jti = Buffer.from(random.bytes(jwtIdBytes)).toString('base64url');
    const token = signJwt(jwt, { sub: spiffeId, aud: audience, exp, iat: nowSeconds, jti });
    const facts = { jti, kid: jwt.kid, host, audience: audience.join(' '), exp };
    store.record({ atMs: clock.nowMs(), kind: 'jwt-issued', subject: spiffeId, facts });
    this.#tokensEndMs.set(jwt.kid, Math.max(exp * 1_000, this.#tokensEndMs.get(jwt.kid) ?? 0));
    return { token, issuedAtMs: nowSeconds * 1_000, expiresAtMs: exp * 1_000 };
  }

  /**
   * Moves the rotation by one step. The new state is durable before anybody hears of it; a control plane that dies in
   * between finds it in the store. Errors: why the step cannot come now.
   */
  async step(step: RotationStep, by: string): Promise<Result<CaState, string>> {
    const { clock, store } = this.#options;
    const nowMs = clock.nowMs();
    const next = transition(this.state, step, nowMs);
    if (!next.ok) return next;
    const written = await this.#write(next.value);
    if (!written.ok) return written;
    const facts = { by, sequence: next.value.sequence, active: next.value.active.id };
    store.record({ atMs: nowMs, kind: `ca-${step.kind}`, subject: this.trustDomain, facts });
    await store.flush();
    return next;
  }

  /** A generation of our own: a new root with all below it, or all below the root that is there. */
  prepareStep(
    what: 'root' | 'intermediate',
    driven: 'auto' | 'hand',
  ): Result<RotationStep & { kind: 'prepare' }, string> {
    const { clock, random, trustDomain, lifetimes } = this.#options;
    const parts = {
      trustDomain,
      nowMs: clock.nowMs(),
      random,
      lifetimes: lifetimes?.() ?? caUnlessSaid,
    };
    if (what === 'root') return ok({ kind: 'prepare', driven, next: createGeneration(parts) });
    const root = rootOf(this.state.active);
    if (root === undefined) {
      return err('the root is not ours: chancery ca request and ca import bring what it signed');
    }
    return ok({ kind: 'prepare', driven, next: generationBelow(root, parts) });
  }

  /**
   * A key for the company's CA to sign, durable before anybody sees the request for it. Errors: one is waiting already, or
   * another control plane was first.
   */
  async request(given: {
    readonly by: string;
    readonly replace: boolean;
  }): Promise<Result<CaRequest, Refusal>> {
    const { clock, random, store, trustDomain } = this.#options;
    const waiting = this.state.request;
    if (waiting !== undefined && !given.replace) return err(requestWaits(waiting));
    const nowMs = clock.nowMs();
    const request = createCaRequest({ trustDomain, nowMs, by: given.by, random });
    const written = await this.#write({ ...this.state, request });
    if (!written.ok) return err({ code: 'CH3010', message: written.error });
    store.record({
      atMs: nowMs,
      kind: 'ca-request',
      subject: trustDomain,
      facts: { by: given.by },
    });
    await store.flush();
    return ok(request);
  }

  /** The prepare step of what the company signed, for the key that waits or one that comes with it. */
  importStep(
    given: CaImport,
    driven: 'auto' | 'hand',
  ): Result<RotationStep & { kind: 'prepare' }, Refusal> {
    const next = importedGeneration(this.state, given, this.#options.clock.nowMs());
    return next.ok ? ok({ kind: 'prepare', driven, next: next.value }) : next;
  }

  /** Whom the next step would cut off now. */
  waitingFor(hosts: readonly HostConfirmation[]): readonly Waiting[] {
    const { rotation } = this.state;
    const oldKid = 'old' in rotation ? rotation.old.jwt.kid : '';
    const oldTokensEndMs = Math.max(this.#tokensEndMs.get(oldKid) ?? 0, this.#othersTokensEndMs());
    return waitingFor(this.state, hosts, { nowMs: this.#options.clock.nowMs(), oldTokensEndMs });
  }

  /** The last that another control plane may have signed with the old key, before it heard of the new one. */
  #othersTokensEndMs(): number {
    const { rotation } = this.state;
    if (this.#options.isShared !== true || !('old' in rotation)) return 0;
    return rotation.sinceMs + jwtTtlSeconds * 1_000 + hearWithinMs;
  }

  /** Takes over what another replica wrote. */
  async refresh(): Promise<void> {
    const stored = await readCa(this.#options);
    if (stored !== undefined && stored.version > this.#stored.version) this.#take(stored);
  }

  async #write(state: CaState): Promise<Result<CaState, string>> {
    const version = await writeCa(this.#options, state, this.#stored.version);
    if (version === undefined) {
      await this.refresh();
      return err('another control plane moved the CA at the same time; look again');
    }
    this.#take({ state, version });
    return ok(state);
  }

  #take(stored: StoredCa): void {
    this.#stored = stored;
    const { news } = this;
    for (const listener of [...this.#listeners]) listener(news);
  }
}

function requestWaits({ createdMs, by }: CaRequest): Refusal {
  return {
    code: 'CH3016',
    message: `a request waits for its certificate already, made at ${timeText(createdMs)} by ${by}`,
    help: 'chancery ca status DIR --json shows it (request.pem); --replace makes a new key, and what is signed for this one is lost',
  };
}

export type { StepName };
