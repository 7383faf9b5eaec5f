/**
 * Which rule is named where several decide alike: the one that stands first in this order, whatever the order of files.
 * It is the order in which a proxy's matcher tree goes through them, so that proxy and desk name the same:
 *
 * 1. what a proxy can tell by certificate, method and path alone; then, of allows, what it can tell by plain headers and
 *    hosts; then what only the desk can tell: first who is named by a token, then conditions,
 * 2. the path, at the first segment where two differ: a literal one, `*`, the end, `**`,
 * 3. a method by its name before any method,
 * 4. a caller who is named, by itself or by a role, before everybody,
 * 5. the smallest id.
 *
 * The engine has it in `decide`, `decideConditional` and `findRule`, the tree in `pathStage`.
 */

/** A text that is smaller for a pattern that goes before another one that matches the same path. */
export function pathRank(segments: readonly string[]): string {
  const isRest = segments.at(-1) === '**';
  const fixed = isRest ? segments.slice(0, -1) : segments;
  return `${fixed.map((segment) => (segment === '*' ? 1 : 0)).join('')}${isRest ? 3 : 2}`;
}
