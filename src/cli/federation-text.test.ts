import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemRandom } from '../base/random.ts';
import type { EndpointReply, FederationReply, PeerReply } from '../client/gen/api.ts';
import { bundleDocument } from '../identity/bundle-document.ts';
import { createGeneration } from '../identity/ca-generation.ts';
import { trustBundle } from '../identity/rotation.ts';
import { parseIntent } from '../model/parse.ts';
import type { TrustDomain } from '../model/types.ts';
import { listText, peersYaml, showText } from './federation-text.ts';

const trustDomain = 'partner.test' as TrustDomain;
const nowMs = Date.UTC(2026, 10, 24);
const now = { nowMs, isPast: false };
const look = { color: false, width: 200 };

function reply(endpoint: EndpointReply | undefined): FederationReply {
  const active = createGeneration({ trustDomain, nowMs, random: systemRandom });
  const state = { trustDomain, sequence: 4, active, driven: 'hand' as const };
  const bundle = trustBundle({ ...state, rotation: { kind: 'none' } });
  const document = bundleDocument(bundle, { refreshHintSeconds: 60 });
  const own = { trustDomain, document, sequence: 4, peers: [] };
  return endpoint === undefined ? own : { ...own, endpoint };
}

const spiffe: EndpointReply = {
  profile: 'https_spiffe',
  port: 8443,
  endpointId: 'spiffe://partner.test/chancery/control-plane',
};

function parsed(yaml: string) {
  const mesh = `mesh: shop\ntrust_domain: shop.test\n${yaml}\n`;
  const web = 'service: web\nowner: o\nprotocol: http\nport: 80\n';
  return parseIntent(new Map(Object.entries({ 'mesh.yaml': mesh, 'services/web.yaml': web })));
}

describe('chancery federation show', () => {
  it('prints a `peers:` entry that a partner can take as it is', () => {
    const shown = reply(spiffe);
    const { intent, findings } = parsed(peersYaml(shown, spiffe, 'cp.partner.test'));
    assert.deepEqual(findings, []);
    const peer = intent?.mesh.peers.get(trustDomain);
    assert.equal(peer?.endpoint, 'https://cp.partner.test:8443/bundle');
    assert.deepEqual(peer?.auth, { profile: 'https_spiffe', endpointId: spiffe.endpointId });
    assert.deepEqual(JSON.parse(peer?.bundle ?? ''), JSON.parse(shown.document));
  });

  it('does so for https_web, and for an IPv6 address', () => {
    const web = { profile: 'https_web', port: 443 } as const;
    const { intent, findings } = parsed(peersYaml(reply(web), web, '2001:db8::1'));
    assert.deepEqual(findings, []);
    assert.equal(intent?.mesh.peers.get(trustDomain)?.endpoint, 'https://[2001:db8::1]/bundle');
  });

  it('says how to serve the bundle where nothing does', () => {
    assert.match(showText(reply(undefined), undefined), /--federation-port N/);
  });
});

describe('chancery federation list', () => {
  const fresh: PeerReply = {
    ...{ trustDomain, endpoint: 'https://p.test/', profile: 'https_web' },
    ...{ source: 'fetched', sequence: '18446744073709551615', x509Roots: 2, jwtKids: ['a'] },
    ...{ fetchedMs: nowMs - 30_000, nextMs: nowMs + 270_000, refreshMs: 300_000 },
    state: 'fresh',
  };

  it('has sequence, keys, age and the next poll', () => {
    const [, row = ''] = listText([fresh], now, look).split('\n');
    assert.match(row, /fresh +18446744073709551615 +2 x509, 1 jwt +30 s +in 4 min/);
  });

  it('says for how long a peer has failed, and why', () => {
    const problem = { code: 'CH3201', severity: 'error', message: 'no answer' } as const;
    const failing = { ...fresh, state: 'failing', failingSinceMs: nowMs - 7_200_000 } as const;
    const text = listText([{ ...failing, problem }], now, look);
    assert.match(text, /partner.test failing for 2 h: CH3201: no answer/);
  });

  it('does not say of a past time when the next poll was to be', () => {
    const { fetchedMs: _, nextMs: __, ...past } = fresh;
    const [, row = ''] = listText([past], { nowMs, isPast: true }, look).split('\n');
    assert.match(row, /jwt +- +-$/);
  });

  it('says so when there are no peers', () => {
    assert.match(listText([], now, look), /no peers/);
  });
});
