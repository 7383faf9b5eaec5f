import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Finding } from './finding.ts';
import { renderFinding } from './finding-text.ts';
import { textWidth } from './text-width.ts';

const file = `services/${'a'.repeat(50)}.yaml`;
const finding: Finding = {
  ...{ code: 'CH1010', severity: 'error', message: 'a field that nothing here knows of at all' },
  at: { file, line: 2, column: 41, length: 6 },
  expected: 'one of the fields that a rule may have, such as from, to and when',
  help: 'look at the page of the code',
};

function told(line: string, width: number, more: Partial<Finding> = {}): readonly string[] {
  const sources = new Map([[file, `first\n${line}`]]);
  return renderFinding({ ...finding, ...more }, { sources, color: false, width }).split('\n');
}

describe('a finding on a terminal', () => {
  it('is wrapped at words, and its place is never broken apart', () => {
    const lines = told('', 40);
    assert.deepEqual(lines.slice(0, 3), [
      'error[CH1010]: a field that nothing',
      '  here knows of at all',
      ` --> ${file}:2:41`,
    ]);
    const expected = lines.findIndex((line) => line.startsWith('  expected: '));
    assert.match(lines[expected + 1] ?? '', /^ {4}\S/);
    for (const line of lines) assert.ok(line.includes(file) || textWidth(line) <= 40, line);
  });

  it('shows of a long line the part that is marked, with the marker under it', () => {
    for (const filling of ['x', '支']) {
      const line = `${filling.repeat(40)}MARKED${filling.repeat(40)}`;
      const [, , , shown = '', marker = ''] = told(line, 40, { message: 'm' });
      assert.match(shown, /^2 \| ….*MARKED.*…$/);
      assert.ok(textWidth(shown) <= 40, shown);
      const column = textWidth(shown.slice(0, shown.indexOf('MARKED')));
      assert.equal(marker.indexOf('^^^^^^'), column);
    }
  });

  it('has a place of one line, whatever the name of the file holds', () => {
    const at = { file: 'services/a\n --> mesh.yaml', line: 2, column: 1, length: 1 };
    const lines = told('', 80, { at, message: 'm' });
    assert.equal(lines[1], ' --> services/a\\n --> mesh.yaml:2:1');
  });

  it('shows all of a line where nobody has to read it on a screen', () => {
    const line = `${'x'.repeat(40)}MARKED${'x'.repeat(400)}`;
    assert.ok(told(line, Number.POSITIVE_INFINITY).includes(`2 | ${line}`));
  });
});
