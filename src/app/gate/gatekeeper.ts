import type { Clock } from '../../base/clock.ts';
import { type Finding, hasErrors } from '../../base/finding.ts';
import type { Compiled } from '../../compile/revision.ts';
import type { Contained } from '../../model/contained.ts';
import type { ParsedIntent } from '../../model/parse.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import type { CommitVerdict, PassedGate, Verdict } from '../../serve/api/wire-gate.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { IntentTree, TreeReading } from '../intent-source.ts';
import type { CarriedCommit } from '../intent-state.ts';
import { readIntent } from '../read-intent.ts';
import type { Arrival } from '../tracing/arrival.ts';
import { noTracing, type Tracing } from '../tracing/tracing.ts';
import {
  type Base,
  type Candidate,
  compileCandidate,
  type Gate,
  type GateName,
} from './candidate.ts';
import { excerptsOf } from './excerpts.ts';
import { attempt, brokenGate, type Checked, cut, type Outcome, refusal } from './outcome.ts';
import { approvalOf, commitOf, sameFiles, subjectOf } from './reading.ts';
import { unknownTrailers } from './trailers.ts';
import type { Verdicts } from './verdicts.ts';

/** A reading, and who let it pass a guard rail. */
interface Offer {
  readonly reading: TreeReading;
  readonly approvedBy: string | undefined;
  /** How it came; undefined: it was read for somebody who approved it. */
  readonly arrival: Arrival | undefined;
  readonly seenMs: number;
}

interface Held {
  readonly offer: Offer;
  readonly findings: readonly Finding[];
}

/** After so many in a row one is checked to its end, so that a stream of commits cannot keep everything out. */
const overtakenMax = 5;

/**
 * Lets a commit through to the control plane once it has passed every gate. One at a time, and the newest wins: what is
 * overtaken while it is checked is superseded. Until then, and when one is refused, the last good commit goes on.
 */
export class Gatekeeper {
  readonly #plane: ControlPlane;
  readonly #clock: Clock;
  readonly #gates: readonly Gate[];
  readonly #verdicts: Verdicts;
  readonly #tracing: Pick<Tracing, 'begin'>;
  readonly #keep: (tree: IntentTree) => Promise<boolean>;
  readonly #isUnread: (commit: string) => boolean;
  readonly #isLeading: () => boolean;
  #checking: Offer | undefined;
  #next: Offer | undefined;
  #held: Held | undefined;
  /** What was read and compiled last, good or not. */
  #parsed: ParsedIntent | undefined;
  #compiled: Compiled | undefined;
  #overtaken = 0;
  #settled: Promise<void> = Promise.resolve();

