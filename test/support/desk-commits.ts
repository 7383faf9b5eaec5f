import { goodClaims, issuer, jwkOf, type pairs, signed } from '../../src/tokens/token.fixture.ts';
import { answeringApp, evenSplit, run, service, versions } from './under-load.ts';

const keys = (pair: keyof typeof pairs): string => JSON.stringify({ keys: [jwkOf(pair)] });

/** A mesh whose `api` asks its desk about each request: by a token at `/token`, by an attribute of `web` at `/team`. */
export const deskFiles = (apiPort: number, webPort: number) => ({
  'mesh.yaml': `mesh: desks
trust_domain: desks.test
attributes: { team: string }
issuers:
  login: { issuer: "${issuer.issuer}", audience: shop, jwks: '${keys('ES256')}' }
`,
  'services/api.yaml': service(
    'api',
    apiPort,
    `allow:
  - { id: by-token, from: web, to: GET /token, token: { issuer: login, scopes: [read] } }
  - { id: by-team, from: web, to: GET /team, when: 'source.team == "shop"' }
routes:
  - ${evenSplit}
${run(versions)}`,
  ),
  'services/web.yaml': service('web', webPort, 'attributes: { team: shop }\nrun: node app.js\n'),
  'app.js': answeringApp(),
});

const exp = Math.floor(Date.now() / 1_000) + 3_000;
const token = signed(
  { alg: 'ES256', kid: 'ES256' },
  { ...goodClaims, exp, iat: exp - 3_600 },
  'ES256',
);
export const tokenHeaders = { authorization: `Bearer ${token}` };

/** Of each kind one that no proxy would notice, and that hurts whoever asks. */
export const badDeskCommits: readonly (readonly [
  name: string,
  file: string,
  from: string,
  to: string,
])[] = [
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
