import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseKekUri } from './uri.ts';

const module = 'module-path=/usr/lib/m.so&pin-source=file:/etc/pin';

describe('the name of a key-encryption key', () => {
  it('is a file, a passphrase, a token or a program', () => {
    assert.deepEqual(parseKekUri('file:/a b/kek'), { kind: 'file', path: '/a b/kek' });
    assert.deepEqual(parseKekUri('file:///a/kek'), { kind: 'file', path: '/a/kek' });
    assert.deepEqual(parseKekUri('passphrase:'), { kind: 'passphrase' });
    assert.deepEqual(parseKekUri('exec:/bin/kms?key=alias%2Fmesh&region=eu-1'), {
      kind: 'exec',
      program: '/bin/kms',
      parameters: { key: 'alias/mesh', region: 'eu-1' },
    });
  });

  it('a token by RFC 7512: any order, percent-encoded, an id of any bytes', () => {
    assert.deepEqual(
      parseKekUri(`pkcs11:object=my%20key;id=%00%ff;type=secret-key;token=M%C3%BCnchen?${module}`),
      {
        kind: 'pkcs11',
        modulePath: '/usr/lib/m.so',
        token: { token: 'München' },
        object: 'my key',
        id: Buffer.from([0, 255]),
        pinFile: '/etc/pin',
      },
    );
  });

  for (const wrong of [
    'kek',
    '/srv/kek',
    'vault:x',
    'file:kek',
    'file:',
    'passphrase:hunter2',
    'exec:kms',
    'exec:/bin/kms?key',
    `pkcs11:object=k?${module}`,
    `pkcs11:token=t?${module}`,
    `pkcs11:token=t;object=k;slot=1?${module}`,
    `pkcs11:token=t;token=u;object=k?${module}`,
    `pkcs11:token=t;object=k;type=private?${module}`,
    'pkcs11:token=t;object=%zz?module-path=/m.so&pin-source=/p',
    'pkcs11:token=t;object=k?module-path=/m.so',
    'pkcs11:token=t;object=k?pin-source=/p',
    'pkcs11:token=t;object=k?module-path=/m.so&pin-source=|/bin/pin',
  ]) {
    it(`"${wrong}" is CH5212`, () => {
      assert.throws(() => parseKekUri(wrong), /CH5212/);
    });
  }

  it('a PIN in the name is refused and not repeated', () => {
    const uri = `pkcs11:token=t;object=k?pin-value=4711&${module}`;
    assert.throws(
      () => parseKekUri(uri),
      ({ finding }) => /never|every user/.test(finding.expected) && !/4711/.test(finding.found),
    );
  });
});
