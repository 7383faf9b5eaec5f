import { X509Certificate } from 'node:crypto';
import { isMap } from 'yaml';
import type { Position } from '../base/finding.ts';
import { peerFields } from './peer-fields.ts';
import { readTrustDomain, readWord } from './scalars.ts';
import { parseSpiffeId, pathOf, type SpiffeId, trustDomainOf } from './spiffe-id.ts';
import type { TrustDomain, TrustPeer } from './types.ts';
import type { Fields, YamlFile, YamlNode } from './yaml-file.ts';

type Peers = ReadonlyMap<TrustDomain, TrustPeer>;

/** Each is polled by every control plane and its bundle goes to every host. */
const peersMax = 100;
/** A name, a port and a path; what is longer is a mistake. */
const endpointBytesMax = 2_048;
const profiles = ['https_web', 'https_spiffe'] as const;

/** Read without all that was said of it, a peer would be believed more than was meant. */
const misreadPeer = 'the peer is not believed';

/** `peers` of mesh.yaml: the trust domains whose identities are believed here. Into `misread` go those that are not understood. */
export function readPeers(
  file: YamlFile,
  node: YamlNode,
  own: TrustDomain | undefined,
  misread: Set<TrustDomain>,
): Peers {
  const peers = new Map<TrustDomain, TrustPeer>();
  if (node === undefined) return peers;
  if (!isMap(node)) {
    file.wrongType(node, 'trust domains and where their bundles are');
    return peers;
  }
  const places = new Map<TrustDomain, { readonly key: YamlNode; readonly fields: Fields }>();
  for (const { keyNode, value } of file.entries(node)) {
    const since = file.findings.length;
    const trustDomain = readTrustDomain(file, keyNode);
    const fields = file.fields(value, peerFields, 'a peer');
    if (trustDomain !== undefined && trustDomain === own) reportOwn(file, keyNode, trustDomain);
    const at = file.at(keyNode);
    const isNamed = trustDomain !== undefined && fields !== undefined;
    if (isNamed) places.set(trustDomain, { key: keyNode, fields });
    const peer = isNamed ? readPeer(file, fields, { at, trustDomain }) : undefined;
    if (peer !== undefined) peers.set(peer.trustDomain, peer);
    if (file.contain(since, misreadPeer) && trustDomain !== undefined) misread.add(trustDomain);
  }
  if (places.size > peersMax) {
    file.report('CH1089', node, `there are ${places.size} peers`, {
      expected: `at most ${peersMax}`,
    });
  }
  for (const [trustDomain, { key, fields }] of places) {
    const peer = peers.get(trustDomain);
    if (peer === undefined) continue;
    const since = file.findings.length;
    reportTwin(file, peer, peers, fields.get('endpoint'));
    reportSeed(file, peer, { key, fields, peers, own });
    if (file.contain(since, misreadPeer)) misread.add(trustDomain);
  }
  return new Map([...peers].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function reportOwn(file: YamlFile, node: YamlNode, own: TrustDomain): void {
  file.report('CH1080', node, `"${own}" is this mesh's own trust domain`, {
    expected: 'the trust domain of another mesh or SPIFFE deployment',
    help: 'take the peer out; a mesh believes its own identities anyway',
  });
}

function readPeer(
  file: YamlFile,
  fields: Fields,
  { at, trustDomain }: { readonly at: Position; readonly trustDomain: TrustDomain },
): TrustPeer | undefined {
  const endpoint = readEndpoint(file, fields.get('endpoint'));
  const profile = readWord(file, fields.get('profile'), profiles);
  const bundle = readSeed(file, fields.get('bundle'));
  const endpointId = readEndpointId(file, fields.get('endpoint_id'));
  const ca = readCa(file, fields.get('ca'));
  if (profile !== undefined) reportMisplaced(file, fields, profile);
  if (endpoint === undefined || profile === undefined) return undefined;
  if (profile === 'https_web') {
    return { at, trustDomain, endpoint, auth: { profile, ca }, bundle };
  }
  if (fields.get('endpoint_id') === undefined) {
    file.report('CH1083', fields.node, 'https_spiffe needs the SPIFFE ID of the endpoint', {
      help: `add \`endpoint_id: spiffe://${trustDomain}/...\`; the partner's \`chancery federation show\` says it`,
    });
  }
  return endpointId === undefined
    ? undefined
    : { at, trustDomain, endpoint, auth: { profile, endpointId }, bundle };
}

/** SPIFFE Federation sections 5.2.1.1 and 5.2.2.1. */
function readEndpoint(file: YamlFile, node: YamlNode): string | undefined {
  if (node === undefined) return undefined;
  const text = file.text(node, 'an https URL');
  if (text === undefined) return undefined;
  const url = text.length > endpointBytesMax ? null : URL.parse(text);
  // The parser forgets a user that is empty.
  const hasUser = /^[^/]*\/\/[^/?#]*@/.test(text);
  if (url?.protocol === 'https:' && !hasUser && url.username === '' && url.hash === '') {
    return url.href;
  }
  file.report('CH1081', node, 'the endpoint is not an https URL that a bundle may come from', {
    expected: 'https://HOST[:PORT]/PATH, without a user, password or fragment',
  });
  return undefined;
}

function readEndpointId(file: YamlFile, node: YamlNode): SpiffeId | undefined {
  if (node === undefined) return undefined;
  const text = file.text(node, 'a SPIFFE ID');
  if (text === undefined) return undefined;
  const id = parseSpiffeId(text);
  const problem = id.ok ? 'it has no path' : id.error;
  if (id.ok && pathOf(id.value) !== '') return id.value;
  file.report('CH1084', node, `"${text.slice(0, 100)}" is not the SPIFFE ID of an endpoint`, {
    expected: 'spiffe://TRUST-DOMAIN/PATH',
    notes: [problem],
  });
  return undefined;
}

/** What of its form can be seen here; whether each key is good is told where it is used. */
function readSeed(file: YamlFile, node: YamlNode): string | undefined {
  if (node === undefined) return undefined;
  const text = file.text(node, 'a SPIFFE bundle in JSON');
  if (text === undefined) return undefined;
  const problem = seedProblem(text);
  if (problem === undefined) return text;
  file.report('CH1085', node, `the bundle cannot be used: ${problem}`, {
    expected: 'a SPIFFE bundle (a JWK Set) with at least one x509-svid key',
    help: 'copy it whole, as the partner publishes it; `bundle: |` keeps its lines',
  });
  return undefined;
}

function seedProblem(text: string): string | undefined {
  let keys: unknown;
  try {
    keys = (JSON.parse(text) as { keys?: unknown } | null)?.keys;
  } catch {
    return 'it is not JSON';
  }
  if (!Array.isArray(keys)) return 'it has no list "keys"';
  const certificates = keys.flatMap((key: { use?: unknown; x5c?: unknown } | null) =>
    key?.use === 'x509-svid' && Array.isArray(key.x5c) ? [key.x5c[0] as unknown] : [],
  );
  if (certificates.length === 0) return 'it has no x509-svid key';
  const isGood = certificates.every(
    (one) => typeof one === 'string' && isCertificate(Buffer.from(one, 'base64')),
  );
  return isGood ? undefined : 'a certificate in it cannot be read';
}

function readCa(file: YamlFile, node: YamlNode): string | undefined {
  if (node === undefined) return undefined;
  const text = file.text(node, 'certificates in PEM');
  if (text === undefined) return undefined;
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length > 0 && blocks.every(isCertificate)) return text;
  file.report('CH1086', node, 'the certificates of the CA cannot be read', {
    expected: 'one or more blocks of -----BEGIN CERTIFICATE-----',
    help: '`ca: |` keeps their lines',
  });
  return undefined;
}

function isCertificate(text: string | Buffer): boolean {
  try {
    void new X509Certificate(text);
    return true;
  } catch {
    return false;
  }
}

/** A field that would have no effect says that its writer meant something else. */
function reportMisplaced(file: YamlFile, fields: Fields, profile: (typeof profiles)[number]): void {
  const name = profile === 'https_web' ? 'endpoint_id' : 'ca';
  if (fields.get(name) === undefined) return;
  const other = profiles.find((one) => one !== profile);
  file.report('CH1082', fields.key(name), `\`${name}\` has no meaning with ${profile}`, {
    help: `take it out, or set \`profile: ${other}\``,
  });
}

/** One endpoint is one trust domain's: two with the same keys could speak for each other (rule 49). */
function reportTwin(file: YamlFile, peer: TrustPeer, peers: Peers, node: YamlNode): void {
  const twin = [...peers.values()].find((one) => one.endpoint === peer.endpoint);
  if (twin === undefined || twin === peer) return;
  file.report('CH1087', node, 'two peers have the same endpoint', {
    related: [{ at: twin.at, message: 'the other one' }],
    help: 'a bundle is of one trust domain; ask the partner for the endpoint of each',
  });
}

/** What an https_spiffe endpoint is checked with at the very first time. */
function reportSeed(
  file: YamlFile,
  peer: TrustPeer,
  given: {
    readonly key: YamlNode;
    readonly fields: Fields;
    readonly peers: Peers;
    readonly own: TrustDomain | undefined;
  },
): void {
  if (peer.auth.profile !== 'https_spiffe') return;
  const { key, fields, peers, own } = given;
  const holder = trustDomainOf(peer.auth.endpointId);
  if (holder !== peer.trustDomain) {
    if (holder === own || peers.has(holder)) return;
    file.report('CH1088', fields.get('endpoint_id'), `nothing here says how to check "${holder}"`, {
      help: `make "${holder}" a peer too, or name an endpoint of "${peer.trustDomain}" itself`,
    });
    return;
  }
  if (fields.get('bundle') !== undefined) return;
  file.report('CH1083', key, 'https_spiffe needs the bundle to check the endpoint with at first', {
    help: 'add `bundle: |` and the JSON that `chancery federation show` prints at the partner',
  });
}
