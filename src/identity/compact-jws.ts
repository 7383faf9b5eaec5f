import { err, ok, type Result } from '../base/result.ts';
import { readJsonObject } from './strict-json.ts';

/** A JWT (RFC 7519) as it lies in a JWS in compact form (RFC 7515 section 7.1); nothing of it is verified. */
export interface CompactJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** What the signature is over. */
  readonly signed: string;
  readonly signature: Uint8Array;
}

/** Takes each part in its one spelling, and objects that say no member twice. The caller bounds the length. */
export function readCompactJws(token: string): Result<CompactJws, string> {
  const parts = token.split('.', 4);
  const [headerText = '', claimsText = '', signatureText = ''] = parts;
  if (parts.length !== 3) return err('the token is not a JWS in compact form');
  const header = decodeObject(headerText);
  if (header === undefined) return err('the header of the token is not a JSON object');
  const claims = decodeObject(claimsText);
  if (claims === undefined) return err('the claims of the token are not a JSON object');
  // RFC 7515 appendix A.5 has none; then it is the algorithm that is refused.
  const signature = signatureText === '' ? new Uint8Array() : decodeBase64Url(signatureText);
  if (signature === undefined) return err('the signature is not in base64url');
  return ok({ header, claims, signed: `${headerText}.${claimsText}`, signature });
}

function decodeObject(text: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = decodeBase64Url(text);
  return bytes === undefined ? undefined : readJsonObject(bytes);
}

function decodeBase64Url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  // Unused bits must be zero, or one token has several spellings.
  return bytes.toString('base64url') === text ? bytes : undefined;
}
