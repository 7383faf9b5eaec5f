import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { Log } from '../../base/log.ts';
import { orderOf, readBundleDocument } from '../../identity/bundle-read.ts';
import { trustDomainOf } from '../../identity/spiffe-id.ts';
import type { TrustBundle } from '../../identity/trust.ts';
import type { TrustDomain, TrustPeer } from '../../model/types.ts';
import type { PeerReply } from '../../serve/api/wire.ts';
import { type EndpointAuth, fetchBundle, type Problem } from './fetch-bundle.ts';
import { type HeldBundle, type PeerStore, readHeld, writeHeld } from './peer-store.ts';

/** What a publisher that does not say means (SPIFFE Federation section 4.1). */
const refreshDefaultMs = 300_000;
/** More often is a load for the partner that helps nobody; more rarely, and a key that it has revoked is believed for too long. */
const refreshMsMin = 10_000;
const refreshMsMax = 3_600_000;

/** How polling stands. A failure keeps what was there and waits for the next interval (rule 76). */
type PollState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'fresh' }
  | { readonly kind: 'failing'; readonly sinceMs: number; readonly problem: Problem };

interface PeerPollerParts {
  readonly store: PeerStore;
  readonly clock: Clock;
  readonly log: Log;
  /** The latest bundle of any trust domain: an endpoint is checked with that of its own. */
  readonly bundleOf: (trustDomain: TrustDomain) => TrustBundle | undefined;
  readonly onChange: () => void;
}

/** Keeps the bundle of one trust domain up to date. */
export class PeerPoller {
  readonly peer: TrustPeer;
  readonly #parts: PeerPollerParts;
  readonly #ended = new AbortController();
  #held: HeldBundle | undefined;
  #state: PollState = { kind: 'waiting' };
  #seedProblem: Problem | undefined;
  #nextMs: number | undefined;
  #polling: Promise<void> | undefined;
  #cancel = (): void => {};

  constructor(peer: TrustPeer, parts: PeerPollerParts) {
    this.peer = peer;
    this.#parts = parts;
  }

  get bundle(): TrustBundle | undefined {
    return this.#held?.document.bundle;
  }

  get state(): PollState {
    return this.#state;
  }

  get reply(): PeerReply {
    const { trustDomain, endpoint, auth } = this.peer;
    const document = this.#held?.document;
    return {
      ...{ trustDomain, endpoint, profile: auth.profile },
      endpointId: auth.profile === 'https_spiffe' ? auth.endpointId : undefined,
      source: this.#held?.source ?? 'none',
      sequence: document?.sequence?.toString(),
      x509Roots: document?.bundle.x509Roots.length ?? 0,
      jwtKids: document?.bundle.jwtKeys.map(({ kid }) => kid) ?? [],
      fetchedMs: this.#held?.fetchedMs,
      nextMs: this.#nextMs,
      refreshMs: this.#refreshMs,
      state: this.#state.kind,
      failingSinceMs: this.#state.kind === 'failing' ? this.#state.sinceMs : undefined,
      problem:
        this.#state.kind === 'failing' ? { severity: 'error', ...this.#state.problem } : undefined,
    };
  }

  /** Takes up what is there already: the last good bundle, or the seed. */
  async open(): Promise<void> {
    this.#held = (await readHeld(this.#parts.store, this.peer)) ?? this.#seed();
  }

  start(): void {
    void this.refresh();
  }

