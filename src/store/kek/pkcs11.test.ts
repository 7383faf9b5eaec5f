import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type SoftHsm, softHsmMissing, startSoftHsm } from '../../../test/support/softhsm.ts';
import { systemRandom as random } from '../../base/random.ts';
import type { KeyEncryption } from '../../identity/key-encryption.ts';
import { generateKek, openKek } from './open.ts';
import { pkcs11Kek } from './pkcs11.ts';
import { loadModule, words } from './pkcs11-module.ts';
import { refusalOf, withSession } from './pkcs11-session.ts';
import { type KekUri, parseKekUri } from './uri.ts';

const dataKey = random.bytes(32);

describe('a KEK in a PKCS#11 token', { skip: softHsmMissing }, () => {
  let hsm: SoftHsm;
  before(async () => {
    hsm = startSoftHsm('mesh', '4321');
    Object.assign(process.env, hsm.env);
    await generateKek(hsm.uri('kek'), random);
  });
  after(() => hsm.remove());

  const kek = (uri: string): KeyEncryption => pkcs11Kek(uri, pkcs11(uri), random);

  it('wraps and unwraps, in this process and by its name', async () => {
    const wrapped = await kek(hsm.uri('kek')).wrap(dataKey);
    assert.ok(!Buffer.from(wrapped).includes(dataKey));
    const opened = await (await openKek(hsm.uri('kek'), { random, env: {} })).unwrap(wrapped);
    assert.deepEqual(opened, { ok: true, value: dataKey });
  });

  it('serves many at once, one after the other', async () => {
    const one = kek(hsm.uri('kek'));
    const wrapped = await Promise.all(Array.from({ length: 20 }, () => one.wrap(dataKey)));
    const opened = await Promise.all(wrapped.map((value) => one.unwrap(value)));
    assert.ok(opened.every((result) => result.ok && Buffer.compare(result.value, dataKey) === 0));
    assert.equal(new Set(wrapped.map((value) => Buffer.from(value).toString('hex'))).size, 20);
  });

  it('does not open what was changed, or what another key of the token sealed', async () => {
    const one = kek(hsm.uri('kek'));
    const wrapped = await one.wrap(dataKey);
    for (let at = 0; at < wrapped.length; at += 1) {
      const changed = Uint8Array.from(wrapped);
      changed[at] = (changed[at] ?? 0) ^ 1;
      // SoftHSM calls a wrong tag a general error, which may be any other.
      const opened = one.unwrap(changed).catch((error: unknown) => {
        assert.match(String(error), /CH5218.*CKR_GENERAL_ERROR/);
        return { ok: false };
      });
      assert.ok(!(await opened).ok, `byte ${at}`);
    }
    assert.ok(!(await one.unwrap(wrapped.subarray(0, 40))).ok);
    await generateKek(hsm.uri('other'), random);
    assert.deepEqual(await kek(hsm.uri('other')).unwrap(wrapped), {
      ok: false,
      error: 'sealed with another key',
    });
  });

  it('a key is generated once, and never beside one of that name (CH5216)', async () => {
    await assert.rejects(generateKek(hsm.uri('kek'), random), /CH5216.*beside/);
  });

  it('a token or key that is not there is said with what is (CH5216)', async () => {
    await assert.rejects(kek(hsm.uri('none')).wrap(dataKey), /CH5216.*no AES key/);
    const foreign = hsm.uri('kek').replace('token=mesh', 'token=elsewhere');
    await assert.rejects(kek(foreign).wrap(dataKey), (error: { finding: { found: string } }) => {
      assert.match(String(error), /CH5216.*no token with token=elsewhere/);
      assert.match(error.finding.found, /"mesh"/);
      return true;
    });
  });

  it('a wrong PIN is CH5217, and so is a token with one try left', async () => {
    const wrong = join(hsm.dir, 'wrong');
    writeFileSync(wrong, '0000', { mode: 0o600 });
    const uri = hsm.uri('kek').replace(hsm.pinFile, wrong);
    await assert.rejects(kek(uri).wrap(dataKey), /CH5217.*CKR_PIN_INCORRECT/);
    await assert.rejects(kek(uri.replace('wrong', 'none')).wrap(dataKey), /CH5217.*no file/);
    assert.match(refusalOf(0x20000n) ?? '', /one try is left/);
    assert.match(refusalOf(0x40000n) ?? '', /locked/);
    assert.equal(refusalOf(0x10000n | 0x400n), undefined);
    await kek(hsm.uri('kek')).wrap(dataKey);
  });

  it('a PIN that others may read is CH5210', async () => {
    const open = join(hsm.dir, 'open');
    writeFileSync(open, '4321', { mode: 0o644 });
    const uri = hsm.uri('kek').replace(hsm.pinFile, open);
    await assert.rejects(kek(uri).wrap(dataKey), /CH5210/);
  });

  it('a module that is none is CH5215', async () => {
    const uri = hsm.uri('kek').replace(hsm.module, hsm.pinFile);
    await assert.rejects(kek(uri).wrap(dataKey), /CH5215/);
    const libc = hsm.uri('kek').replace(hsm.module, '/lib/x86_64-linux-gnu/libm.so.6');
    await assert.rejects(kek(libc).wrap(dataKey), /CH5215/);
  });

  it('a key that may leave the token is refused (CH5216)', async () => {
    const module = await loadModule(hsm.module);
    const [yes, label, length] = [Uint8Array.of(1), Buffer.from('loose'), words(32)];
    // CKA_TOKEN, CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_ENCRYPT, CKA_LABEL, CKA_VALUE_LEN.
    const flags = [0x1, 0x103, 0x162, 0x104].flatMap((type) => [type, yes, 1]);
    const template = words(...flags, 0x3, label, label.length, 0x161, length, length.length);
    await withSession(module, pkcs11(hsm.uri('loose')), (session) =>
      module.call('C_GenerateKey', session, words(0x1080, 0, 0), template, 6, words(0)),
    );
    const extractable = kek(hsm.uri('loose'));
    await assert.rejects(extractable.wrap(dataKey), /CH5216.*may leave/);
  });
});

function pkcs11(uri: string): KekUri & { kind: 'pkcs11' } {
  const parsed = parseKekUri(uri);
  assert.ok(parsed.kind === 'pkcs11');
  return parsed;
}
