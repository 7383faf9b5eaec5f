import type { Agent } from 'node:https';
import { ChanceryError } from '../base/error.ts';
import { err, ok, type Result } from '../base/result.ts';

import { readCertificate } from '../identity/certificate-read.ts';
import { verifyRootLinks } from '../identity/root-link.ts';
import { controlPlaneId, parseSpiffeId, trustDomainOf } from '../identity/spiffe-id.ts';
import { bundlePem, rootSha256, type TrustBundle } from '../identity/trust.ts';
import { svidIdOf } from '../identity/x509-svid.ts';
import { admissionUnlessSaid } from '../model/admission.ts';
import type { TrustDomain } from '../model/types.ts';
import { type ApiTarget, callApi } from '../serve/api/client.ts';
import { https } from '../serve/api/node-http.ts';
import { type BundleReply, paths } from '../serve/api/wire.ts';
import type { ControlPoint } from './host-file.ts';

/** What the control plane is checked with. */
export type ControlTrust = Pick<TrustBundle, 'trustDomain' | 'x509Roots'>;

/** Calls of one moment; more than this wait for each other. */
const socketsMax = 8;

/** Connections to the control plane: only it may answer, and it hears who this host is where `identity` is given. */
export function controlTarget(
  { host, port }: Pick<ControlPoint, 'host' | 'port'>,
  trust: ControlTrust,
  identity?: { readonly chainPem: string; readonly privateKeyPem: string },
): ApiTarget & { readonly agent: Agent } {
  const agent = new https.Agent({
    keepAlive: true,
    maxSockets: socketsMax,
    minVersion: 'TLSv1.3',
    ca: bundlePem(trust),
    ...(identity === undefined ? {} : { cert: identity.chainPem, key: identity.privateKeyPem }),
    // SVIDs hold no DNS name; they are checked by their own rule.
    checkServerIdentity: (_name, certificate) =>
      notTheControlPlane(certificate.raw, trust.trustDomain),
  });
  return { host, port, agent };
}

function notTheControlPlane(der: Uint8Array, trustDomain: TrustDomain): Error | undefined {
  const certificate = readCertificate(der);
  const id = certificate.ok ? svidIdOf(certificate.value) : certificate;
  if (!id.ok) return new Error(`who answers shows no SVID: ${id.error}`);
  if (id.value === controlPlaneId(trustDomain)) return undefined;
  return new Error(`who answers is ${id.value}, not the control plane of ${trustDomain}`);
}

/**
 * Where every root that this host knows has ended, the statements of the last one lead to the root of today; undefined
 * while one of them is good, or where nothing leads on. Whoever answers need not be known: a link is good by its signature.
 */
export async function followRootLinks(
  address: ControlPoint,
  trust: ControlTrust,
  nowMs: number,
): Promise<Result<ControlTrust, string>> {
  const { trustDomain, x509Roots } = trust;
  const { rootLinks } = await fetchBundle(address);
  const known = x509Roots.map((root) => Buffer.from(root, 'base64'));
  const awayMsMax = admissionUnlessSaid.rejoinSecondsMax * 1_000;
  const roots = verifyRootLinks(rootLinks, { trustDomain, known, nowMs, awayMsMax });
  if (!roots.ok) return err(roots.error.message);
  return ok({
    trustDomain,
    x509Roots: roots.value.map((root) => Buffer.from(root).toString('base64')),
  });
}

/**
 * The first contact: takes what the control plane says its roots are, as far as they are those that the operator named by
 * their hashes. Nothing else is asked over this connection.
 */
export async function fetchTrust(address: ControlPoint): Promise<ControlTrust> {
  const reply = await fetchBundle(address);
  const x509Roots = reply.x509Roots.filter((root) => address.rootSha256.includes(rootSha256(root)));
  if (x509Roots.length === 0) throw otherRoots(reply, address);
  const id = parseSpiffeId(`spiffe://${reply.trustDomain}`);
  if (!id.ok) throw new Error(`the control plane names no trust domain: ${id.error}`);
  return { trustDomain: trustDomainOf(id.value), x509Roots };
}

/** Of whoever answers; nothing else is asked over this connection. */
async function fetchBundle({ host, port }: ControlPoint): Promise<BundleReply> {
  const agent = new https.Agent({ rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  try {
    const call = { method: 'GET' as const, path: paths.bundle };
    return (await callApi({ host, port, agent }, call)) as BundleReply;
  } finally {
    agent.destroy();
  }
}

function otherRoots(reply: BundleReply, { rootSha256: wanted }: ControlPoint): ChanceryError {
  return new ChanceryError({
    code: 'CH3114',
    message: 'the control plane has none of the roots that this host was told to trust',
    expected: wanted.length === 0 ? 'at least one hash of a root' : wanted.join(', '),
    found: reply.x509Roots.map(rootSha256).join(', '),
    help: 'chancery ca status shows the roots; if the CA was rotated since, give the host a new --root',
  });
}
