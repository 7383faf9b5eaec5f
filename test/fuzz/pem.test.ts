import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { fromPem, toPem } from '../../src/identity/pem.ts';
import { runs, Seeded, seed } from './mutate.ts';
import { goSays } from './oracles.ts';

/** Blocks of lengths around those at which lines and padding change. */
const blocks = [1, 2, 3, 47, 48, 49, 200].map((length) =>
  toPem('CERTIFICATE', randomBytes(length)),
);
const key = toPem('PRIVATE KEY', randomBytes(40));
const pieces = [
  ...['-----', '-', 'BEGIN', 'END', ' ', '\t', '\n', '\r\n', '=', '==', 'A', '+', '_', '\0', 'é'],
  ...['Proc-Type: 4,ENCRYPTED\n\n', 'CERTIFICATE', 'PRIVATE KEY', '-----BEGIN CERTIFICATE-----\n'],
] as unknown as readonly [string, ...string[]];

function textOf(numbers: Seeded): string {
  const parts: string[] = [];
  for (let left = 1 + numbers.below(4); left > 0; left -= 1) {
    parts.push(numbers.below(5) === 0 ? key : (blocks[numbers.below(blocks.length)] ?? ''));
    if (numbers.below(4) === 0) parts.push('subject=CN=x\n');
  }
  return parts.join('');
}

function changed(text: string, numbers: Seeded): string {
  const at = numbers.below(text.length + 1);
  switch (numbers.below(5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + text.slice(at + numbers.below(70));
    case 2:
      return text.slice(0, at) + text.slice(numbers.below(text.length + 1));
    case 3:
      return text.replaceAll('\n', '\r\n');
    default:
      return text.slice(0, at) + numbers.of(pieces) + text.slice(at);
  }
}

describe(`PEM, mutated from seed ${seed}`, () => {
  it('is read as Go reads it, or refused; never a crash, never a block less', (t) => {
    const numbers = new Seeded(seed);
    const taken: { readonly text: string; readonly found: readonly string[] }[] = [];
    for (let run = 0; run < runs / 4; run += 1) {
      let text = textOf(numbers);
      for (let left = numbers.below(3); left > 0; left -= 1) text = changed(text, numbers);
      const read = fromPem('CERTIFICATE', text);
      if (!read.ok) continue;
      const found = read.value.map((der) => Buffer.from(der).toString('hex'));
      taken.push({ text, found });
    }
    t.diagnostic(`${taken.length} taken`);
    assert.ok(taken.length > runs / 40 && taken.length < runs / 4);
    const texts = taken.map(({ text }) => Buffer.from(text));
    const said = goSays('pem', texts);
    if (said === undefined) t.diagnostic('without Go: it is not installed');
    for (const [index, go] of (said ?? []).entries()) {
      const { text = '', found = [] } = taken[index] ?? {};
      assert.deepEqual(go.blocks ?? [], found, JSON.stringify(text));
    }
  });
});
