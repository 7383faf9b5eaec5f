import { pick, type RandomNumber } from '../base/seeded.fixture.ts';

/** What paths are read differently by: as it is written, escaped, escaped twice, and by what ends a path. */
const parts = [
  ...['/', '/', '//', '/./', '/../', '.', '..', '...', '\\', ';', '#', '?x'],
  ...['a', 'b', 'admin', 'public', '~', '*', ':', '@'],
  ...['%61', '%7e', '%20', '%C3%A9', '%2e', '%2E%2e', '%252e', '%c0%ae', '%2f', '%5c', '%00'],
  ...['%', '%25'],
];

/** The target of a request, of one part to so many; most are refused. */
export function randomTarget(random: RandomNumber, partsMax: number): string {
  const length = 1 + Math.floor(random() * partsMax);
  return `/${Array.from({ length }, () => pick(random, parts)).join('')}`;
}
