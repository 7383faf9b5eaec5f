import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ControlPlane } from '../src/app/control-plane.ts';
import { gates } from '../src/app/gate/gates.ts';
import { systemClock as clock } from '../src/base/clock.ts';
import { toPem } from '../src/identity/pem.ts';
import { deskFields } from '../src/model/desk-fields.ts';
import type { FieldTable } from '../src/model/field-spec.ts';
import * as tables from '../src/model/fields.ts';
import { hostsFields } from '../src/model/hosts-fields.ts';
import { peerFields } from '../src/model/peer-fields.ts';
import * as rules from '../src/model/rule-fields.ts';
import { issuer, jwkOf, type PairName } from '../src/tokens/token.fixture.ts';
import {
  candidateOf,
  type Files,
  intentOf,
  noTraffic,
  serviceFile,
  treeOf,
  workloadOf,
} from './support/gate-world.ts';
import { partnerBundle, partnerRoot } from './support/partner-bundle.ts';

const keys = (pair: PairName): string => JSON.stringify({ keys: [jwkOf(pair)] });

const mesh = `mesh: m
trust_domain: m.test
description: a mesh
attributes: { tier: int }
roles: { clients: [web] }
defaults: { timeout: 15s, connect_timeout: 1s, svid_ttl: 1h, decide: proxy, desk: agent }
desk: { pool: { d-1: 10.0.0.5:15012 } }
hosts: { join_token: { max_ttl: 1h }, rejoin: 30d }
ca: { root_ttl: 365d, intermediate_ttl: 90d }
operators: { viewers: [web] }
breakglass: { max: 4h }
peers: { partner.test: { endpoint: https://p.test/, profile: https_web } }
issuers:
  login: { issuer: "${issuer.issuer}", audience: shop, person: sub, jwks: '${keys('ES256')}' }
`;
const api = `description: an api
health: GET /healthz
identity: { unix: { user: api } }
attributes: { tier: 1 }
decide: proxy
allow:
  - { id: plain, from: "role:clients", to: GET /plain }
  - { id: tested, from: web, to: GET /tested }
  - { id: header, from: web, to: { request: GET /header, headers: { x-a: "1" }, host: api } }
  - { id: token, from: web, to: GET /token, token: { issuer: login, audience: shop, scopes: [read], claims: { level: a } } }
  - { id: when, description: why, from: web, to: GET /when, when: source.tier == 1 }
  - { id: person, from: "person:alice", to: GET /person }
deny:
  - { id: internal, from: "*", to: GET /internal }
routes:
  - { id: r, match: { path: /a, method: PUT, header: { x-b: "1" }, query: { q: "1" } }, to: v1, timeout: 2s, retry: { attempts: 2, per_try_timeout: 600ms, on: always } }
  - { split: { v1: 100, v2: 0 }, desk_away: closed }
run:
  v1: { command: node a.js, env: { LOG: info } }
  v2: node b.js
tests:
  - { name: t, from: web, request: GET /tested, expect: allow }
`;
const before: Files = {
  'mesh.yaml': mesh,
  'services/api.yaml': serviceFile('api', api),
  'services/db.yaml': `service: db\nowner: team\nprotocol: tcp\nport: 8200\nallow:\n  - { id: r, from: web }\n`,
  'services/queue.yaml':
    'service: queue\nowner: team\nprotocol: tcp\nport: 8201\nallow:\n  - { id: r, from: web }\n',
  'services/web.yaml': serviceFile(
    'web',
    'attributes: { tier: 1 }\ncalls: [{ service: db, local_port: 15432 }]\n',
  ),
};
const inventory = [
  workloadOf('api'),
  { ...workloadOf('api'), id: 'api-v2' as never, version: 'v2' as never, host: 'other' },
  workloadOf('db'),
  workloadOf('queue'),
  workloadOf('web'),
];

/**
 * What keeps a change of a field from hurting more than one proxy of a service: `waves`, since it touches proxies; a code,
 * since it is refused or waits for a person; or why it changes nothing that runs.
 */
type Kept = 'waves' | `CH${number}` | { readonly harmless: string };
type Change = readonly [
  file: 'mesh' | 'api' | 'queue' | 'web',
  from: string | RegExp,
  to: string,
  kept: Kept,
];

