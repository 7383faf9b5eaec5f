import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock as clock } from '../base/clock.ts';
import { systemRandom as random } from '../base/random.ts';
import { spkiOf } from '../identity/ca.ts';
import { createCaRequest } from '../identity/ca-request.ts';
import { type CompanyCa, companyCa, keyKinds } from '../identity/company-ca.fixture.ts';
import { checkChain } from '../identity/import-chain.ts';
import { toPem } from '../identity/pem.ts';
import type { TrustDomain } from '../model/types.ts';
import { upstreamFiles } from './upstream-files.ts';

const trustDomain = 'shop.test' as TrustDomain;
const nowMs = clock.nowMs();

describe("a company's CA in files", () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'upstream-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  const path = (name: string): string => join(dir, name);
  const pem = (...certificates: readonly CompanyCa[]): string =>
    certificates.map(({ der }) => toPem('CERTIFICATE', der)).join('');

  function write(certificates: readonly CompanyCa[], roots: readonly CompanyCa[]) {
    writeFileSync(path('ca.pem'), pem(...certificates));
    const key = certificates[0]?.key.export({ type: 'pkcs8', format: 'pem' }) ?? '';
    writeFileSync(path('ca.key'), key, { mode: 0o600 });
    writeFileSync(path('roots.pem'), pem(...roots));
  }

  const open = (hasBundle: boolean) =>
    upstreamFiles(
      {
        certificate: path('ca.pem'),
        key: path('ca.key'),
        bundle: hasBundle ? path('roots.pem') : undefined,
      },
      { trustDomain, random },
    );

  async function signed(hasBundle: boolean) {
    const { csrDer, privateKey } = createCaRequest({ trustDomain, nowMs, by: 'test', random });
    const chain = await open(hasBundle).sign({ csrDer, lifetimeSeconds: 86_400, nowMs });
    assert.ok(chain.ok, JSON.stringify(chain));
    const publicKeySpki = spkiOf(privateKey);
    return checkChain(chain.value, { trustDomain, publicKeySpki, nowMs, leftMsMin: 80_000_000 });
  }

  it('signs what holds, with each kind of key, as a root or below one', async () => {
    for (const kind of Object.values(keyKinds)) {
      const root = companyCa({ nowMs, key: kind() });
      write([root], []);
      const asRoot = await signed(false);
      assert.ok(asRoot.ok, JSON.stringify(asRoot));
      assert.equal(asRoot.value.chainDer.length, 1);
      const issuing = companyCa({ nowMs, issuer: root, key: kind() });
      write([issuing], [root]);
      const below = await signed(true);
      assert.ok(below.ok, JSON.stringify(below));
      assert.deepEqual([below.value.chainDer.length, below.value.rootDer], [2, root.der]);
    }
  });

  it('is read at each use', async () => {
    const first = companyCa({ nowMs });
    const second = companyCa({ nowMs });
    write([first], []);
    const upstream = open(false);
    const roots = async () => {
      const view = await upstream.look();
      return view.ok ? view.value.rootsDer : [];
    };
    assert.deepEqual(await roots(), [first.der]);
    write([second], []);
    assert.deepEqual(await roots(), [second.der]);
  });

  it('that is broken is an answer in words, never a throw', async () => {
    const root = companyCa({ nowMs });
    const cases: readonly (readonly [RegExp, () => void])[] = [
      [/no such file/, () => rmSync(path('ca.key'))],
      [
        /the key is not the one of the certificate/,
        () => write([{ ...root, key: keyKinds.p256() }], []),
      ],
      [/may be read by every user/, () => chmodSync(path('ca.key'), 0o644)],
      [/holds no certificate in PEM/, () => writeFileSync(path('ca.pem'), 'nothing\n')],
      [
        /ca\.pem: .*does not end/,
        () => writeFileSync(path('ca.pem'), '-----BEGIN CERTIFICATE-----\n'),
      ],
    ];
    for (const [expected, harm] of cases) {
      rmSync(path('ca.key'), { force: true });
      write([root], []);
      harm();
      const view = await open(false).look();
      assert.ok(!view.ok);
      assert.match(view.error, expected);
    }
  });
});
