import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { testsOf } from '../src/app/checks.ts';
import { decideTest } from '../src/app/intent-tests.ts';
import { parseIntent } from '../src/model/parse.ts';

/** The blocks of a page that are whole files of one tree. */
function treeOf(page: string): ReadonlyMap<string, string> {
  const blocks = page.matchAll(/^```yaml\n# (\S+\.yaml)\n([\s\S]*?)^```$/gm);
  return new Map([...blocks].map(([, path = '', text = '']) => [path, text]));
}

it('the files in docs/intent.md are one mesh without findings, whose tests hold', () => {
  const tree = treeOf(readFileSync('docs/intent.md', 'utf8'));
  const { intent, findings } = parseIntent(tree);
  assert.equal(tree.size, 5);
  assert.deepEqual(findings, []);
  assert.ok(intent);
  const tests = testsOf(intent).map((one) => decideTest(intent, one));
  assert.equal(tests.length, 4);
  assert.ok(tests.every(({ passed }) => passed));
});