  constructor(parts: {
    readonly plane: ControlPlane;
    readonly clock: Clock;
    readonly gates: readonly Gate[];
    readonly verdicts: Verdicts;
    readonly tracing?: Pick<Tracing, 'begin'>;
    /** Makes what is accepted durable; false when this control plane does not lead any more. */
    readonly keep: (tree: IntentTree) => Promise<boolean>;
    /** Only the leader judges, and says what became of a commit. */
    readonly isLeading: () => boolean;
    /** The mesh runs it and this version cannot read it: it was judged by the version that can. */
    readonly isUnread?: (commit: string) => boolean;
  }) {
    this.#keep = parts.keep;
    this.#isUnread = parts.isUnread ?? (() => false);
    this.#isLeading = parts.isLeading;
    this.#plane = parts.plane;
    this.#clock = parts.clock;
    this.#gates = parts.gates;
    this.#verdicts = parts.verdicts;
    this.#tracing = parts.tracing ?? noTracing;
    parts.plane.events.follow((event) => {
      if (!this.#isLeading()) return;
      if (event.kind === 'live') this.#verdicts.live(event.commit);
      if (event.kind === 'rollout') this.#follow(event.rollout);
    });
  }

  /** The commit that only waits for somebody to approve it here. */
  get waiting(): CommitVerdict | undefined {
    return this.#held && this.#verdicts.get(commitOf(this.#held.offer.reading));
  }

  /** Resolves when nothing is being checked. */
  settled(): Promise<void> {
    return this.#settled;
  }

  /** Of what passed the gates before, and of what comes: the next one costs what differs from it. */
  read(tree: IntentTree): ParsedIntent {
    this.#parsed = readIntent(tree.files, this.#clock.nowMs(), this.#parsed);
    return this.#parsed;
  }

  /** Takes a state of the intent folder; returns at once. */
  offer(
    reading: TreeReading,
    { approvedBy, arrival }: Partial<Pick<Offer, 'approvedBy' | 'arrival'>> = {},
  ): void {
    const offer = { reading, approvedBy, arrival, seenMs: this.#clock.nowMs() };
    if (this.#checking !== undefined) {
      const replaced = this.#next;
      this.#next = offer;
      if (replaced !== undefined) this.#supersede(replaced, commitOf(reading));
      return;
    }
    this.#settled = this.#run(offer);
  }

  /** False when this commit does not wait for it. */
  async approve(commit: string, by: string): Promise<boolean> {
    // A newer commit that is being checked now is not to be overtaken by an older one.
    await this.settled();
    const held = this.#held;
    if (held === undefined || commitOf(held.offer.reading) !== commit) return false;
    this.offer(held.offer.reading, { approvedBy: by });
    await this.settled();
    return true;
  }

  async #run(first: Offer): Promise<void> {
    let offer: Offer | undefined = first;
    while (offer !== undefined) {
      this.#checking = offer;
      this.#next = undefined;
      await this.#decide(offer);
      offer = this.#next;
    }
    this.#checking = undefined;
  }

  async #decide(offer: Offer): Promise<void> {
    const { reading } = offer;
    if (!this.#isLeading()) return;
    if (this.#plane.runs(commitOf(reading))) {
      this.#release(commitOf(reading));
      this.#plane.stay();
      return;
    }
    if (this.#isUnread(commitOf(reading))) return;
    const passed: PassedGate[] = [];
    const traceId = this.#tracing.begin(reading, offer.arrival);
    const sources = reading.kind === 'tree' ? reading.tree.files : new Map<string, string>();
    const say = (verdict: Verdict): void => {
      const findings = 'findings' in verdict ? verdict.findings : [];
      this.#verdicts.set({
        ...{ commit: commitOf(reading), subject: subjectOf(reading), seenMs: offer.seenMs },
        ...{ verdict, gates: [...passed], liveMs: undefined },
        sources: excerptsOf(findings, sources),
        ...(traceId === undefined ? {} : { traceId }),
      });
    };
    say({ kind: 'checking' });
    const outcome = await this.#check(offer, (gate) => {
      passed.push(gate);
      say({ kind: 'checking' });
      this.#plane.events.emit({ kind: 'gate', commit: commitOf(reading), ...gate });
    });
    await this.#settle(offer, outcome, say);
  }

  async #settle(offer: Offer, outcome: Outcome, say: (verdict: Verdict) => void): Promise<void> {
    const { reading } = offer;
    // Whoever leads now reads it again, and judges it.
    if (!this.#isLeading()) return this.#verdicts.leave(commitOf(reading));
    if (outcome.kind === 'overtaken') {
      this.#overtaken += 1;
      this.#supersede(offer, commitOf(this.#next?.reading ?? reading));
      return;
    }
    this.#overtaken = 0;
    if (outcome.kind === 'passed' && !(await this.#keep(outcome.tree))) {
      return this.#verdicts.leave(commitOf(reading));
    }
    this.#release(commitOf(reading));
    const atMs = this.#clock.nowMs();
    switch (outcome.kind) {
      case 'passed': {
        const { tree, intent, compiled, warnings, approvedBy, carried } = outcome;
        say({ kind: 'accepted', atMs, warnings, approvedBy });
        this.#plane.accept(tree, intent, {
          warnings,
          approved: approvedBy !== undefined,
          ...{ compiled, carried },
        });
        this.#replace(tree.commit);
        return;
      }
      case 'refused':
        say({ kind: 'refused', atMs, findings: outcome.findings });
        this.#plane.refuse(reading, outcome.findings);
        return;
      case 'held':
        this.#held = { offer, findings: outcome.findings };
        say({ kind: 'waiting', atMs, findings: outcome.findings });
        this.#tellWaiting(reading, outcome.findings);
    }
  }

  async #check(offer: Offer, passed: (gate: PassedGate) => void): Promise<Outcome> {
    const { reading } = offer;
    if (reading.kind === 'unreadable') return { kind: 'refused', findings: reading.findings };
    const { tree } = reading;
    const takenBack = this.#plane.takenBack(tree.commit);
    if (takenBack !== undefined) return refusal([takenBack]);
    const parsed = await this.#pass('parse', passed, () => {
      const { intent, findings } = this.read(tree);
      const carried = intent === undefined ? this.#carriedAs(tree) : undefined;
      const said = unknownTrailers(tree.trailers);
      if (carried === undefined) {
        return { findings: [...findings, ...said], value: intent && { intent, carried: [] } };
      }
      const warnings = findings.filter(({ severity }) => severity === 'warning');
      return { findings: [...warnings, ...said], value: carried };
    });
    if (parsed.value === undefined || hasErrors(parsed.findings)) return refusal(parsed.findings);
    const { intent, carried } = parsed.value;
    const compiled = await this.#pass('compile', passed, () => {
      const world = { base: this.#base(), inventory: this.#plane.inventory };
      const value = compileCandidate(
        ...([tree, intent, world, this.#compiled, this.#plane.publisher.compile] as const),
      );
      this.#compiled = value.compiled;
      return { findings: [], value };
    });
    if (compiled.value === undefined) return refusal(compiled.findings);
    const rest = await this.#passAll(compiled.value, carried, offer, passed);
    // Who misspelled the approval finds it beside what waits for it.
    if (rest.kind === 'held') {
      return { ...rest, findings: cut([...rest.findings, ...unknownTrailers(tree.trailers)]) };
    }
    if (rest.kind !== 'passed') return rest;
    return { ...rest, warnings: [...parsed.findings, ...rest.warnings] };
  }

  /**
   * What runs, or ran before what is on its way, changes nothing by coming as another commit: as when a branch is brought
   * back to it. It is as good as it was, whatever this version would say to it.
   */
  #carriedAs({ files }: IntentTree): Pick<CarriedCommit, 'intent' | 'carried'> | undefined {
    return this.#plane.carried.find(({ tree }) => sameFiles(tree.files, files));
  }

  async #passAll(
    candidate: Candidate,
    carried: readonly Contained[],
    offer: Offer,
    passed: (gate: PassedGate) => void,
  ): Promise<Outcome> {
    const { tree, intent, compiled } = candidate;
    const warnings: Finding[] = [];
    let approvedBy: string | undefined;
    // What is closed of what is carried fails tests that expect it to be open, and it runs so already.
    const gates = this.#gates.filter(({ name }) => name !== 'tests' || carried.length === 0);
    for (const gate of gates) {
      if (this.#next !== undefined && this.#overtaken < overtakenMax) return { kind: 'overtaken' };
      const { findings } = await this.#pass(gate.name, passed, async () => ({
        findings: await gate.check(candidate),
        value: undefined,
      }));
      const stops = hasErrors(findings);
      if (stops && gate.onErrors === 'refuse') return refusal(findings);
      if (stops) approvedBy = offer.approvedBy ?? approvalOf(tree);
      if (stops && approvedBy === undefined) return { kind: 'held', findings: cut(findings) };
      warnings.push(...findings.filter(({ severity }) => severity === 'warning'));
    }
    return { kind: 'passed', tree, intent, compiled, warnings, approvedBy, carried };
  }

  /** A gate that fails itself lets nothing through. */
  async #pass<Value>(
    gate: GateName,
    passed: (gate: PassedGate) => void,
    check: () => Checked<Value> | Promise<Checked<Value>>,
  ): Promise<Checked<Value>> {
    const startedMs = this.#clock.monotonicMs();
    const checked = await attempt(check, (error) => brokenGate(gate, error));
    const tookMs = Math.round(this.#clock.monotonicMs() - startedMs);
    const errors = checked.findings.filter(({ severity }) => severity === 'error').length;
    passed({ gate, tookMs, errors, warnings: checked.findings.length - errors });
    return checked;
  }

  /** What was accepted and hurts is refused after all. */
  #follow({ commit, state }: Rollout): void {
    const known = this.#verdicts.get(commit);
    const finding = this.#plane.takenBack(commit);
    if (state.kind !== 'taken-back' || known?.verdict.kind !== 'accepted') return;
    if (finding === undefined) return;
    const verdict = { kind: 'refused' as const, atMs: state.sinceMs, findings: [finding] };
    this.#verdicts.set({ ...known, verdict });
  }

  #base(): Base | undefined {
    const { intent, publisher } = this.#plane;
    if (intent.kind === 'empty') return undefined;
    const { commit } = intent.tree;
    return { commit, intent: intent.intent, snapshots: publisher.bareSnapshots };
  }

  /** Another commit has come to its end: what waited is contained in it, or was taken back. */
  #release(by: string): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && commitOf(held.offer.reading) !== by) this.#supersede(held.offer, by);
  }

  #supersede({ reading, seenMs }: Offer, by: string): void {
    const commit = commitOf(reading);
    // The folder was read twice in the same state.
    if (commit === by) return;
    const subject = subjectOf(reading);
    const known = this.#verdicts.get(commit);
    // The branch was for a moment at what was accepted before, and is so whatever comes next.
    if (this.#isInEffect(commit) && known?.verdict.kind === 'accepted') return;
    const verdict = { kind: 'superseded' as const, atMs: this.#clock.nowMs(), by };
    const record = { commit, subject, seenMs, verdict, liveMs: undefined, sources: {} };
    const traceId = known?.traceId;
    this.#verdicts.set({
      ...{ ...record, gates: known?.gates ?? [] },
      ...(traceId === undefined ? {} : { traceId }),
    });
    this.#plane.events.emit({ kind: 'superseded', commit, subject, by });
  }

  #isInEffect(commit: string): boolean {
    const { running, next } = this.#plane.revision ?? {};
    return commit === running || commit === next;
  }

  /** What is on its way has another one in its place: it is in that one, or goes back with it. */
  #replace(by: string): void {
    const { running, next } = this.#plane.revision ?? {};
    if (next !== by || running === undefined) return;
    const verdict = { kind: 'superseded' as const, atMs: this.#clock.nowMs(), by };
    for (const one of this.#verdicts.acceptedSince(running)) {
      if (one.commit === by) continue;
      this.#verdicts.set({ ...one, verdict });
      this.#plane.events.emit({ kind: 'superseded', commit: one.commit, subject: one.subject, by });
    }
  }

  #tellWaiting(reading: TreeReading, findings: readonly Finding[]): void {
    const files = reading.kind === 'tree' ? reading.tree.files : new Map<string, string>();
    const sources = excerptsOf(findings, files);
    const [commit, subject] = [commitOf(reading), subjectOf(reading)];
    this.#plane.events.emit({ kind: 'waiting', commit, subject, findings, sources });
  }
}
