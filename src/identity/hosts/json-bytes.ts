import type { Json } from '../../base/json.ts';
import { fromBase64 } from '../pem.ts';

/** A member of an object; undefined when it is none, or has no such member of its own. */
export function member(json: Json | undefined, name: string): Json | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  return Object.hasOwn(json, name) ? (json as Readonly<Record<string, Json>>)[name] : undefined;
}

/** Bytes that travel as base64, in its one form, at least one and no more than are allowed. */
export function bytesOf(json: Json | undefined, bytesMax: number): Uint8Array | undefined {
  if (typeof json !== 'string' || json.length > Math.ceil(bytesMax / 3) * 4) return undefined;
  const bytes = fromBase64(json);
  return bytes !== undefined && bytes.length <= bytesMax ? bytes : undefined;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
