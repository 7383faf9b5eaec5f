import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { joined } from './encoded.ts';
import { templated } from './template.ts';

/** Names with their lengths before them, as in a message, and one of them twice. */
function message(service: string, proxy: string): Uint8Array {
  const parts = [`\u0001a`, service, `proxy of ${proxy} of ${service}`, 'aab'];
  return Buffer.concat(
    parts.flatMap((text) => {
      const bytes = Buffer.from(text);
      return [Buffer.from([bytes.length % 128]), bytes];
    }),
  );
}

describe('templates', () => {
  it('give what encoding gives, for texts of any length', () => {
    const quick = templated(message);
    const names = [
      'a',
      'b',
      'ab',
      'ba',
      'aaaa',
      'payments',
      'a-b-c',
      'zürich',
      '',
      'a\u0000b',
      '日本',
    ];
    for (const service of names) {
      for (const proxy of names) {
        for (let round = 0; round < 2; round += 1)
          assert.deepEqual(joined([quick(service, proxy)]), message(service, proxy));
      }
    }
  });

  it('encode anew where there would be too many', () => {
    let encoded = 0;
    const quick = templated((text) => {
      encoded += 1;
      return Buffer.from(text);
    });
    for (let length = 1; length <= 600; length += 1)
      assert.equal(Buffer.from(joined([quick('x'.repeat(length))])).toString(), 'x'.repeat(length));
    encoded = 0;
    for (let length = 1; length <= 600; length += 1) quick('y'.repeat(length));
    assert.equal(encoded, 600 - 512);
  });
});
