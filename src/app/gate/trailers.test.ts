import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseTrailers } from '../../git/trailers.ts';
import { isRemovalMeant, isUrgent, unknownTrailers } from './trailers.ts';

const told = (...lines: readonly string[]): readonly string[] =>
  unknownTrailers(parseTrailers(`A change\n\n${lines.join('\n')}\n`)).map(({ message }) => message);

test('keys in any case and the word that is known are understood', () => {
  const urgent = parseTrailers('A change\n\nChancery: urgent\n');
  assert.ok(isUrgent(urgent) && !isRemovalMeant(urgent));
  assert.ok(isRemovalMeant(parseTrailers('A change\n\nchancery-approve: removal\n')));
  assert.deepEqual(told('Chancery: urgent', 'Chancery-Approve: removal', 'Signed-off-by: Ann'), []);
});

test('each that is understood is in the reference of operators', () => {
  const page = readFileSync('docs/operate.md', 'utf8');
  const [finding] = unknownTrailers(parseTrailers('A change\n\nChancery: x\n'));
  const known = [...(finding?.expected ?? '').matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
  assert.equal(known.length, 2);
  for (const text of known) assert.ok(page.toLowerCase().includes(`\`${text}\``), text);
});

test('what is written to the control plane and says nothing to it is told', () => {
  for (const [line, name] of [
    ['chancery: URGENT', 'chancery: URGENT'],
    ['chancery: urgently', 'chancery: urgently'],
    ['Chancery-Urgent: yes', 'chancery-urgent: yes'],
    ['Chancery-Approve: yes', 'chancery-approve: yes'],
  ] as const) {
    assert.deepEqual(told(line), [
      `the trailer \`${name}\` of the commit says nothing to the control plane`,
    ]);
  }
});
