import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Certificate } from '../support/peer.ts';
import { get } from './attacks/framing.ts';
import {
  guestAttacks,
  guestFiles,
  guestHeaders,
  guestTokens,
  type Issuer,
  partners,
} from './attacks/guests.ts';
import { Siege, verdictOf } from './attacks/world.ts';

describe('what guests of other trust domains try at the real ingress', () => {
  const all = partners();
  const siege = new Siege(guestFiles(all));
  const sign = (issuer: Issuer, uris: readonly string[]): Certificate =>
    siege.sign(issuer === 'own' ? { uris } : { uris, issuer: all[issuer] });
  const guest = (name: string): Certificate => sign('partner', [`spiffe://partner.test/${name}`]);

  before(() => siege.begin());
  after(() => siege.end());

  for (const { issuer, uris, path, gets } of guestAttacks) {
    it(`${JSON.stringify(uris.join(' '))} by ${issuer} gets ${gets} for ${path}`, async () => {
      assert.equal(verdictOf(await siege.http1(sign(issuer, uris), get(path))), gets);
    });
  }

  for (const lines of guestHeaders) {
    it(`${JSON.stringify(lines.slice(0, 70))} makes nobody else of it`, async () => {
      const desk = guest('desk');
      for (const path of ['/web', '/support', '/open/x', '/role']) {
        const verdict = verdictOf(await siege.http1(desk, get(path, `${lines}\r\n`)));
        assert.match(verdict, /^(?:403 CH2101|400)/, path);
      }
      const { reached } = await siege.http1(desk, get('/guest', `${lines}\r\n`));
      const said = reached.flatMap(({ headers }) => headers);
      for (const [header, value] of said) {
        if (header === 'x-forwarded-client-cert') {
          assert.match(
            value,
            /^By=spiffe:\/\/siege\.test\/vault;Hash=[0-9a-f]+;URI=spiffe:\/\/partner\.test\/desk$/,
          );
        }
        assert.doesNotMatch(header, /^x-chancery|^x-envoy-(?!external)/);
      }
    });
  }

  for (const [name, who, token, gets] of guestTokens) {
    it(`a token with ${name} gets ${gets}`, async () => {
      const bytes = get('/person', `authorization: Bearer ${token}\r\n`);
      assert.match(verdictOf(await siege.http1(guest(who), bytes)), new RegExp(`^${gets}`));
    });
  }

  it('a token opens nothing where the certificate is not believed', async () => {
    const [, , token] = guestTokens[0] ?? [];
    const bytes = get('/person', `authorization: Bearer ${token}\r\n`);
    const own = sign('own', ['spiffe://partner.test/desk']);
    assert.equal(verdictOf(await siege.http1(own, bytes)), 'closed');
  });

  it('members of the mesh come in as before', async () => {
    assert.equal(verdictOf(await siege.http1('web', get('/web'))), 'GET /web');
    assert.equal(verdictOf(await siege.http1('wide', get('/open/x'))), 'GET /open/x');
    assert.equal(verdictOf(await siege.http1('stranger', get('/web'))), '403 CH2101');
  });
});
