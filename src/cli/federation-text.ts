import { fitted } from '../base/wrap.ts';
import type { EndpointReply, FederationReply, PeerReply } from '../client/gen/api.ts';
import { table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

export function listText(
  peers: readonly PeerReply[],
  { nowMs, isPast }: { readonly nowMs: number; readonly isPast: boolean },
  look: Pick<Terminal, 'color' | 'width'>,
): string {
  if (peers.length === 0) return 'no peers; `peers` in mesh.yaml names them';
  const header = ['trust domain', 'profile', 'state', 'bundle', 'keys', 'age', 'next poll'];
  const rows = peers.map((peer) => [
    peer.trustDomain,
    peer.profile,
    stateText(peer, look),
    bundleText(peer),
    keysText(peer),
    peer.fetchedMs === undefined ? '-' : spanText(nowMs - peer.fetchedMs),
    nextText(peer, nowMs, isPast),
  ]);
  const problems = peers.flatMap(({ trustDomain, problem, failingSinceMs }) => {
    if (problem === undefined || failingSinceMs === undefined) return [];
    const since = `failing for ${spanText(nowMs - failingSinceMs)}`;
    return ['', `${trustDomain} ${since}: ${problem.code}: ${problem.message}`];
  });
  return fitted([table({ header, rows, width: look.width }), ...problems].join('\n'), look.width);
}

function nextText({ nextMs }: PeerReply, nowMs: number, isPast: boolean): string {
  if (nextMs !== undefined) return `in ${spanText(nextMs - nowMs)}`;
  return isPast ? '-' : 'now';
}

function stateText({ state }: PeerReply, look: Pick<Terminal, 'color'>): string {
  switch (state) {
    case 'fresh':
      return paint(look, 'green', state);
    case 'waiting':
      return paint(look, 'dim', state);
    case 'failing':
      return paint(look, 'red', state);
  }
}

function bundleText({ source, sequence }: PeerReply): string {
  if (source === 'none') return 'none';
  const number = sequence === undefined ? 'without sequence' : sequence;
  return source === 'seed' ? `${number} (of mesh.yaml)` : number;
}

function keysText({ x509Roots, jwtKids }: PeerReply): string {
  return `${x509Roots} x509, ${jwtKids.length} jwt`;
}

export function refreshedText(peer: PeerReply): string {
  return `${peer.trustDomain} is fresh: bundle ${bundleText(peer)}, ${keysText(peer)}`;
}

/** `peers`: what a partner needs, where the bundle is served. */
export function showText(reply: FederationReply, peers: string | undefined): string {
  const { trustDomain, sequence, endpoint } = reply;
  const head = `trust domain ${trustDomain}, bundle ${sequence}`;
  if (endpoint === undefined || peers === undefined) {
    return [
      `${head}, served nowhere: start the control plane with --federation-port N`,
      '',
      reply.document,
    ].join('\n');
  }
  const { profile, port, endpointId } = endpoint;
  const as = endpointId === undefined ? '' : ` as ${endpointId}`;
  return [
    `${head}, served on port ${port} (${profile})${as}`,
    '',
    'A partner needs this in mesh.yaml. Hand it over a way that both trust.',
    '',
    peers,
  ].join('\n');
}

/** The entry that makes this mesh a peer of another. */
export function peersYaml(
  { trustDomain, document }: FederationReply,
  { port, profile, endpointId }: EndpointReply,
  host: string,
): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return [
    'peers:',
    `  ${trustDomain}:`,
    `    endpoint: https://${name}:${port}/bundle`,
    `    profile: ${profile}`,
    ...(endpointId === undefined ? [] : [`    endpoint_id: ${endpointId}`]),
    '    bundle: |',
    ...JSON.stringify(JSON.parse(document), undefined, 2)
      .split('\n')
      .map((line) => `      ${line}`),
  ].join('\n');
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

function spanText(spanMs: number): string {
  for (const [unit, unitMs] of units) {
    if (spanMs >= 2 * unitMs) return `${Math.floor(spanMs / unitMs)} ${unit}`;
  }
  return `${Math.max(0, Math.round(spanMs / 1_000))} s`;
}
