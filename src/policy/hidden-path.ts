import type { Refusal } from './canonical.ts';

/** Nobody decodes a path more often than that after the first time. */
export const decodedMax = 3;
const escapes = /(?:%[0-9a-f]{2})+/gi;
/**
 * Whoever cuts parameters away is left with a step up, or with nothing: and where one of two is encoded, with nothing where
 * another sees a name.
 */
const noNameBefore = /(?:^|\/)\.{0,2};/;
const dots = /(?:^|\/)\.{1,2}(?:\/|$)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const separator = /[\\\0-\x1f\x7f]/;

/**
 * Why a canonical path is not to be read on: who decodes it again, or cuts parameters away, would find in it a way up,
 * another separator or what is no text. An encoded slash, an escape or a parameter that hides none of these makes
 * readings, and rules are asked about each.
 */
export function hiddenIn(path: string, code: 'CH2122' | 'CH2123'): Refusal | undefined {
  let text = path;
  for (let times = 0; ; times += 1) {
    if (noNameBefore.test(text)) {
      return { code: 'CH2125', reason: 'the path holds ";" with no name before it' };
    }
    const next = decodedAgain(text);
    if (next === text) return undefined;
    if (next === undefined) return { code, reason: 'the path is no text once it is decoded again' };
    if (times === decodedMax) return { code, reason: 'the path is encoded too often' };
    if (dots.test(next)) {
      return { code, reason: 'the path holds encoded slashes or escapes that hide a "." or ".."' };
    }
    if (separator.test(next)) {
      const reason = 'the path holds a backslash or control character that is encoded twice';
      return { code, reason };
    }
    text = next;
  }
}

/** Undefined: not UTF-8. What is no escape is passed over, as by those who decode leniently. */
function decodedAgain(text: string): string | undefined {
  try {
    return text.replace(escapes, decodeURIComponent);
  } catch {
    return undefined;
  }
}
