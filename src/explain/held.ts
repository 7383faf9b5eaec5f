/** What a proxy has of one resource, and since when. */
export interface Held {
  readonly version: string;
  readonly sinceMs: number;
}

/** By name. */
export type HeldByName = ReadonlyMap<string, Held>;

/** How the ledger writes what a proxy has: a line each, short, since there are thousands of them in a storm. */
export function heldText(held: HeldByName): string {
  return [...held]
    .map(([name, { version, sinceMs }]) => `${version}@${sinceMs} ${name}`)
    .join('\n');
}

/** The same for what has only now come, so without its time. */
export function versionsText(resources: Iterable<Named>): string {
  return Array.from(resources, ({ name, version }) => `${version} ${name}`).join('\n');
}

interface Named {
  readonly name: string;
  readonly version: string;
}

/** Reads both; `atMs` is when a line without a time was written. */
export function readHeld(text: string | number | undefined, atMs: number): Map<string, Held> {
  const lines = readLines(text);
  return new Map(
    lines.map((line) => {
      const space = line.indexOf(' ');
      const [version = '', sinceMs] = line.slice(0, space).split('@');
      return [line.slice(space + 1), { version, sinceMs: Number(sinceMs ?? atMs) }];
    }),
  );
}

export function readLines(text: string | number | undefined): string[] {
  return text === undefined || text === '' ? [] : String(text).split('\n');
}