const forPeople = { harmless: 'said to people only' };
const comingIn = { harmless: 'asked of hosts that come in; those that are in stay' };
const forConditions = { harmless: 'a name that conditions may use; what uses it says so itself' };
const nextTime = { harmless: 'holds from the next rotation on, which has steps of its own' };
const ofOperators = { harmless: "who may use the operators' API; no request of an application" };
const lastGood = { harmless: 'the last good bundle goes on until the next fetch' };
const beside = { harmless: 'who may grant what beside Git; grants in effect stay' };
const tried = { harmless: 'an intent test, which a gate runs' };

const root = partnerRoot();
const seed = `bundle: '${partnerBundle(root)}'`;
const pem = JSON.stringify(toPem('CERTIFICATE', Buffer.from(root, 'base64')));

/** Of each field of the language a change, or several where they are kept in different ways. */
const changes: Readonly<Record<string, readonly Change[]>> = {
  'mesh.mesh': [['mesh', 'mesh: m\n', 'mesh: n\n', forPeople]],
  'mesh.trust_domain': [['mesh', 'm.test', 'n.test', 'CH4217']],
  'mesh.description': [['mesh', 'a mesh', 'the mesh', forPeople]],
  'mesh.roles': [['mesh', 'clients: [web]', 'clients: [db]', 'waves']],
  'mesh.attributes': [['mesh', 'tier: int', 'tier: int, more: string', forConditions]],
  'mesh.defaults.timeout': [['mesh', 'timeout: 15s', 'timeout: 14s', 'waves']],
  'mesh.defaults.connect_timeout': [
    ['mesh', 'connect_timeout: 1s', 'connect_timeout: 2s', 'waves'],
  ],
  'mesh.defaults.svid_ttl': [['mesh', 'svid_ttl: 1h', 'svid_ttl: 1m', 'CH4220']],
  'mesh.defaults.decide': [['mesh', 'decide: proxy', 'decide: desk', 'waves']],
  'mesh.defaults.desk': [['mesh', 'desk: agent', 'desk: pool', 'waves']],
  'mesh.desk.pool': [['mesh', '10.0.0.5', '10.0.0.6', 'waves']],
  'mesh.hosts.join_token': [['mesh', 'max_ttl: 1h', 'max_ttl: 2h', comingIn]],
  'mesh.hosts.rejoin': [['mesh', 'rejoin: 30d', 'rejoin: 31d', comingIn]],
  'mesh.ca.root_ttl': [['mesh', '365d', '300d', nextTime]],
  'mesh.ca.intermediate_ttl': [['mesh', '90d', '80d', nextTime]],
  'mesh.issuers.issuer': [['mesh', issuer.issuer, 'https://other.test', 'waves']],
  'mesh.issuers.audience': [['mesh', 'audience: shop', 'audience: else', 'waves']],
  'mesh.issuers.jwks': [['mesh', keys('ES256'), keys('ES384'), 'waves']],
  'mesh.issuers.person': [['mesh', 'person: sub', 'person: email', 'waves']],
  'mesh.operators.viewers': [['mesh', 'viewers: [web]', 'viewers: [db]', ofOperators]],
  'mesh.operators.operators': [['mesh', 'viewers:', 'operators:', ofOperators]],
  'mesh.operators.admins': [['mesh', 'viewers:', 'admins:', ofOperators]],
  'mesh.breakglass.approvals': [['mesh', 'max: 4h', 'approvals: 2', beside]],
  'mesh.breakglass.max': [['mesh', 'max: 4h', 'max: 3h', beside]],
  'mesh.breakglass.ticket': [['mesh', 'max: 4h', 'ticket: required', beside]],
  'mesh.breakglass.who': [['mesh', 'max: 4h', 'who: ["token a"]', beside]],
  'mesh.peers.endpoint': [['mesh', 'https://p.test/', 'https://q.test/', lastGood]],
  'mesh.peers.profile': [
    ['mesh', 'https_web', `https_spiffe, endpoint_id: spiffe://partner.test/b, ${seed}`, 'CH4224'],
  ],
  'mesh.peers.endpoint_id': [
    ['mesh', 'https_web', `https_spiffe, endpoint_id: spiffe://partner.test/b, ${seed}`, 'CH4224'],
  ],
  'mesh.peers.bundle': [['mesh', 'https_web', `https_web, ${seed}`, 'CH4224']],
  'mesh.peers.ca': [['mesh', 'https_web', `https_web, ca: ${pem}`, lastGood]],

  'service.service': [['api', 'service: api', 'service: spi', 'CH4207']],
  'service.owner': [['api', 'owner: team', 'owner: us', forPeople]],
  'service.description': [['api', 'an api', 'the api', forPeople]],
  'service.protocol': [
    ['queue', 'protocol: tcp', 'protocol: http', 'CH4219'],
    ['api', 'protocol: http', 'protocol: http2', 'waves'],
  ],
  'service.port': [['api', 'port: 8097', 'port: 8098', 'waves']],
  'service.health': [['api', 'GET /healthz', 'GET /ready', 'waves']],
  'service.identity': [['api', 'user: api', 'user: other', 'CH4225']],
  'service.attributes': [
    ['api', 'tier: 1', 'tier: 2', 'waves'],
    ['web', 'tier: 1', 'tier: 2', 'waves'],
  ],
  'service.decide': [['api', 'decide: proxy', 'decide: desk', 'waves']],
  'service.allow': [
    ['api', '  - { id: when', '  - { id: more, from: web }\n  - { id: when', 'waves'],
  ],
  'service.deny': [['api', /deny:\n.*\n/, '', 'waves']],
  'service.routes': [['api', '{ v1: 100, v2: 0 }', '{ v1: 50, v2: 50 }', 'waves']],
  'service.run': [['api', 'v2: node b.js', 'v2: node c.js', 'waves']],
  'service.calls': [['web', /calls: .*\n/, '', 'waves']],
  'service.tests': [['api', 'expect: allow', 'expect: deny', 'CH4201']],

  'rule.from': [['api', 'from: "*"', 'from: web', 'waves']],
  'rule.to': [['api', 'GET /internal', 'GET /inner', 'waves']],
  'rule.id': [['api', 'id: plain', 'id: other', 'waves']],
  'rule.description': [['api', 'description: why', 'description: so', forPeople]],
  'rule.when': [['api', 'source.tier == 1', 'source.tier == 2', 'waves']],
  'rule.mode': [['api', 'to: GET /plain', 'to: GET /plain, mode: audit', 'waves']],
  'rule.to.request': [['api', 'request: GET /header', 'request: GET /head', 'waves']],
  'rule.to.headers': [['api', '{ x-a: "1" }', '{ x-a: "2" }', 'waves']],
  'rule.to.host': [['api', 'host: api }', 'host: b }', 'waves']],
  'rule.token': [['api', /token: \{ issuer.*\}/, 'token: { scopes: [read] } }', 'waves']],
  'rule.token.issuer': [['api', 'token: { issuer: login,', 'token: {', 'waves']],
  'rule.token.audience': [['api', 'audience: shop', 'audience: else', 'waves']],
  'rule.token.scopes': [['api', '[read]', '[write]', 'waves']],
  'rule.token.claims': [['api', 'level: a', 'level: b', 'waves']],

  'route.id': [['api', 'id: r,', 'id: s,', 'waves']],
  'route.match': [['api', /match: .*?, to/, 'match: { path: /a }, to', 'waves']],
  'route.match.path': [['api', 'path: /a', 'path: /b', 'waves']],
  'route.match.method': [['api', 'method: PUT', 'method: GET', 'waves']],
  'route.match.header': [['api', '{ x-b: "1" }', '{ x-b: "2" }', 'waves']],
  'route.match.query': [['api', '{ q: "1" }', '{ q: "2" }', 'waves']],
  'route.to': [['api', 'to: v1, timeout', 'to: v2, timeout', 'waves']],
  'route.split': [['api', '{ v1: 100, v2: 0 }', '{ v1: 99, v2: 1 }', 'waves']],
  'route.timeout': [['api', 'timeout: 2s', 'timeout: 3s', 'waves']],
  'route.desk_away': [['api', 'desk_away: closed', 'desk_away: open', 'waves']],
  'route.retry': [['api', /, retry: \{.*?\}/, '', 'waves']],
  'route.retry.attempts': [['api', 'attempts: 2', 'attempts: 1', 'waves']],
  'route.retry.per_try_timeout': [['api', '600ms', '700ms', 'waves']],
  'route.retry.on': [['api', 'on: always', 'on: safe', 'waves']],

  'run.command': [['api', 'node a.js', 'node c.js', 'waves']],
  'run.env': [['api', 'LOG: info', 'LOG: debug', 'waves']],
  'run.port': [['api', '{ LOG: info }', '{ LOG: info }, port: 8102', 'waves']],
  'call.service': [['web', 'service: db', 'service: queue', 'waves']],
  'call.local_port': [['web', '15432', '15433', 'waves']],

  'test.name': [['api', 'name: t', 'name: u', tried]],
  'test.from': [['api', 'from: web, request', 'from: db, request', 'CH4201']],
  'test.request': [['api', 'request: GET /tested', 'request: GET /none', 'CH4201']],
  'test.headers': [['api', 'expect: allow', 'headers: { a: b }, expect: allow', tried]],
  'test.token': [['api', 'expect: allow', 'token: { subject: a }, expect: allow', tried]],
  'test.expect': [['api', 'expect: allow', 'expect: deny', 'CH4201']],
};

