import { make, newKey, usage, type Wanted } from '../../support/pki.ts';
import type { Siege } from './world.ts';

const web = ['spiffe://siege.test/web'];
const hourMs = 3_600_000;

/**
 * What a certificate has other than that of `web`, and what becomes of GET /plain with it. Two names are refused though
 * either alone would do.
 */
export const certificateAttacks: readonly (readonly [
  name: string,
  wanted: (siege: Siege) => Partial<Wanted>,
  verdict: string,
])[] = [
  ['nothing', () => ({ uris: web }), 'GET /plain'],
  ['a DNS name beside', () => ({ uris: web, dnsNames: ['web.siege.test'] }), 'GET /plain'],
  ['two services', () => ({ uris: [...web, 'spiffe://siege.test/wide'] }), '403 CH2120'],
  [
    'two services, the other first',
    () => ({ uris: ['spiffe://siege.test/wide', ...web] }),
    '403 CH2120',
  ],
  ['the same service twice', () => ({ uris: [...web, ...web] }), '403 CH2120'],
  ['a URL beside', () => ({ uris: [...web, 'https://siege.test/web'] }), '403 CH2120'],
  ['a trust domain alone', () => ({ uris: ['spiffe://siege.test'] }), 'closed'],
  ['capitals in the trust domain', () => ({ uris: ['spiffe://SIEGE.test/web'] }), 'closed'],
  ['a capital in the scheme', () => ({ uris: ['Spiffe://siege.test/web'] }), 'closed'],
  ['a final slash', () => ({ uris: ['spiffe://siege.test/web/'] }), '403 CH2120'],
  ['an empty segment', () => ({ uris: ['spiffe://siege.test//web'] }), '403 CH2120'],
  ['a dot segment', () => ({ uris: ['spiffe://siege.test/x/../web'] }), '403 CH2120'],
  ['a query', () => ({ uris: ['spiffe://siege.test/web?x'] }), '403 CH2120'],
  ['a fragment', () => ({ uris: ['spiffe://siege.test/web#x'] }), '403 CH2120'],
  ['a port', () => ({ uris: ['spiffe://siege.test:80/web'] }), 'closed'],
  ['a user name', () => ({ uris: ['spiffe://a@siege.test/web'] }), 'closed'],
  ['an escape', () => ({ uris: ['spiffe://siege.test/%77eb'] }), '403 CH2120'],
  ['a comma', () => ({ uris: ['spiffe://siege.test/web,spiffe://siege.test/wide'] }), '403 CH2120'],
  ['another name of the mesh', () => ({ uris: ['spiffe://siege.test/nobody'] }), '403 CH2105'],
  ['more segments', () => ({ uris: ['spiffe://siege.test/web/admin'] }), '403 CH2105'],
  ['another case of the name', () => ({ uris: ['spiffe://siege.test/Web'] }), '403 CH2105'],
  [
    'another trust domain by the own CA',
    () => ({ uris: ['spiffe://elsewhere.test/web'] }),
    'closed',
  ],
  ['no URI', () => ({ uris: [], dnsNames: ['web'] }), 'closed'],
  ['no name at all', () => ({ uris: [] }), 'closed'],
  ['the name as a common name', () => ({ name: 'spiffe://siege.test/web', uris: [] }), 'closed'],
  [
    'a time that is over',
    () => ({ uris: web, notBeforeMs: Date.now() - 2 * hourMs, notAfterMs: Date.now() - hourMs }),
    'closed',
  ],
  [
    'a time that is to come',
    () => ({ uris: web, notBeforeMs: Date.now() + hourMs, notAfterMs: Date.now() + 2 * hourMs }),
    'closed',
  ],
  ['no issuer', () => ({ uris: web, issuer: make({ name: 'own', ca: true }) }), 'closed'],
  [
    'a forged issuer of the same name and key id',
    ({ issuer }) => ({ uris: web, signer: newKey(), issuer }),
    'closed',
  ],
  [
    'a CA of another trust domain',
    () => ({ uris: ['spiffe://elsewhere.test/web'], issuer: make({ name: 'other', ca: true }) }),
    'closed',
  ],
  [
    'an SVID as its issuer',
    ({ issuer }) => ({ uris: web, issuer: make({ ...leaf, issuer }) }),
    'closed',
  ],
  [
    'the flag of a CA',
    () => ({ uris: web, ca: true, keyUsage: usage.digitalSignature | usage.keyCertSign }),
    'closed',
  ],
  [
    'only the purpose of a server',
    () => ({ uris: web, purposes: ['1.3.6.1.5.5.7.3.1'] }),
    'GET /plain',
  ],
  ['no use for signatures', () => ({ uris: web, keyUsage: usage.crlSign }), 'closed'],
];

const leaf: Wanted = {
  name: '',
  uris: ['spiffe://siege.test/wide'],
  notBeforeMs: Date.now() - 60_000,
  notAfterMs: Date.now() + hourMs,
};
