import type { Brand } from '../base/brand.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { TrustDomain } from './types.ts';

/** `spiffe://<trust domain>[/<path>]`, checked. A raw string never travels as an ID. */
export type SpiffeId = Brand<string, 'SpiffeId'>;

export type SpiffeIdError =
  | 'the scheme is not "spiffe://"'
  | 'the trust domain is empty'
  | 'the trust domain has characters other than a-z, 0-9, ".", "-" and "_"'
  | 'the trust domain is longer than 255 bytes'
  | 'the path ends with a slash'
  | 'the path has an empty segment'
  | 'the path has a "." or ".." segment'
  | 'the path has characters other than letters, digits, ".", "-" and "_"'
  | 'the ID is longer than 2048 bytes';

const scheme = 'spiffe://';
const idBytesMax = 2048;
const trustDomainBytesMax = 255;

/** SPIFFE-ID sections 2.1 to 2.4. Userinfo, port, query and fragment fall to the character rules. */
export function parseSpiffeId(text: string): Result<SpiffeId, SpiffeIdError> {
  if (!text.startsWith(scheme)) return err('the scheme is not "spiffe://"');
  if (Buffer.byteLength(text) > idBytesMax) return err('the ID is longer than 2048 bytes');
  const rest = text.slice(scheme.length);
  const slash = rest.indexOf('/');
  const trustDomain = slash < 0 ? rest : rest.slice(0, slash);
  const problem =
    trustDomainProblem(trustDomain) ?? (slash < 0 ? undefined : pathProblem(rest.slice(slash + 1)));
  return problem === undefined ? ok(text as SpiffeId) : err(problem);
}

function trustDomainProblem(trustDomain: string): SpiffeIdError | undefined {
  if (trustDomain === '') return 'the trust domain is empty';
  if (!/^[a-z0-9._-]+$/.test(trustDomain)) {
    return 'the trust domain has characters other than a-z, 0-9, ".", "-" and "_"';
  }
  return trustDomain.length > trustDomainBytesMax
    ? 'the trust domain is longer than 255 bytes'
    : undefined;
}

function pathProblem(path: string): SpiffeIdError | undefined {
  const segments = path.split('/');
  if (segments.at(-1) === '') return 'the path ends with a slash';
  for (const segment of segments) {
    if (segment === '') return 'the path has an empty segment';
    if (segment === '.' || segment === '..') return 'the path has a "." or ".." segment';
    if (!/^[A-Za-z0-9._-]+$/.test(segment)) {
      return 'the path has characters other than letters, digits, ".", "-" and "_"';
    }
  }
  return undefined;
}

export function trustDomainOf(id: SpiffeId): TrustDomain {
  const rest = id.slice(scheme.length);
  const slash = rest.indexOf('/');
  return (slash < 0 ? rest : rest.slice(0, slash)) as TrustDomain;
}

/** With its leading slash; empty for a trust domain's own ID. */
export function pathOf(id: SpiffeId): string {
  const rest = id.slice(scheme.length);
  const slash = rest.indexOf('/');
  return slash < 0 ? '' : rest.slice(slash);
}
