import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Clock } from '../../base/clock.ts';
import type { Finding } from '../../base/finding.ts';
import type { MeshEvent } from '../../serve/api/wire.ts';
import type { TreeReading } from '../intent-source.ts';
import type { Arrival } from './arrival.ts';
import { RolloutTrace } from './rollout-trace.ts';
import { parseTraceparent } from './traceparent.ts';
import type { Tracing } from './tracing.ts';

type EventOf<Kind extends MeshEvent['kind']> = Extract<MeshEvent, { readonly kind: Kind }>;

/**
 * Where a commit stands. `checked`: before the gates; `failed` is the gate that stopped it, until it is said with which
 * codes. `waiting`: for a person. `rollout`: on its way to proxies.
 */
type Stage =
  | { readonly kind: 'checked'; readonly failed: FailedGate | undefined }
  | { readonly kind: 'waiting'; readonly span: Span }
  | { readonly kind: 'rollout'; readonly trace: RolloutTrace };

interface FailedGate {
  readonly span: Span;
  readonly endMs: number;
}

interface OpenTrace {
  readonly root: Span;
  readonly context: Context;
  stage: Stage;
  /** Every proxy has taken it, which may be told before the wave in which they did. */
  isTaken: boolean;
}

interface EndedTrace {
  readonly context: Context;
  readonly isLive: boolean;
}

/** Commits at once; one that stays behind, such as one that nobody approves, must not be kept for ever. */
const openMax = 16;
/** Commits whose trace has ended, for logs and for what still happens to them. */
const endedMax = 64;

