import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { readingOf } from '../../../test/support/gate-world.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { Rollout, RolloutState } from '../../rollout/rollout.ts';
import { CommitTraces } from './commit-traces.ts';

const waves = [['a-1'], ['a-2', 'b-1']].map(
  (wave) => wave as readonly string[] as readonly WorkloadId[],
);

function world() {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  let nowMs = 1_700_000_000_000;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => {} };
  const traces = new CommitTraces(provider.getTracer('test'), clock);
  const become = (commit: string, state: RolloutState): void => {
    nowMs += 1_000;
    const rollout: Rollout = { commit, subject: '', base: 'zero', startedMs: 0, waves, state };
    traces.onEvent({ kind: 'rollout', rollout });
  };
  const begin = (commit: string): void => {
    traces.begin(readingOf(commit, {}), undefined);
    const accepted = { kind: 'accepted' as const, commit, subject: '', services: 1, warnings: [] };
    traces.onEvent(accepted);
  };
  const span = (name: string): ReadableSpan => {
    const found = exporter.getFinishedSpans().findLast((one) => one.name === name);
    if (found === undefined) throw new Error(`no span ${name}`);
    return found;
  };
  // The first commit of a control plane has no waves.
  begin('zero');
  const later = (ms: number): void => {
    nowMs += ms;
  };
  return { traces, begin, become, span, later, exporter };
}

const takenBack = (reason: string) => ({
  ...{ kind: 'taken-back' as const, sinceMs: 0, reason },
  branch: { kind: 'open' as const, problem: undefined },
});

const outcome = ({ attributes }: ReadableSpan) => attributes['chancery.outcome'];

describe('the trace of a rollout', () => {
  it('has a span for each wave, says who was slowest, and ends with the last proxy', () => {
    const { traces, begin, become, span, later } = world();
    begin('one');
    become('one', { kind: 'pushing', wave: 0, sinceMs: 0 });
    traces.converged('a-1');
    become('one', { kind: 'watching', wave: 0, sinceMs: 0 });
    become('one', { kind: 'pushing', wave: 1, sinceMs: 0 });
    later(20);
    traces.converged('a-2');
    become('one', { kind: 'watching', wave: 1, sinceMs: 0 });
    const [slowest] = span('push').events;
    assert.deepEqual(slowest?.attributes, { 'chancery.proxy': 'a-2', 'chancery.took_ms': 20 });
    assert.equal(span('push').attributes['chancery.proxies_behind'], 1);
    become('one', { kind: 'live', sinceMs: 0 });
    assert.equal(outcome(span('commit')), 'accepted', 'b-1 has not taken it');
    later(500);
    traces.converged('b-1');
    traces.onEvent({ kind: 'live', commit: 'one', proxies: [], tookMs: 1 });
    assert.equal(outcome(span('commit')), 'live');
    const [last] = span('commit').events;
    assert.deepEqual([last?.name, last?.attributes?.['chancery.proxy']], ['last ACK', 'b-1']);
    assert.equal(
      span('wave 1 of 2').parentSpanContext?.spanId,
      span('commit').spanContext().spanId,
    );
  });

  it('that hurts is an error with its reason, at its wave and in whole', () => {
    const { traces, begin, become, span } = world();
    begin('one');
    become('one', { kind: 'pushing', wave: 0, sinceMs: 0 });
    const from = { kind: 'nacked' as const, proxy: 'a-1', resource: 'Cluster x', from: [] };
    traces.onEvent({ ...from, message: 'no' });
    become('one', takenBack('a-1 refuses it'));
    assert.equal(span('push').events[0]?.name, 'NACK');
    for (const name of ['push', 'wave 1 of 2', 'commit']) {
      assert.deepEqual(span(name).status, { code: 2, message: 'a-1 refuses it' }, name);
    }
    assert.equal(outcome(span('commit')), 'taken-back');
  });

  it('that was taken back when it was live already says so once in the same trace', () => {
    const { traces, begin, become, span, exporter } = world();
    begin('one');
    become('one', { kind: 'pushing', wave: 0, sinceMs: 0 });
    become('one', { kind: 'live', sinceMs: 0 });
    traces.onEvent({ kind: 'live', commit: 'one', proxies: [], tookMs: 1 });
    const traceId = traces.traceIdOf('one');
    become('one', takenBack('it hurts'));
    // Told again with what became of the branch.
    become('one', { ...takenBack('it hurts'), branch: { kind: 'as before', commit: 'zero' } });
    const late = exporter.getFinishedSpans().filter(({ name }) => name === 'taken back');
    assert.equal(late.length, 1);
    assert.equal(span('taken back').status.message, 'it hurts');
    assert.equal(span('taken back').spanContext().traceId, traceId);
  });

  it('ends also where all have taken it before its wave is told', () => {
    const { traces, begin, become, span } = world();
    begin('one');
    traces.onEvent({ kind: 'live', commit: 'one', proxies: [], tookMs: 1 });
    become('one', { kind: 'pushing', wave: 0, sinceMs: 0 });
    become('one', { kind: 'live', sinceMs: 0 });
    assert.equal(outcome(span('commit')), 'live');
  });

  it('ends when a newer commit takes its place, and when the process ends', () => {
    const { traces, begin, become, exporter } = world();
    begin('one');
    become('one', { kind: 'pushing', wave: 0, sinceMs: 0 });
    become('one', { kind: 'halted', wave: 0, sinceMs: 0, by: 'ann' });
    begin('two');
    become('two', { kind: 'pushing', wave: 0, sinceMs: 0 });
    traces.interrupt();
    const roots = exporter.getFinishedSpans().filter(({ name }) => name === 'commit');
    assert.deepEqual(roots.map(outcome), ['accepted', 'superseded', 'interrupted']);
  });

  it('of commits that nobody ends are a bounded number', () => {
    const { traces, exporter } = world();
    for (let at = 0; at < 100; at += 1) traces.begin(readingOf(`commit-${at}`, {}), undefined);
    const ended = exporter.getFinishedSpans().filter((one) => outcome(one) === 'unknown');
    assert.equal(ended.length, 100 - 16);
  });
});
