import type { IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import { checkServerIdentity, type TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { Finding } from '../../base/finding.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { bundleMediaType } from '../../identity/bundle-document.ts';
import { bundleBytesMax } from '../../identity/bundle-read.ts';
import { readCertificate } from '../../identity/certificate-read.ts';
import { toPem } from '../../identity/pem.ts';
import type { SpiffeId } from '../../identity/spiffe-id.ts';
import { svidIdOf } from '../../identity/x509-svid.ts';
import { https } from '../../serve/api/node-http.ts';
import { mozillaIntermediate } from './tls.ts';

/** Why there is no bundle; a finding of kind error. */
export type Problem = Omit<Finding, 'severity'>;

/** What an endpoint must show. */
export type EndpointAuth =
  | {
      readonly profile: 'https_web';
      /** PEM; the public CAs when undefined. */
      readonly ca: string | undefined;
    }
  | {
      readonly profile: 'https_spiffe';
      readonly endpointId: SpiffeId;
      /** Roots of the trust domain of that ID and of no other, DER in base64. */
      readonly roots: readonly string[];
    };

/** Of a whole fetch, redirects too: below what a command waits for an answer of the control API (10 s). */
export const fetchTimeoutMs = 8_000;
const redirectsMax = 3;
const temporaryRedirects = [302, 303, 307];
const permanentRedirects = [301, 308];

/** GETs a bundle as the profile says (SPIFFE Federation section 5.2). Nothing is remembered of where redirects led. */
export async function fetchBundle(given: {
  readonly endpoint: string;
  readonly auth: EndpointAuth;
  readonly clock: Clock;
  /** Ends it at once. */
  readonly signal: AbortSignal;
}): Promise<Result<Uint8Array, Problem>> {
  const { auth, clock } = given;
  if (auth.profile === 'https_spiffe' && auth.roots.length === 0) {
    return err({
      code: 'CH3202',
      message: `nothing is there to check ${auth.endpointId} with: the bundle of its trust domain has no roots`,
    });
  }
  const late = new AbortController();
  const cancel = clock.after(fetchTimeoutMs, () => late.abort());
  try {
    const signal = AbortSignal.any([given.signal, late.signal]);
    const fetched = await follow(new URL(given.endpoint), auth, signal);
    return !fetched.ok && late.signal.aborted ? err(slow(given.endpoint)) : fetched;
  } finally {
    cancel();
  }
}

async function follow(
  first: URL,
  auth: EndpointAuth,
  signal: AbortSignal,
): Promise<Result<Uint8Array, Problem>> {
  let url = first;
  for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
    const answered = await get(url, auth, signal);
    if (!answered.ok) return answered;
    const response = answered.value;
    const status = response.statusCode ?? 0;
    if (status === 200) return body(response, url);
    // What else it has to say is not read.
    response.destroy();
    const next = redirectOf(response, url);
    if (next === undefined) return err(answer(url, `it answers ${status}`));
    if (!next.ok) return next;
    url = next.value;
  }
  return err(answer(first, `it redirects more than ${redirectsMax} times`));
}

/** Undefined: it is none. */
function redirectOf(response: IncomingMessage, from: URL): Result<URL, Problem> | undefined {
  const { statusCode = 0, headers } = response;
  const isPermanent = permanentRedirects.includes(statusCode);
  if (!isPermanent && !temporaryRedirects.includes(statusCode)) return undefined;
  const next = URL.parse(headers.location ?? '', from);
  if (headers.location === undefined || next === null) {
    return err(answer(from, `it redirects (${statusCode}) to no URL`));
  }
  if (isPermanent) {
    const help = `if the partner says that it has moved, set the endpoint in mesh.yaml to ${next.origin}${next.pathname}`;
    return err({ ...answer(from, `it redirects for good (${statusCode})`), help });
  }
  const isGood = next.protocol === 'https:' && next.username === '' && next.password === '';
  return isGood ? ok(next) : err(answer(from, 'it redirects to other than a plain https URL'));
}

function get(
  url: URL,
  auth: EndpointAuth,
  signal: AbortSignal,
): Promise<Result<IncomingMessage, Problem>> {
  return new Promise((resolve) => {
    const request = https.request(url, {
      ...mozillaIntermediate,
      ...authOptions(auth),
      rejectUnauthorized: true,
      method: 'GET',
      // A connection of its own: a session that is taken up again would not be checked.
      agent: false,
      headers: { accept: bundleMediaType, 'accept-encoding': 'identity' },
      signal,
    });
    request.once('response', (response) => resolve(ok(response)));
    request.on('error', (error) => {
      const socket = request.socket as TLSSocket | null;
      // Set only by a handshake whose certificate did not hold.
      const isRefused = Boolean(socket?.authorizationError);
      resolve(err(isRefused ? notItself(url, auth, error) : unreachable(url, error)));
    });
    request.end();
  });
}

function authOptions(auth: EndpointAuth): RequestOptions {
  if (auth.profile === 'https_web') {
    return { checkServerIdentity, ...(auth.ca === undefined ? {} : { ca: auth.ca }) };
  }
  return {
    ca: auth.roots.map((root) => toPem('CERTIFICATE', Buffer.from(root, 'base64'))),
    // What a trust domain publishes is trusted as it is, also where it is not signed by itself.
    allowPartialTrustChain: true,
    // The name of the host counts for nothing (rule 74).
    checkServerIdentity: (_host, { raw }) => {
      const problem = leafProblem(raw, auth.endpointId);
      return problem === undefined ? undefined : new Error(problem);
    },
  };
}

/** The chain holds already; what is left is whose it is. */
function leafProblem(der: Uint8Array, expected: SpiffeId): string | undefined {
  const leaf = readCertificate(der);
  if (!leaf.ok) return leaf.error;
  const id = svidIdOf(leaf.value);
  if (!id.ok) return id.error;
  return id.value === expected ? undefined : `it is ${id.value}`;
}

async function body(response: IncomingMessage, url: URL): Promise<Result<Uint8Array, Problem>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // Leaving the loop ends the connection.
      if (bytes > bundleBytesMax) {
        return err(answer(url, `it sends more than ${bundleBytesMax} bytes`));
      }
      chunks.push(chunk);
    }
  } catch (error) {
    return err(unreachable(url, error));
  }
  return ok(Buffer.concat(chunks));
}

function slow(endpoint: string): Problem {
  const expected = `a whole answer within ${fetchTimeoutMs / 1_000} s`;
  return { code: 'CH3201', message: `the bundle endpoint ${endpoint} is too slow`, expected };
}

function unreachable(url: URL, error: unknown): Problem {
  return {
    code: 'CH3201',
    message: `the bundle endpoint ${url.href} does not answer: ${messageOf(error)}`,
  };
}

function notItself(url: URL, auth: EndpointAuth, error: Error): Problem {
  const expected =
    auth.profile === 'https_spiffe'
      ? `an X509-SVID of ${auth.endpointId}, signed below its trust domain's latest bundle`
      : `a certificate for "${url.hostname}" of a ${auth.ca === undefined ? 'public CA' : 'CA in `ca`'}`;
  const message = `the bundle endpoint ${url.href} is not what it should be: ${messageOf(error)}`;
  return { code: 'CH3202', message, expected };
}

function answer(url: URL, problem: string): Problem {
  const expected = 'status 200 and a SPIFFE bundle';
  return { code: 'CH3203', message: `the bundle endpoint ${url.href}: ${problem}`, expected };
}
