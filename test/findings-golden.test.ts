import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { renderFindings } from '../src/base/finding-text.ts';
import { parseIntent } from '../src/model/parse.ts';

/** Each folder holds a broken tree and, in expected.txt, every word that a person reads about it. */
const root = 'test/golden/findings';
const update = process.env['UPDATE_GOLDEN'] !== undefined;

describe('what a broken tree says', () => {
  for (const name of globSync('*', { cwd: root }).sort()) {
    it(name, () => {
      const dir = join(root, name);
      const files = new Map(
        globSync(`${dir}/**/*.yaml`)
          .sort()
          .map((path) => [relative(dir, path), readFileSync(path, 'utf8')]),
      );
      const { findings } = parseIntent(files);
      assert.ok(findings.length > 0, 'the tree has nothing wrong with it');
      const text = `${renderFindings(findings, { sources: files, color: false, width: Number.POSITIVE_INFINITY })}\n`;
      const expected = join(dir, 'expected.txt');
      if (update) writeFileSync(expected, text);
      assert.ok(existsSync(expected), `${expected} is missing; UPDATE_GOLDEN=1 writes it`);
      assert.equal(text, readFileSync(expected, 'utf8'));
    });
  }
});
