import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPassing, namesInNack, redactNack } from './nack.ts';

describe('NACK texts', () => {
  it('D2 the resources that Envoy names are found, in its form for clusters and for listeners', () => {
    const clusters = 'Error adding/updating cluster(s) b: unknown type, outbound|80|c.d: no';
    assert.deepEqual(namesInNack(clusters, ['a', 'b', 'outbound|80|c.d']), [
      'b',
      'outbound|80|c.d',
    ]);
    const listeners = 'Error adding/updating listener(s) in: bad filter\nout: worse\n';
    assert.deepEqual(namesInNack(listeners, ['in', 'out', 'other']), ['in', 'out']);
  });

  it('D1 a text of another form blames nobody, even if it has a name in it', () => {
    assert.deepEqual(
      namesInNack('duplicate name a found among added/updated resources', ['a']),
      [],
    );
  });

  it('D2 a name that is part of another one is not blamed for it', () => {
    assert.deepEqual(namesInNack('Error adding/updating cluster(s) ab: no', ['b', 'ab']), ['ab']);
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

  it('C12 a long NACK is cut', () => {
    assert.ok(redactNack('no '.repeat(10_000)).length < 1_100);
  });

  it('D8 an address in use may become free, a bad filter does not mend itself', () => {
    assert.equal(isPassing('listener in: cannot bind 127.0.0.1:80: Address already in use'), true);
    assert.equal(isPassing('unknown filter'), false);
  });
});
