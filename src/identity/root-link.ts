import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { Refusal } from '../base/finding.ts';
import { err, ok, type Result } from '../base/result.ts';
import { timeText } from '../base/time-text.ts';
import type { TrustDomain } from '../model/types.ts';
import { type Certificate, readCertificate } from './certificate-read.ts';
import { isSelfSigned } from './import-chain.ts';

/**
 * A root's statement, by its key, that another root comes after it. A host that was away until every root it knows had
 * ended follows such links to a root that is good; no connection is needed that it could trust.
 */
export interface RootLink {
  readonly trustDomain: TrustDomain;
  /** SHA-256 of the certificate whose key signed this, hex. */
  readonly from: string;
  /** The root that came after it, DER in base64. */
  readonly to: string;
  readonly madeMs: number;
  /** ECDSA P-256 over SHA-256, DER in base64. */
  readonly signature: string;
}

/** A root lives for a year or so; nobody follows further back than this. */
export const rootLinksMax = 16;

export function signRootLink(given: {
  readonly trustDomain: TrustDomain;
  readonly fromDer: Uint8Array;
  readonly fromKey: KeyObject;
  readonly toDer: Uint8Array;
  readonly nowMs: number;
}): RootLink {
  const { trustDomain, fromDer, fromKey, toDer, nowMs } = given;
  const said = {
    trustDomain,
    from: sha256(fromDer),
    to: Buffer.from(toDer).toString('base64'),
    madeMs: nowMs,
  };
  return { ...said, signature: sign('sha256', statement(said), fromKey).toString('base64') };
}

interface LinkRules {
  readonly trustDomain: TrustDomain;
  /** The roots that the host knows, DER. */
  readonly known: readonly Uint8Array[];
  readonly nowMs: number;
  /** How long after the end of its last root a host may still come back this way. */
  readonly awayMsMax: number;
}

/**
 * The roots that the host may trust from now on, in place of those it knows. Only when all of those have ended: while one
 * is good, what it vouches for is checked with it and a link gives nothing. Errors: CH3017, why no root is taken.
 */
export function verifyRootLinks(
  links: readonly RootLink[],
  rules: LinkRules,
): Result<readonly Uint8Array[], Refusal> {
  const { nowMs, trustDomain } = rules;
  if (links.length > rootLinksMax) return none(`there are more than ${rootLinksMax} root links`);
  const known = rules.known.map(readCertificate).flatMap((read) => (read.ok ? [read.value] : []));
  if (known.length !== rules.known.length || known.length === 0) {
    return none('this host knows no root that can be read');
  }
  const lastEndMs = Math.max(...known.map(({ notAfterMs }) => notAfterMs));
  const end = timeText(lastEndMs);
  if (lastEndMs > nowMs) {
    return none(`a root that this host knows has not ended: it is good until ${end}`);
  }
  if (nowMs - lastEndMs > rules.awayMsMax) {
    return none(`the last root that this host knows ended too long ago, at ${end}`);
  }
  const good = reachedFrom(known, links, trustDomain).filter(
    ({ notBeforeMs, notAfterMs }) => notBeforeMs <= nowMs && nowMs < notAfterMs,
  );
  if (good.length > 0) return ok(good.map(({ der }) => der));
  const ids = known.map(({ der }) => sha256(der).slice(0, 16)).join(', ');
  return none(
    `no root link leads from the roots that this host knows (${ids}) to one that is good`,
  );
}

function none(message: string): Result<never, Refusal> {
  return err({
    code: 'CH3017',
    message,
    notes: [
      "only a root of the mesh's own can say what comes after it; where the root is the company's, there are no links",
    ],
    help: 'join the host anew, as at the first time: it is given the roots of today',
  });
}

/** What comes last on the ways from the known roots: a root that has a successor is none to trust. */
function reachedFrom(
  known: readonly Certificate[],
  links: readonly RootLink[],
  trustDomain: TrustDomain,
): readonly Certificate[] {
  const reached = new Map(known.map((root) => [sha256(root.der), root]));
  const left = new Set<string>();
  // One round for each link at most: each that counts adds a root or ends one.
  for (let round = 0; round < links.length; round += 1) {
    for (const link of links) {
      const from = reached.get(link.from);
      const to = from === undefined ? undefined : successor(link, from, trustDomain);
      if (to === undefined) continue;
      left.add(link.from);
      reached.set(sha256(to.der), to);
    }
  }
  return [...reached].filter(([id]) => !left.has(id)).map(([, root]) => root);
}

/** The root that a link names, when its signature is that of `from` and it is a root of this trust domain. */
function successor(
  link: RootLink,
  from: Certificate,
  trustDomain: TrustDomain,
): Certificate | undefined {
  if (link.trustDomain !== trustDomain || !isSignedBy(link, from)) return undefined;
  const to = readCertificate(Buffer.from(link.to, 'base64'));
  if (!to.ok || !to.value.isCa || !isSelfSigned(to.value)) return undefined;
  return to.value.uriSans.every((uri) => uri === `spiffe://${trustDomain}`) ? to.value : undefined;
}

function isSignedBy(link: RootLink, { publicKeySpki }: Certificate): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKeySpki), format: 'der', type: 'spki' });
    return verify('sha256', statement(link), key, Buffer.from(link.signature, 'base64'));
  } catch {
    return false;
  }
}

/** Begins with text, so that it is never the signed part of a certificate, which begins with 30 hex. */
function statement({ trustDomain, from, to, madeMs }: Omit<RootLink, 'signature'>): Uint8Array {
  const toId = sha256(Buffer.from(to, 'base64'));
  return Buffer.from(`chancery root link 1\n${trustDomain}\n${from}\n${toId}\n${madeMs}\n`, 'utf8');
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
