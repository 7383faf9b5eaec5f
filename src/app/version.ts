import { readFileSync } from 'node:fs';

let known: string | undefined;

/** Of this program, as its package says it. */
export function ownVersion(): string {
  known ??= (
    JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      readonly version: string;
    }
  ).version;
  return known;
}
