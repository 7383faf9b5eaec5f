import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readJsonObject } from './strict-json.ts';

const read = (text: string): unknown => readJsonObject(Buffer.from(text), 'n');

describe('JSON that two readers read alike', () => {
  it('an object is read, with colons in texts, lists and members without a name', () => {
    const text = '{"a":"b\\":\\"c:d","list":[1,{"a":"x:y"},[{}]],"":{"":1},"__proto__":{"a":1}}';
    assert.deepEqual(read(text), JSON.parse(text));
  });

  it('a member that is said twice is refused, at any depth and in any spelling', () => {
    for (const text of [
      '{"a":1,"a":1}',
      '{"a":{"b":1,"b":2}}',
      '{"a":[{"b":1,"b":2}]}',
      '{"a":1,"\\u0061":2}',
      '{"":1,"":2}',
    ]) {
      assert.equal(read(text), undefined, text);
    }
  });

  it('what is no object in UTF-8 is refused', () => {
    for (const text of ['', '[]', 'null', '1', '"a"', '{}{}', '{"a":1,}', '\ufeff{}']) {
      assert.equal(read(text), undefined, text);
    }
    assert.equal(
      readJsonObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])),
      undefined,
    );
    assert.equal(read(`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`), undefined);
  });

  it('a whole number is exact where it is asked for, and nothing else changes', () => {
    const text = '{"n":18446744073709551615,"m":18446744073709551615}';
    assert.deepEqual(read(text), { n: 18446744073709551615n, m: 2 ** 64 });
    assert.deepEqual(read('{"n":1.5}'), { n: 1.5 });
    assert.deepEqual(read('{"n":-1}'), { n: -1 });
    assert.deepEqual(read('{"n":1e3}'), { n: 1_000 });
    assert.deepEqual(read('{"n":"1"}'), { n: '1' });
  });
});
