import type { Json } from './attestor.ts';

/** A member of an object; undefined when it is none, or has no such member of its own. */
export function member(json: Json | undefined, name: string): Json | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  return Object.hasOwn(json, name) ? (json as Readonly<Record<string, Json>>)[name] : undefined;
}

/** Bytes that travel as base64, in its one form and no more than are allowed. */
export function bytesOf(json: Json | undefined, bytesMax: number): Uint8Array | undefined {
  if (typeof json !== 'string' || json.length > Math.ceil(bytesMax / 3) * 4) return undefined;
  const bytes = Buffer.from(json, 'base64');
  return bytes.length <= bytesMax && bytes.toString('base64') === json ? bytes : undefined;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
