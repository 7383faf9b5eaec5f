import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripColor, textWidth } from '../base/text-width.ts';
import { verbs } from './main.ts';
import type { Terminal } from './terminal.ts';

/** Commands behind a verb that take flags of their own. */
const below: readonly (readonly string[])[] = [
  ['ca', 'rekey'],
  ['host', 'ek'],
];
/** What runs until it is ended, and says what happens in a log of JSON. */
const services: ReadonlySet<string> = new Set(['server', 'agent', 'authz']);
/** Those that tell how something is, and not only what lies in files or is asked of this machine. */
const reading: readonly string[] = [
  ...['why', 'who-can', 'policy', 'shadow', 'status', 'wait', 'breakglass', 'revision', 'proxy'],
  ...['diff', 'log', 'ca', 'host', 'identity', 'federation', 'token', 'check', 'test'],
];

async function said(words: readonly string[], ...flags: readonly string[]): Promise<string> {
  return saidAt(100, words, ...flags);
}

async function saidAt(
  width: number,
  words: readonly string[],
  ...flags: readonly string[]
): Promise<string> {
  const [name = '', ...more] = words;
  const lines: string[] = [];
  const terminal: Terminal = {
    ...{ color: false, width, json: false },
    out: (text) => void lines.push(text),
    err: () => {},
    findings: () => {},
  };
  const run = await verbs[name]?.load();
  assert.equal(await run?.([...more, ...flags], terminal), 0);
  return stripColor(lines.join('\n'));
}

describe('every command', () => {
  const all = [...Object.keys(verbs).map((name) => [name]), ...below];
  for (const words of all) {
    const name = words.join(' ');

    it(`${name}: --help shows its usage and an example`, async () => {
      const text = await said(words, '--help');
      assert.ok(text.startsWith(`usage: chancery ${name}`), text);
      assert.match(text, /\n\nexample:\n {2}\S/);
      const [, example = ''] = text.split('\n\nexample:\n');
      assert.ok(
        example.includes(`chancery ${name}`),
        `the example is of something else: ${example}`,
      );
    });

    it(`${name}: --help fits terminals of every width`, async () => {
      for (const width of [60, 80, 100, 200]) {
        const lines = (await saidAt(width, words, '--help')).split('\n');
        const tooWide = lines.filter((line) => textWidth(line) > width);
        assert.deepEqual(tooWide, []);
      }
    });

    it(`${name}: takes --json, and says so`, async () => {
      assert.match(await said(words, '--help'), services.has(name) ? /JSON/ : /--json/);
      if (!services.has(name)) await said(words, '--json', '--help');
    });
  }

  for (const name of reading) {
    it(`${name}: answers of a past time, or says why not`, async () => {
      assert.match(await said([name], '--help'), /--at|@TIME/);
    });
  }
});