/** Makes spans of what the control plane says about commits anyway. */
export class CommitTraces
  implements Pick<Tracing, 'begin' | 'traceIdOf' | 'onEvent' | 'converged'>
{
  readonly #tracer: Tracer;
  readonly #clock: Clock;
  readonly #open = new Map<string, OpenTrace>();
  readonly #ended = new Map<string, EndedTrace>();
  #hasAccepted = false;

  constructor(tracer: Tracer, clock: Clock) {
    this.#tracer = tracer;
    this.#clock = clock;
  }

  begin(reading: TreeReading, arrival: Arrival | undefined): string | undefined {
    const { commit, subject } = reading.kind === 'tree' ? reading.tree : reading;
    const known = this.#open.get(commit);
    if (known !== undefined) {
      this.#leaveStage(known);
      known.stage = { kind: 'checked', failed: undefined };
      return this.traceIdOf(commit);
    }
    const said =
      reading.kind === 'tree' ? reading.tree.trailers.get('traceparent')?.[0] : undefined;
    const parent = parseTraceparent(said) ?? parseTraceparent(arrival?.traceparent);
    const root = this.#tracer.startSpan(
      'commit',
      {
        startTime: arrival?.atMs ?? this.#clock.nowMs(),
        attributes: {
          'vcs.ref.head.revision': commit,
          'chancery.subject': subject,
          ...(arrival && { 'chancery.noticed_by': arrival.by }),
        },
      },
      parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent),
    );
    const context = trace.setSpan(ROOT_CONTEXT, root);
    const stage = { kind: 'checked' as const, failed: undefined };
    this.#open.set(commit, { root, context, stage, isTaken: false });
    this.#ended.delete(commit);
    if (arrival?.fetched !== undefined) this.#past(context, 'fetch', arrival.fetched);
    if (arrival !== undefined) this.#past(context, 'read', arrival.read);
    const [oldest] = this.#open.keys();
    if (this.#open.size > openMax && oldest !== undefined) this.#end(oldest, 'unknown');
    return this.traceIdOf(commit);
  }

  traceIdOf(commit: string): string | undefined {
    const context = this.#open.get(commit)?.context ?? this.#ended.get(commit)?.context;
    const span = context && trace.getSpanContext(context);
    if (span === undefined || (span.traceFlags & TraceFlags.SAMPLED) === 0) return undefined;
    return span.traceId;
  }

  onEvent(event: MeshEvent): void {
    switch (event.kind) {
      case 'gate':
        this.#gate(event);
        return;
      case 'refused':
        this.#refused(event);
        return;
      case 'waiting':
        this.#waiting(event);
        return;
      case 'accepted':
        this.#accepted(event);
        return;
      case 'superseded':
        this.#end(event.commit, 'superseded', { 'chancery.superseded_by': event.by });
        return;
      case 'rollout':
        this.#rollout(event);
        return;
      case 'live':
        this.#live(event);
        return;
      case 'nacked':
        for (const { stage } of this.#open.values()) {
          if (stage.kind === 'rollout') stage.trace.refused(event);
        }
        return;
      case 'connected':
      case 'disconnected':
      case 'problem':
        return;
    }
  }

  converged(proxy: string): void {
    for (const { stage } of this.#open.values()) {
      if (stage.kind === 'rollout') stage.trace.converged(proxy, this.#clock.nowMs());
    }
  }

  /** For an end of the process: whatever is open ends here. */
  interrupt(): void {
    for (const commit of [...this.#open.keys()]) this.#end(commit, 'interrupted');
  }

  #gate({ commit, gate, tookMs, errors, warnings }: EventOf<'gate'>): void {
    const open = this.#open.get(commit);
    if (open === undefined) return;
    this.#leaveStage(open);
    const endMs = this.#clock.nowMs();
    const attributes = { 'chancery.errors': errors, 'chancery.warnings': warnings };
    const startTime = endMs - tookMs;
    const span = this.#tracer.startSpan(gate, { startTime, attributes }, open.context);
    open.stage = { kind: 'checked', failed: errors > 0 ? { span, endMs } : undefined };
    if (errors === 0) span.end(endMs);
  }

  #refused({ commit, findings }: EventOf<'refused'>): void {
    const open = this.#open.get(commit);
    if (open === undefined) return;
    const [attributes, status] = [codesOf(findings), failure(reasonOf(findings))];
    if (open.stage.kind === 'checked') open.stage.failed?.span.setAttributes(attributes);
    if (open.stage.kind === 'checked') open.stage.failed?.span.setStatus(status);
    this.#end(commit, 'refused', attributes, reasonOf(findings));
  }

  #waiting({ commit, findings }: EventOf<'waiting'>): void {
    const open = this.#open.get(commit);
    if (open === undefined) return;
    const attributes = codesOf(findings);
    if (open.stage.kind === 'checked') open.stage.failed?.span.setAttributes(attributes);
    this.#leaveStage(open);
    const startTime = this.#clock.nowMs();
    const span = this.#tracer.startSpan('approval', { startTime, attributes }, open.context);
    open.stage = { kind: 'waiting', span };
  }

  /** The first of all is for everybody at once: whoever connects gets it, and it has no waves. */
  #accepted({ commit, services, warnings }: EventOf<'accepted'>): void {
    const isFirst = !this.#hasAccepted;
    this.#hasAccepted = true;
    const open = this.#open.get(commit);
    if (open === undefined) return;
    open.root.setAttributes({ 'chancery.services': services, ...codesOf(warnings) });
    if (isFirst) this.#end(commit, 'accepted');
  }

  #rollout({ rollout }: EventOf<'rollout'>): void {
    const { commit, state, waves } = rollout;
    const open = this.#open.get(commit);
    if (open === undefined) {
      this.#late(rollout);
      return;
    }
    if (open.stage.kind !== 'rollout') {
      this.#leaveOthers(commit);
      this.#leaveStage(open);
      const proxies = waves.flat().length;
      open.root.setAttributes({ 'chancery.proxies': proxies, 'chancery.waves': waves.length });
      const { root, context } = open;
      open.stage = { kind: 'rollout', trace: new RolloutTrace(this.#tracer, root, context) };
    }
    const { trace: way } = open.stage;
    way.become(rollout, this.#clock.nowMs());
    if (state.kind === 'taken-back') this.#end(commit, 'taken-back', {}, state.reason);
    else if (way.isThrough && open.isTaken) this.#end(commit, 'live');
  }

  #live({ commit }: EventOf<'live'>): void {
    const open = this.#open.get(commit);
    if (open === undefined) return;
    open.isTaken = true;
    if (open.stage.kind === 'rollout' && open.stage.trace.isThrough) this.#end(commit, 'live');
  }

  /** It was live, and was taken back while it was still looked at. */
  #late({ commit, state }: EventOf<'rollout'>['rollout']): void {
    const ended = this.#ended.get(commit);
    if (ended?.isLive !== true || state.kind !== 'taken-back') return;
    const startTime = this.#clock.nowMs();
    const span = this.#tracer.startSpan('taken back', { startTime }, ended.context);
    span.setStatus(failure(state.reason));
    span.end(startTime);
    this.#ended.set(commit, { ...ended, isLive: false });
  }

  /** A newer commit is on its way: what proxies have not taken of those before is in it. */
  #leaveOthers(commit: string): void {
    for (const [other, { stage }] of [...this.#open]) {
      if (other === commit || stage.kind !== 'rollout') continue;
      this.#end(other, 'superseded', { 'chancery.superseded_by': commit });
    }
  }

  #leaveStage({ stage }: OpenTrace): void {
    const nowMs = this.#clock.nowMs();
    switch (stage.kind) {
      case 'checked':
        stage.failed?.span.end(stage.failed.endMs);
        return;
      case 'waiting':
        stage.span.end(nowMs);
        return;
      case 'rollout':
        stage.trace.end(nowMs);
    }
  }

  #end(commit: string, outcome: string, attributes: Attributes = {}, reason?: string): void {
    const open = this.#open.get(commit);
    if (open === undefined) return;
    this.#leaveStage(open);
    open.root.setAttributes({ ...attributes, 'chancery.outcome': outcome });
    if (reason !== undefined) open.root.setStatus(failure(reason));
    open.root.end(this.#clock.nowMs());
    this.#open.delete(commit);
    this.#ended.set(commit, { context: open.context, isLive: outcome === 'live' });
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > endedMax && oldest !== undefined) this.#ended.delete(oldest);
  }

  #past(context: Context, name: string, { startMs, endMs }: Arrival['read']): void {
    this.#tracer.startSpan(name, { startTime: startMs }, context).end(endMs);
  }
}

function failure(message: string) {
  return { code: SpanStatusCode.ERROR, message };
}

function codesOf(findings: readonly Finding[]): Attributes {
  if (findings.length === 0) return {};
  return { 'chancery.codes': [...new Set(findings.map(({ code }) => code))] };
}

function reasonOf(findings: readonly Finding[]): string {
  const first = findings.find(({ severity }) => severity === 'error');
  if (first === undefined) return 'refused';
  const at = first.at === undefined ? '' : ` (${first.at.file}:${first.at.line})`;
  return `${first.code}: ${first.message}${at}`;
}
