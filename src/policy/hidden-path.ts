import type { Refusal } from './canonical.ts';

/**
 * Whoever cuts parameters away is left with a step up, or with nothing: and where one of two is encoded, with nothing where
 * another sees a name.
 */
const noNameBefore = /(?:^|\/)\.{0,2};/;
const dots = /(?:^|\/)\.{1,2}(?:\/|$)/;

/**
 * Why a canonical path is not to be read on: who takes an encoded slash for one, or cuts parameters away, would find in it a
 * way up. One that hides none makes readings, and rules are asked about each.
 */
export function hiddenIn(path: string): Refusal | undefined {
  const decoded = path.replaceAll('%2F', '/');
  if (noNameBefore.test(path) || noNameBefore.test(decoded)) {
    return { code: 'CH2125', reason: 'the path holds ";" with no name before it' };
  }
  return dots.test(decoded)
    ? { code: 'CH2122', reason: 'the path holds an encoded slash that hides a "." or ".."' }
    : undefined;
}
