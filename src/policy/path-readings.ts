import { resolveSegments } from './canonical-path.ts';

const readOtherwise = /[^\0-\x7f]|[?#;]|%[0-9a-f]{2}| $/i;
/** Soft hyphens, joiners, marks of direction and of byte order. */
const notShown = /\p{Default_Ignorable_Code_Point}/gu;
/** Some cut it off each segment, and leave the segment. */
const parameters = /;[^/]*/g;
/** Where whoever reads a URL in it sees the path end; with nothing before it in its segment, it is a name. */
const behindPath = /([^/;?#])[?#].*$/s;
const escapes = /(?:%[0-9a-f]{2})+/gi;
/** Nobody decodes a path more often than that after the first time. */
const decodedMax = 3;
/** Windows maps these to a slash or a backslash in its older code pages; NFKC leaves them. */
const slashLike = /[\u2044\u2215\u29f8\u2216\u29f5\u29f9]/g;
/** No harmless path comes near; it bounds the work. */
const textsMax = 32;

/**
 * What an application may take a canonical path for besides, without the path itself. Full-width dots, slashes and
 * letters are plain ones after compatibility normalisation (NFKC), which file systems and some frameworks apply after the
 * path was checked; some file systems pass over what is not shown (CVE-2014-9390). Many decode the whole path before they
 * split it, so that an encoded slash is one, and some decode it again. Servlets cut parameters off each segment, and some
 * filters cut all behind the first. Whoever builds a URL of a decoded path anew sees where a query or a fragment begins,
 * or passes over spaces at the end. Undefined: too many.
 */
export function pathReadings(path: string): readonly string[] | undefined {
  if (!readOtherwise.test(path)) return [];
  const read = closure(path);
  if (read === undefined) return undefined;
  const texts = read
    .flatMap((text) => (text.includes(';') ? [text, ...withoutParameters(text)] : [text]))
    .flatMap((text) => [text, text.replace(behindPath, '$1')])
    .flatMap((text) => [text, withoutSpaceBehind(text)]);
  const found = [...new Set(texts)].filter((text) => text !== path).flatMap(asPaths);
  return [...new Set(found)].filter((text) => text !== path);
}

/** As it is, folded, and passing over what is not shown; and each of these decoded again. Nobody folds twice. */
function closure(path: string): readonly string[] | undefined {
  const found = new Set<string>();
  let last: readonly string[] = [path];
  for (let times = 0; times <= decodedMax && last.length > 0; times += 1) {
    const seen = last
      .flatMap((text) => [text, text.replace(notShown, '')])
      .flatMap((text) => [text, folded(text)]);
    for (const text of seen) found.add(text);
    if (found.size > textsMax) return undefined;
    last = [...new Set(seen.map(decodedAgain))].filter((text) => !found.has(text));
  }
  return [...found];
}

/** Of each segment, and all behind one: which of them came encoded, and was data to who looked for it, is not told. */
function withoutParameters(text: string): readonly string[] {
  const [first = '', ...more] = text.split(';').slice(0, textsMax);
  const begins = more.map((_, at) => [first, ...more.slice(0, at)].join(';'));
  return [text, ...begins].map((begin) => begin.replace(parameters, ''));
}

/** A URL loses its dots first (RFC 3986), a file name its empty segments, and some routers look at it as it is. */
function asPaths(text: string): readonly string[] {
  const path = text.startsWith('/') ? text : `/${text}`;
  return [resolveSegments(path), resolveSegments(path.replace(/\/+/g, '/')), path];
}

/** No regular expression, which would be slow on many spaces within. */
function withoutSpaceBehind(path: string): string {
  let end = path.length;
  while (path.charCodeAt(end - 1) === 0x20) end -= 1;
  return path.slice(0, end);
}

function folded(path: string): string {
  return path.replace(slashLike, '/').normalize('NFKC').replaceAll('\\', '/');
}

/** Each for itself: many pass over what is no escape, and over what is no UTF-8. */
function decodedAgain(path: string): string {
  return path.replace(escapes, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString());
}
