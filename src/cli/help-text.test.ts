import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { textWidth } from '../base/text-width.ts';
import type { Help } from './arguments.ts';
import { helpFor, helpText } from './help-text.ts';

const example = `printf '%s\\n' --operation "GET /v1/charges/**" --reason 'INC-211: refunds are stuck' --for 30m`;
const help: Help = {
  usage: 'breakglass grant [DIR] --who WHO --to SERVICE [--reason TEXT [--ticket ID]] --for TIME',
  text: [
    'Access for a time, beside Git: no commit, no gate, no wave. It works when Git is down.',
    '',
    ['--for 30m', 'how long; it then ends at every host by itself, and 支払い is what 料金 is'],
    ['  --cert-file FILE --key-file FILE', 'in place of a token'],
    '  A deny rule stays above every grant; the answer names those that do, each with its line.',
    '0: done, and live at every host that is there; 2: done, and some host is behind.',
  ],
  examples: [example, 'chancery breakglass list'],
};

const widths = [40, 60, 80, 100];

describe('the text of a help', () => {
  it('fits the terminal, but is never wider than can be read, nor narrower than helps', () => {
    for (const width of widths) {
      const lines = helpText(help, width).split('\n');
      // An argument in quotes is never broken.
      const breakable = lines.filter((line) => !/^ {6}.*'.*' \\$/.test(line) || width >= 60);
      for (const line of breakable) assert.ok(textWidth(line) <= width, `${width}: ${line}`);
    }
    assert.equal(helpText(help, 200), helpText(help, 100));
    assert.equal(helpText(help, 10), helpText(help, 40));
  });

  it('is of 80 columns where there is no terminal', () => {
    assert.equal(helpText(help, Number.POSITIVE_INFINITY), helpText(help, 80));
  });

  it('has what an option means in one column, below a term that is too long', () => {
    assert.deepEqual(helpText(help, 60).split('\n').slice(6, 12), [
      '  --for 30m  how long; it then ends at every host by itself,',
      '             and 支払い is what 料金 is',
      '    --cert-file FILE --key-file FILE',
      '             in place of a token',
      '  A deny rule stays above every grant; the answer names',
      '  those that do, each with its line.',
    ]);
  });

  it('keeps flags with their values, brackets, and exit codes with what they mean', () => {
    for (const width of widths) {
      const text = helpText(help, width);
      for (const whole of ['--who WHO', '[--reason TEXT [--ticket ID]]', '0: done', '2: done']) {
        assert.ok(text.includes(whole), `${width}: ${whole}\n${text}`);
      }
    }
  });

  it('has examples that say the same to a shell, however they are broken', () => {
    const said = (command: string): string => spawnSync('sh', ['-c', command]).stdout.toString();
    for (const width of widths) {
      const [, shown = ''] = helpText(help, width).split('example:\n');
      const broken = shown.replace('  chancery breakglass list', '');
      assert.equal(said(broken), said(example), shown);
      assert.equal(broken.trim().split('\n').length > 1, textWidth(`  ${example}`) > width);
    }
  });

  it('with --json it is data', () => {
    assert.deepEqual(JSON.parse(helpFor(help, { json: true, width: 40 })), help);
  });
});