const languages: Readonly<Record<string, FieldTable>> = {
  mesh: tables.meshFields,
  'mesh.defaults': tables.defaultsFields,
  'mesh.desk': deskFields,
  'mesh.hosts': hostsFields,
  'mesh.ca': tables.caFields,
  'mesh.issuers': rules.issuerFields,
  'mesh.operators': tables.operatorFields,
  'mesh.breakglass': tables.breakglassFields,
  'mesh.peers': peerFields,
  service: tables.serviceFields,
  rule: rules.ruleFields,
  'rule.to': rules.targetFields,
  'rule.token': rules.tokenFields,
  route: tables.routeFields,
  'route.match': tables.matchFields,
  'route.retry': tables.retryFields,
  run: tables.runFields,
  call: tables.callFields,
  test: tables.testFields,
};

/** What holds for each of their fields. */
const sections = new Set([
  ...Object.keys(languages),
  'mesh.hosts.x509pop',
  'mesh.hosts.tpm',
  'mesh.hosts.aws_iid',
]);

const rails = gates({
  ...{ envoy: undefined, traffic: noTraffic, hostShows: () => undefined },
  nowMs: () => clock.nowMs(),
});

async function codesOf(after: Files): Promise<readonly string[]> {
  const candidate = candidateOf(before, after, inventory);
  const found = await Promise.all(rails.map((gate) => gate.check(candidate)));
  return found.flat().map(({ code }) => code);
}

