import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { goodClaims, issuer, jwkOf, type pairs, signed } from '../../src/tokens/token.fixture.ts';
import { rolloutBecomes } from '../support/rollout-becomes.ts';
import type { RunningMesh } from '../support/running-mesh.ts';
import {
  answeringApp,
  callees,
  denials,
  deniedSince,
  evenSplit,
  isTakenBack,
  meshUnderLoad,
  run,
  service,
  versions,
} from '../support/under-load.ts';

const keys = (pair: keyof typeof pairs): string => JSON.stringify({ keys: [jwkOf(pair)] });
const files = {
  'mesh.yaml': `mesh: desks
trust_domain: desks.test
attributes: { team: string }
issuers:
  login: { issuer: "${issuer.issuer}", audience: shop, jwks: '${keys('ES256')}' }
`,
  'services/api.yaml': service(
    'api',
    15_975,
    `allow:
  - { id: by-token, from: web, to: GET /token, token: { issuer: login, scopes: [read] } }
  - { id: by-team, from: web, to: GET /team, when: 'source.team == "shop"' }
routes:
  - ${evenSplit}
${run(versions)}`,
  ),
  'services/web.yaml': service('web', 15_976, 'attributes: { team: shop }\nrun: node app.js\n'),
  'app.js': answeringApp(),
};

const exp = Math.floor(Date.now() / 1_000) + 3_000;
const token = signed(
  { alg: 'ES256', kid: 'ES256' },
  { ...goodClaims, exp, iat: exp - 3_600 },
  'ES256',
);
const headers = { authorization: `Bearer ${token}` };

describe('commits that change only what desks decide, under load', () => {
  let mesh: RunningMesh;
  let stop = async (): Promise<void> => {};
  before(async () => {
    [mesh, stop] = await meshUnderLoad(files, (to) => ({
      token: () => to.ask('web-v1', 'api', 'GET', '/token', undefined, headers),
      team: () => to.ask('web-v1', 'api', 'GET', '/team', undefined, headers),
    }));
  });
  after(() => stop());
  afterEach(() => delay(1_500));

  const commit = (name: string, from: string, to: string): string => {
    mesh.edit(name, (text) => text.replace(from, to));
    mesh.commit(`${from} becomes ${to}`.slice(0, 60));
    return mesh.git('rev-parse', 'HEAD').trim();
  };
  const becomes = (id: string, is: (rollout: Rollout) => boolean): Promise<Rollout> =>
    rolloutBecomes(mesh.layout.controlSocket, id, is);
  const denied = (): ReadonlyMap<string, number> => denials(mesh, callees, [401, 403]);

  const bad: readonly (readonly [name: string, file: string, from: string, to: string])[] = [
    ['a condition that does not hold', 'services/api.yaml', '"shop"', '"finance"'],
    [
      'a caller that says another thing of itself',
      'services/web.yaml',
      'team: shop',
      'team: finance',
    ],
    ['scopes that no token has', 'services/api.yaml', '[read]', '[admin]'],
    ['other keys of an issuer', 'mesh.yaml', keys('ES256'), keys('ES384')],
    ['another issuer of the same name', 'mesh.yaml', issuer.issuer, 'https://other.test'],
    ['another audience', 'mesh.yaml', 'audience: shop', 'audience: else'],
  ];
  for (const [name, file, from, to] of bad) {
    it(`${name}: hurts one proxy and is taken back`, async () => {
      const before = denied();
      const id = commit(file, from, to);
      const { waves } = await becomes(id, isTakenBack);
      assert.equal(waves[0]?.filter((proxy) => proxy.startsWith('api-')).length, 1);
      const who = await deniedSince(before, denied);
      assert.equal(who.length, 1, who.join());
      for (const path of ['/token', '/team']) {
        const { status } = await mesh.ask('web-v1', 'api', 'GET', path, undefined, headers);
        assert.equal(status, 200, path);
      }
    });
  }

  it('a good one goes to all, in waves, and denies nobody', async () => {
    const before = denied();
    const id = commit('services/api.yaml', `'source.team == "shop"'`, `'"shop" == source.team'`);
    const { waves } = await becomes(id, ({ state }) => state.kind === 'live');
    assert.deepEqual([...waves.flat()].sort(), callees);
    assert.deepEqual(denied(), before);
  });
});
