import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drawFrom, editFiles, randomFiles } from '../src/compile/random-mesh.fixture.ts';
import { type ParsedIntent, parseIntent } from '../src/model/parse.ts';

const runs = 40;
const steps = 40;

/** Texts that are refused for themselves, for their name and for what they name. */
const broken: readonly string[] = [
  '',
  'service: [',
  'service: a\nowner: o\nprotocol: http\nport: 9100\nallow:\n  - from: nobody\n',
  'service: b\nowner: o\nprotocol: htp\nport: 9100\n',
  'service: e\nowner: o\nprotocol: http\nport: 9004\nallow:\n  - { from: role:on }\n  - { from: [bb, c] }\n',
  'service: f\nowner: o\nprotocol: tcp\nport: 9005\ncalls: [a, nobody]\nroutes:\n  - to: v1\n  - to: v2\n',
];

function checkShared(before: ParsedIntent, next: ParsedIntent): void {
  const old = before.memory.built?.intent;
  const now = next.memory.built?.intent;
  for (const [name, service] of now?.services ?? []) {
    const known = old?.services.get(name);
    if (known === undefined || known === service) continue;
    // One with findings is built anew each time, and no intent is made of it.
    const broken = [before, next].some(
      ({ memory }) => (memory.built?.services.get(name)?.findings.length ?? 0) > 0,
    );
    const draft = next.memory.built?.drafts.get(name);
    if (broken || draft !== before.memory.built?.drafts.get(name)) continue;
    assert.notDeepEqual(known, service, `${name} says the same and is another object`);
  }
}

describe('incremental parse', () => {
  it('gives the intent and the findings of a whole parse, in the same order', () => {
    const seen = { whole: 0, refused: 0 };
    for (let seed = 1; seed <= runs; seed += 1) {
      const draw = drawFrom(seed);
      let files = randomFiles(draw);
      let known: ParsedIntent | undefined;
      for (let step = 0; step < steps; step += 1) {
        const next = parseIntent(files, known);
        const { intent, findings, carried } = parseIntent(files);
        assert.deepEqual(next.findings, findings);
        assert.deepEqual(next.carried, carried);
        assert.deepEqual(next.intent, intent);
        assert.deepEqual(
          [...(next.intent?.services.keys() ?? [])],
          [...(intent?.services.keys() ?? [])],
        );
        if (known !== undefined) checkShared(known, next);
        seen[intent === undefined ? 'refused' : 'whole'] += 1;
        known = next;
        files = draw(8) === 0 ? randomFiles(draw) : editFiles(files, draw);
        if (draw(6) === 0) {
          const path = `services/${'abcdef'[draw(6)]}.yaml`;
          files.set(path, broken[draw(broken.length)] ?? '');
        }
      }
    }
    assert.ok(seen.whole > 100 && seen.refused > 100, JSON.stringify(seen));
  });
});
