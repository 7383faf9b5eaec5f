import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { textWidth } from '../base/text-width.ts';
import { changeText } from './diff-text.ts';

const side = {
  version: '0123456789abcdef',
  at: { file: 'services/payments.yaml', line: 18 },
  commit: 'a'.repeat(40),
};
const path = `typedConfig.matcher.${'onNoMatch.matcher.'.repeat(9)}action.name`;
const change = {
  ...{ type: 'TypedExtensionConfig', name: 'chancery.policy', before: side, after: side },
  fields: [
    { path, before: 'deny/internal', after: `deny/${'x'.repeat(60)}` },
    { path: 'timeout', before: '2s', after: '3s' },
    { path, before: undefined, after: 'y'.repeat(9_000) },
  ],
};

describe('a change of a resource', () => {
  it('shows both values of a field in 80 columns, however long the path to them is', () => {
    const text = changeText(change, 'of payments-v1', { color: false, width: 80 });
    for (const line of text.split('\n')) assert.ok(textWidth(line) <= 80, line);
    assert.match(
      text,
      / {4}typedConfig\.mat.*….*action\.name:\n {6}"deny\/internal"\n {6}-> "deny\/x+"\n/,
    );
    assert.match(text, /\n {4}timeout: "2s" -> "3s"\n/);
    assert.match(text, /\n {6}\(nothing\)\n {6}-> "y+…$/);
  });

  it('is a line for each field, and whole, where there is no terminal', () => {
    const text = changeText(change, '', { color: false, width: Number.POSITIVE_INFINITY });
    assert.ok(text.includes(`    ${path}: (nothing) -> "${'y'.repeat(9_000)}"`));
  });
});
