import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { pageText } from './page-text.ts';

const page = `# CH0001: a title

A first line of a paragraph
that goes on.

- an item that is rather long and
  goes on too
- another

| a | table that stays as it is, whatever the width |
| --- | --- |

\`\`\`yaml
allow:
  - { from: web, to: GET /a-path/that-is-longer-than-the-terminal }
\`\`\`

The end.`;

describe('a page of a code', () => {
  it('flows on a terminal, but for code and tables', () => {
    assert.equal(
      pageText(page, 40),
      `# CH0001: a title

A first line of a paragraph that goes
on.

- an item that is rather long and goes
  on too
- another

| a | table that stays as it is, whatever the width |
| --- | --- |

\`\`\`yaml
allow:
  - { from: web, to: GET /a-path/that-is-longer-than-the-terminal }
\`\`\`

The end.`,
    );
  });

  it('is the page itself in a pipe', () => {
    assert.equal(pageText(page, Number.POSITIVE_INFINITY), page);
  });

  it('loses no word of any page', () => {
    const words = (text: string): readonly string[] => text.split(/\s+/);
    for (const file of globSync('docs/codes/*.md')) {
      const text = readFileSync(file, 'utf8').trimEnd();
      assert.deepEqual(words(pageText(text, 60)), words(text), file);
    }
  });
});
