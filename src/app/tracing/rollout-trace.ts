import { type Context, type Span, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import type { Rollout, RolloutState } from '../../rollout/rollout.ts';
import type { MeshEvent } from '../../serve/api/wire.ts';

/** A wave, and within it what is done now. */
interface Wave {
  readonly index: number;
  readonly span: Span;
  readonly step: Step;
}

type Step =
  | {
      readonly kind: 'push';
      readonly span: Span;
      readonly startMs: number;
      readonly proxies: readonly string[];
      slowest: Ack | undefined;
    }
  | { readonly kind: 'watch' | 'halt'; readonly span: Span };

interface Ack {
  readonly proxy: string;
  readonly atMs: number;
}

/** Refused answers of one step; each is an event, and a span holds some hundred. */
const refusalsMax = 20;

/** The way of one commit to its proxies: a span for each wave, and in it one for each push, watch and halt. */
export class RolloutTrace {
  readonly #tracer: Tracer;
  readonly #root: Span;
  readonly #context: Context;
  #wave: Wave | undefined;
  /** Who was sent it and has not taken it yet. */
  readonly #missing = new Set<string>();
  #last: Ack | undefined;
  #refusals = 0;
  #isThrough = false;

  constructor(tracer: Tracer, root: Span, context: Context) {
    this.#tracer = tracer;
    this.#root = root;
    this.#context = context;
  }

  /** All waves are done; proxies that were away may still have to take it. */
  get isThrough(): boolean {
    return this.#isThrough;
  }

  become({ state, waves }: Rollout, nowMs: number): void {
    switch (state.kind) {
      case 'pushing':
      case 'watching':
      case 'halted':
        this.#enter(state, waves, nowMs);
        return;
      case 'live':
        this.#isThrough = true;
        this.#leaveWave(nowMs);
        return;
      case 'taken-back':
        this.#fail(state.reason);
        this.#leaveWave(nowMs);
    }
  }

  converged(proxy: string, atMs: number): void {
    if (!this.#missing.delete(proxy)) return;
    this.#last = { proxy, atMs };
    const step = this.#wave?.step;
    if (step?.kind === 'push' && step.proxies.includes(proxy)) step.slowest = this.#last;
  }

  refused({ proxy, resource, message }: Extract<MeshEvent, { readonly kind: 'nacked' }>): void {
    if (this.#refusals >= refusalsMax) return;
    this.#refusals += 1;
    const attributes = {
      'chancery.proxy': proxy,
      'chancery.resource': resource,
      'chancery.reason': message,
    };
    (this.#wave?.step.span ?? this.#root).addEvent('NACK', attributes);
  }

  end(nowMs: number): void {
    this.#leaveWave(nowMs);
    if (this.#last === undefined) return;
    const { proxy, atMs } = this.#last;
    this.#root.addEvent('last ACK', { 'chancery.proxy': proxy }, atMs);
    this.#last = undefined;
  }

  #enter(
    state: Extract<RolloutState, { readonly wave: number }>,
    waves: Rollout['waves'],
    nowMs: number,
  ): void {
    const proxies = waves[state.wave] ?? [];
    if (this.#wave?.index !== state.wave) this.#leaveWave(nowMs);
    else this.#leaveStep(this.#wave, nowMs);
    const span =
      this.#wave?.span ??
      this.#start(this.#context, `wave ${state.wave + 1} of ${Math.max(1, waves.length)}`, nowMs, {
        'chancery.wave': state.wave + 1,
        'chancery.proxies': proxies.length,
      });
    const step = this.#step(state, trace.setSpan(this.#context, span), proxies, nowMs);
    this.#wave = { index: state.wave, span, step };
  }

  #step(
    state: Extract<RolloutState, { readonly wave: number }>,
    context: Context,
    proxies: readonly string[],
    nowMs: number,
  ): Step {
    switch (state.kind) {
      case 'pushing': {
        for (const proxy of proxies) this.#missing.add(proxy);
        const span = this.#start(context, 'push', nowMs, { 'chancery.proxies': proxies.length });
        return { kind: 'push', span, startMs: nowMs, proxies, slowest: undefined };
      }
      case 'watching':
        return { kind: 'watch', span: this.#start(context, 'watch', nowMs) };
      case 'halted':
        return {
          kind: 'halt',
          span: this.#start(context, 'halt', nowMs, { 'chancery.by': state.by }),
        };
    }
  }

  #start(
    context: Context,
    name: string,
    startTime: number,
    attributes: Readonly<Record<string, string | number>> = {},
  ): Span {
    return this.#tracer.startSpan(name, { startTime, attributes }, context);
  }

  #fail(reason: string): void {
    const status = { code: SpanStatusCode.ERROR, message: reason };
    this.#wave?.step.span.setStatus(status);
    this.#wave?.span.setStatus(status);
  }

  #leaveWave(nowMs: number): void {
    const wave = this.#wave;
    if (wave === undefined) return;
    this.#leaveStep(wave, nowMs);
    wave.span.end(nowMs);
    this.#wave = undefined;
  }

  #leaveStep({ step }: Wave, nowMs: number): void {
    if (step.kind === 'push') {
      const { proxies, slowest, startMs, span } = step;
      const behind = proxies.filter((proxy) => this.#missing.has(proxy)).length;
      span.setAttribute('chancery.proxies_behind', behind);
      if (slowest !== undefined) {
        const { proxy, atMs } = slowest;
        const attributes = { 'chancery.proxy': proxy, 'chancery.took_ms': atMs - startMs };
        span.addEvent('slowest ACK', attributes, atMs);
      }
    }
    step.span.end(nowMs);
  }
}
