/**
 * What Laravel, Symfony, Spring and the method-override of Express take a POST for: the method that its parameter `_method`
 * names. They do so for a parameter of a form, too, which no proxy sees. Rack looks at forms alone.
 */
const parameter = '_method';

/** Of other values these frameworks make nothing, so that they are data. */
const known = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'LINK'],
  ...['UNLINK', 'PURGE', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'MKCOL', 'PROPFIND', 'PROPPATCH'],
]);

const either = (letter: string): string => {
  const hex = letter.charCodeAt(0).toString(16);
  const folded = hex.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
  return `(?:${letter}|%${folded})`;
};

/** A target that `methodsInQuery` may find something in (RE2's); the proxy asks about it. */
export const targetWithMethod = `[^?]*\\?(?:.*[&;])?(?:\\+|%20)*(?:${either('_')}|\\.|%2[eE])${[
  ...'method',
]
  .map(either)
  .join('')}(?:%00[^&;]*)?=.*`;
const shape = new RegExp(`^(?:${targetWithMethod})$`, 's');

/** Those that a POST may be taken for by its query. */
export function methodsInQuery(method: string, target: string): readonly string[] {
  if (method !== 'POST' || !target.includes('?') || !shape.test(target)) return [];
  const parts = target.slice(target.indexOf('?') + 1).split(/[&;]/);
  const found = parts.flatMap((part) => {
    const equals = part.indexOf('=');
    if (equals === -1 || nameOf(part.slice(0, equals)) !== parameter) return [];
    const wanted = decoded(part.slice(equals + 1))
      .trim()
      .toUpperCase();
    return known.has(wanted) && wanted !== method ? [wanted] : [];
  });
  return [...new Set(found)];
}

/** As PHP reads one: without spaces before it, up to a NUL, and with `_` for `.`. */
function nameOf(text: string): string {
  const [name = ''] = decoded(text).replace(/^ +/, '').split('\0', 1);
  return name.replaceAll('.', '_');
}

/** Escapes that are none stay. */
function decoded(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
      Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
    );
}
