type JsonObject = Readonly<Record<string, unknown>>;

/** What a reviver is told of a number: the text that it stood as. */
interface NumberContext {
  readonly source?: string;
}

/**
 * A JSON object in UTF-8. Undefined for anything else, and for an object that says a member twice: two readers could
 * take different ones. `exact` names a member whose whole number is read as a bigint, for it may have 64 bits.
 */
export function readJsonObject(bytes: Uint8Array, exact?: string): JsonObject | undefined {
  try {
    const json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    let members = 0;
    const revive = function (this: unknown, key: string, inner: unknown, context?: NumberContext) {
      if (!Array.isArray(this)) members += 1;
      const source = context?.source ?? '';
      return key === exact && /^\d{1,20}$/.test(source) ? BigInt(source) : inner;
    };
    const value: unknown = JSON.parse(json, revive);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    // The whole value was told too, as the member without a name of an object around it. A twin makes the text hold
    // more members than the value that was made of it.
    return countColons(json) === members - 1 ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** Colons outside of strings: one for each member as written. */
function countColons(json: string): number {
  const withoutStrings = json.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  return withoutStrings.split(':').length - 1;
}
