import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPassing, reasonsInNack, redactNack } from './nack.ts';

describe('NACK texts', () => {
  const named = (text: string, sent: string[]) => [...reasonsInNack(text, sent)];

  it('D2 what Envoy names is found with its reason, in its form for clusters and for listeners', () => {
    const clusters = 'Error adding/updating cluster(s) b: unknown type, outbound|80|c.d: no';
    assert.deepEqual(named(clusters, ['a', 'outbound|80|c.d', 'b']), [
      ['b', 'unknown type'],
      ['outbound|80|c.d', 'no'],
    ]);
    const listeners = 'Error adding/updating listener(s) in: bad filter\nout: worse\n';
    assert.deepEqual(named(listeners, ['in', 'out', 'other']), [
      ['in', 'bad filter'],
      ['out', 'worse'],
    ]);
  });

  it('D1 a text of another form blames nobody, even if it has a name in it', () => {
    assert.deepEqual(named('duplicate name a found among added/updated resources', ['a']), []);
  });

  it('D2 a name that is part of another one is not blamed for it', () => {
    const text = 'Error adding/updating cluster(s) ab: no, x';
    assert.deepEqual(named(text, ['b', 'x', 'ab']), [['ab', 'no, x']]);
  });

  it('C12 what a NACK quotes of keys is not kept', () => {
    const quoted = [
      'Failed to load: private_key { inline_string: "s3cr\\"et" }',
      '-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----',
      'M'.repeat(80),
    ].join(' ');
    const text = redactNack(quoted);
    assert.doesNotMatch(text, /s3cr|MIIabc|MMMM/);
    assert.match(text, /^Failed to load/);
  });

  it('C12 a key that is cut off in the middle is not kept either', () => {
    assert.doesNotMatch(redactNack('x -----BEGIN RSA PRIVATE KEY-----\nMIIabc'), /MIIabc/);
    assert.doesNotMatch(redactNack('inline_bytes: "half'), /half/);
  });

  it('C12 the reason is kept, and not the dump of the whole resource before it', () => {
    const dump = `goo.gle/debugstr    \nname: "r"\n${'virtual_hosts {\n}\n'.repeat(1_000)}`;
    const reason = 'Proto constraint validation failed (caused by field: "action")';
    assert.equal(redactNack(`${dump}: ${reason}`), reason);
    assert.equal(redactNack('goo.gle/debugstr: no'), 'goo.gle/debugstr: no');
  });

  it('C12 a long NACK is cut', () => {
    assert.ok(redactNack('no '.repeat(10_000)).length < 1_100);
  });

  it('D8 an address in use may become free, a bad filter does not mend itself', () => {
    assert.equal(isPassing('listener in: cannot bind 127.0.0.1:80: Address already in use'), true);
    assert.equal(isPassing('unknown filter'), false);
  });
});
