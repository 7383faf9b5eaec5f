/** Values by lower-case name, in the order in which they stand. */
export type Trailers = ReadonlyMap<string, readonly string[]>;

const trailerLine = /^([A-Za-z0-9][A-Za-z0-9-]*) *: *(.*)$/;

/**
 * The trailers of a commit message (git-interpret-trailers): its last paragraph, when there is one before it and every
 * line of it is `Name: value` or goes on with one.
 */
export function parseTrailers(message: string): Trailers {
  const paragraphs = message
    .replaceAll('\r\n', '\n')
    .trim()
    .split(/\n[ \t]*\n+/);
  const last = paragraphs.length > 1 ? (paragraphs.at(-1) ?? '') : '';
  const found = new Map<string, string[]>();
  for (const line of last.replaceAll(/\n[ \t]+/g, ' ').split('\n')) {
    const match = trailerLine.exec(line);
    if (match === null) return new Map();
    const [, name = '', value = ''] = match;
    const key = name.toLowerCase();
    found.set(key, [...(found.get(key) ?? []), value.trim()]);
  }
  return found;
}
