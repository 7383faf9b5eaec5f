import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { seeded } from '../base/seeded.fixture.ts';
import { someDecision, someDenial } from './decision.fixture.ts';
import { DecisionLog, type DecisionLogOptions } from './decision-log.ts';

const clock = { nowMs: () => 5, after: systemClock.after };

describe('the decision log', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'decisions-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const open = (change: Partial<DecisionLogOptions> = {}): DecisionLog =>
    new DecisionLog({
      ...{ dir, clock, allowRate: 1, sink: undefined },
      random: { fraction: seeded(3) },
      ...change,
    });
  const lines = (): Record<string, unknown>[] =>
    readFileSync(join(dir, 'decisions.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('holds a line a decision, with the policy that made it', async () => {
    const log = open();
    log.write(someDecision);
    await log.close();
    assert.deepEqual(lines(), [JSON.parse(JSON.stringify(someDecision))]);
  });

  it('samples plain allows by the rate, and nothing else ever', async () => {
    const log = open({ allowRate: 0.1 });
    const kept = [
      someDenial,
      { ...someDecision, audits: [{ rule: 'a', effect: 'deny' as const }] },
      { ...someDecision, undecided: [{ rule: 'a', message: 'no such key' }] },
      { ...someDecision, fault: 'broken' },
    ];
    for (let round = 0; round < 1_000; round += 1) {
      log.write(someDecision);
      for (const one of kept) log.write({ ...one, id: `kept-${round}` });
    }
    await log.close();
    const all = lines();
    assert.equal(all.filter(({ id }) => String(id).startsWith('kept')).length, 4_000);
    const allows = all.length - 4_000;
    assert.ok(allows > 60 && allows < 140, `${allows}`);
    assert.deepEqual(log.counts, { logged: all.length, sampledOut: 1_000 - allows, lost: 0 });
  });

  it('what finds no room is lost, counted, and told in the log; denials still find some', async () => {
    const log = open({ limits: { fileBytesMax: 10_000_000, bufferBytesMax: 20_000 } });
    // All in one turn of the loop: the disk has no chance to take anything.
    for (let round = 0; round < 200; round += 1) log.write({ ...someDecision, id: `a-${round}` });
    for (let round = 0; round < 10; round += 1) log.write({ ...someDenial, id: `d-${round}` });
    assert.ok(log.counts.lost > 100, JSON.stringify(log.counts));
    await new Promise((resolve) => setTimeout(resolve, 100));
    log.write({ ...someDecision, id: 'after' });
    await log.close();
    const all = lines();
    assert.equal(all.filter(({ kind }) => kind === 'deny').length, 10);
    const at = all.findIndex(({ kind }) => kind === 'lost');
    assert.deepEqual(all[at], { kind: 'lost', timeMs: 5, file: log.counts.lost, otlp: 0 });
    assert.equal(all[at + 1]?.['id'], 'after');
    assert.equal(all.length, 210 - log.counts.lost + 2);
  });

  it('says what another place lost', async () => {
    let lost = 0;
    const taken: string[] = [];
    const log = open({
      sink: {
        take: ({ id }) => void taken.push(id),
        get lost() {
          return lost;
        },
        close: async () => {
          lost = 7;
        },
      },
    });
    log.write(someDecision);
    await log.close();
    assert.deepEqual(taken, ['d-1']);
    assert.deepEqual(lines().at(-1), { kind: 'lost', timeMs: 5, file: 0, otlp: 7 });
  });
});