function touchedBy(after: Files): readonly string[] {
  const plane = new ControlPlane({
    ...{ clock, inventory, sink: { publish: () => {}, retire: () => {} } },
    ...{ onReady: () => {}, onAccepting: () => {}, onAccepted: () => {}, onStayed: () => {} },
  });
  const accept = (commit: string, files: Files): void => {
    const more = { warnings: [], approved: false, compiled: undefined };
    plane.accept(treeOf(commit, files), intentOf(files), more);
  };
  accept('before', before);
  accept('after', after);
  const touched = plane.propose(intentOf(after), { id: 'after', subject: '' }, undefined);
  return touched.map(({ proxy }) => proxy);
}

describe('a change of a field of the language', () => {
  it('is looked at here, each of them', () => {
    const fields = Object.entries(languages).flatMap(([section, table]) =>
      Object.entries(table).flatMap(([name, { later }]) => (later ? [] : [`${section}.${name}`])),
    );
    assert.deepEqual(
      fields.filter((name) => !(name in changes) && !sections.has(name)),
      [],
    );
    assert.deepEqual(
      Object.keys(changes).filter((name) => !fields.includes(name)),
      [],
    );
  });

  for (const [field, all] of Object.entries(changes)) {
    for (const [file, from, to, kept] of all) {
      const how = typeof kept === 'string' ? kept : `harmless: ${kept.harmless}`;
      it(`${field} (${file}): ${how}`, async () => {
        const path = file === 'mesh' ? 'mesh.yaml' : `services/${file}.yaml`;
        const text = before[path] ?? '';
        const changed = text.replace(from, () => to);
        assert.notEqual(changed, text, 'the edit changes nothing');
        const after: Files =
          field === 'service.service' ? renamed(changed) : { ...before, [path]: changed };
        const codes = await codesOf(after);
        const touched = codes.length > 0 ? [] : touchedBy(after);
        if (typeof kept !== 'string') assert.deepEqual([codes, touched], [[], []]);
        else if (kept === 'waves')
          assert.ok(codes.length === 0 && touched.length > 0, codes.join());
        else assert.ok(codes.includes(kept), `${codes.join()} ${touched.join()}`);
      });
    }
  }
});

function renamed(text: string): Files {
  const { 'services/api.yaml': _, ...others } = before;
  return { ...others, 'services/spi.yaml': text.replace('host: api', 'host: spi') };
}