  /** Fetches now; a fetch that is under way is joined. */
  refresh(): Promise<void> {
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = undefined;
    });
    return this.#polling;
  }

  /** Resolves when nothing of it writes any more. */
  async stop(): Promise<void> {
    this.#ended.abort();
    this.#cancel();
    await this.#polling;
  }

  /** A seed that cannot be used is told at once; with https_web the first fetch does without it. */
  #seed(): HeldBundle | undefined {
    const { bundle: text, trustDomain } = this.peer;
    if (text === undefined) return undefined;
    const document = readBundleDocument(Buffer.from(text), trustDomain);
    if (document.ok)
      return { source: 'seed', fetchedMs: undefined, document: document.value, text };
    this.#seedProblem = {
      code: 'CH3209',
      message: `the bundle of "${trustDomain}" in mesh.yaml cannot be used: ${document.error}`,
    };
    this.#fail(this.#seedProblem);
    return undefined;
  }

  async #poll(): Promise<void> {
    const { clock } = this.#parts;
    this.#cancel();
    const problem = await this.#fetch().catch(
      (error: unknown): Problem => ({
        code: 'CH3207',
        message: `the bundle of "${this.peer.trustDomain}" cannot be kept: ${messageOf(error)}`,
      }),
    );
    if (this.#ended.signal.aborted) return;
    if (problem === undefined) this.#state = { kind: 'fresh' };
    else this.#fail(problem);
    this.#nextMs = clock.nowMs() + this.#refreshMs;
    this.#cancel = clock.after(this.#refreshMs, () => this.start());
  }

  async #fetch(): Promise<Problem | undefined> {
    const { endpoint } = this.peer;
    const { clock } = this.#parts;
    const { signal } = this.#ended;
    const auth = this.#auth();
    const hasNothing = auth.profile === 'https_spiffe' && auth.roots.length === 0;
    if (hasNothing && this.#seedProblem !== undefined) return this.#seedProblem;
    const fetched = await fetchBundle({ endpoint, auth, clock, signal });
    if (signal.aborted) return undefined;
    return fetched.ok ? this.#take(fetched.value) : fetched.error;
  }

  /** Durable before it is used: a restart never goes back behind what hosts have heard. */
  async #take(bytes: Uint8Array): Promise<Problem | undefined> {
    const { trustDomain } = this.peer;
    const document = readBundleDocument(bytes, trustDomain);
    if (!document.ok) {
      const message = `the bundle of "${trustDomain}" cannot be used: ${document.error}`;
      return { code: 'CH3204', message };
    }
    const before = this.#held;
    const order = before === undefined ? 'newer' : orderOf(before.document, document.value);
    if (order === 'older') {
      return {
        code: 'CH3205',
        message: `the endpoint of "${trustDomain}" gives an older bundle than the one before`,
        expected: `sequence ${before?.document.sequence} or later`,
        found: `sequence ${document.value.sequence}`,
      };
    }
    const { store, clock } = this.#parts;
    const text = Buffer.from(bytes).toString('utf8');
    const fetchedMs = clock.nowMs();
    if (before?.source !== 'fetched' || before.text !== text) {
      await writeHeld(store, this.peer, { text, fetchedMs });
    }
    if (this.#ended.signal.aborted) return undefined;
    this.#held = { source: 'fetched', fetchedMs, document: document.value, text };
    if (order === 'newer') this.#tell();
    return undefined;
  }

  #tell(): void {
    const { log, onChange } = this.#parts;
    const document = this.#held?.document;
    log.info('a peer has a new bundle', {
      trustDomain: this.peer.trustDomain,
      sequence: document?.sequence?.toString(),
      x509Roots: document?.bundle.x509Roots.length,
      jwtKeys: document?.bundle.jwtKeys.length,
    });
    onChange();
  }

  #auth(): EndpointAuth {
    const { auth } = this.peer;
    if (auth.profile === 'https_web') return auth;
    const roots = this.#parts.bundleOf(trustDomainOf(auth.endpointId))?.x509Roots ?? [];
    return { ...auth, roots };
  }

  #fail(problem: Problem): void {
    const { clock, log } = this.#parts;
    const sinceMs = this.#state.kind === 'failing' ? this.#state.sinceMs : clock.nowMs();
    this.#state = { kind: 'failing', sinceMs, problem };
    const { trustDomain } = this.peer;
    const { code, message } = problem;
    log.warn('the bundle of a peer is not fresh', { trustDomain, code, problem: message });
  }

  get #refreshMs(): number {
    const hint = this.#held?.document.refreshHintSeconds;
    const wantedMs = hint === undefined ? refreshDefaultMs : hint * 1_000;
    return Math.min(refreshMsMax, Math.max(refreshMsMin, wantedMs));
  }
}
