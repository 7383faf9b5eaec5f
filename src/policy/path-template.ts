/**
 * Numbers, UUIDs and long hexadecimal strings name one thing of many; a rule is about all of them. A segment that reads
 * like the rest of a path in a rule is one segment all the same.
 */
const identifiers =
  /\/(?:\*\*|\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}|[A-Za-z]{0,4}[-_]\d+)(?=\/|$)/gi;

/** Mostly a session, which is nobody's to keep. */
const parameters = /;[^/]*/g;

/** What it asks for, whichever one: `/v1/charges/*` of `/v1/charges/o-17`. */
export function pathTemplate(path: string): string {
  return path.replace(identifiers, '/*').replace(parameters, ';*');
}
