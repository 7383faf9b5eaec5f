import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  type CertificateChange,
  type Maker,
  newMaker,
} from '../../../test/support/ek-certificates.ts';
import { softEk } from '../../../test/support/soft-tpm.ts';
import { readCertificate } from '../certificate-read.ts';
import { ekIssuer } from './ek-issuer.ts';
import { readTpmPublic, type TpmPublic } from './tpm-public.ts';

const nowMs = Date.parse('2026-11-01T12:00:00Z');

function newEk(kind: 'rsa2048' | 'p256'): TpmPublic {
  const read = readTpmPublic(softEk(kind).publicPart);
  assert.ok(read.ok);
  return read.value;
}

describe('who vouches for an endorsement key', () => {
  const ek = newEk('p256');
  let maker: Maker;
  let stranger: Maker;
  before(async () => {
    maker = await newMaker('Maker');
    stranger = await newMaker('Stranger');
  });

  const problemOf = (chain: readonly Uint8Array[], given: { readonly ek?: TpmPublic } = {}) => {
    const root = readCertificate(maker.root);
    assert.ok(root.ok, root.ok ? '' : root.error);
    const outcome = ekIssuer(chain, { ek, roots: [root.value], nowMs, ...given });
    return outcome.ok ? undefined : outcome.error;
  };
  const leaf = (change?: CertificateChange) => maker.certify(ek.spki, change);

  it('is the root of its maker, also by a CA between them', async () => {
    assert.equal(problemOf([await leaf({ by: 'root' })]), undefined);
    assert.equal(problemOf([await leaf(), maker.intermediate]), undefined);
    const rsa = newEk('rsa2048');
    assert.equal(
      problemOf([await maker.certify(rsa.spki, { by: 'root' })], { ek: rsa }),
      undefined,
    );
  });

  it('is found also where the certificate says that the key is for OAEP', async () => {
    const rsa = newEk('rsa2048');
    const spki = Buffer.from(rsa.spki);
    const name = spki.indexOf(Buffer.from('2a864886f70d010101', 'hex'));
    spki[name + 8] = 7;
    assert.equal(problemOf([await maker.certify(spki, { by: 'root' })], { ek: rsa }), undefined);
  });

  it('is nobody without a certificate, or without the CA between', async () => {
    assert.match(problemOf([]) ?? '', /holds no certificate/);
    assert.match(problemOf([await leaf()]) ?? '', /no root here and was not sent/);
    assert.match(
      problemOf([await leaf(), stranger.intermediate]) ?? '',
      /no root here and was not sent/,
    );
  });

  it('is no other maker, and no certificate that the host brings along', async () => {
    const foreign = await stranger.certify(ek.spki);
    const chain = [foreign, stranger.intermediate, stranger.root];
    assert.match(problemOf(chain) ?? '', /issue each other/);
  });

  it('is nobody when the certificate is of another key, another purpose, a CA, or over', async () => {
    const other = await maker.certify(newEk('p256').spki);
    assert.match(problemOf([other, maker.intermediate]) ?? '', /another key/);
    const server = await leaf({ purposes: ['1.3.6.1.5.5.7.3.1'] });
    assert.match(problemOf([server, maker.intermediate]) ?? '', /not that of an endorsement key/);
    const ca = await leaf({ isCa: true });
    assert.match(problemOf([ca, maker.intermediate]) ?? '', /not that of an endorsement key/);
    const over = await leaf({ notAfter: new Date(nowMs - 1_000) });
    assert.match(problemOf([over, maker.intermediate]) ?? '', /ended at 2026/);
  });

  it('is nobody, without a crash, when bytes of the chain are broken', async () => {
    const good = await leaf({ by: 'root' });
    for (let at = 0; at < good.length; at += 3) {
      const changed = Uint8Array.from(good);
      changed[at] = (changed[at] ?? 0) ^ 0x41;
      assert.notEqual(problemOf([changed]), undefined, `byte ${at}`);
    }
    assert.match(problemOf([Uint8Array.of(1), good]) ?? '', /of its endorsement key: /);
    assert.match(problemOf([good, Uint8Array.of(1)]) ?? '', /above that of its endorsement key/);
  });
});
