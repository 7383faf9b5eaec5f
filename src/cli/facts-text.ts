import { padText, textWidth } from '../base/text-width.ts';
import { wrapped } from '../base/wrap.ts';

const gap = '  ';

/** `name  value`, each below the other; a value that is too long goes on below itself. */
export function factLines(
  facts: readonly (readonly [name: string, value: string])[],
  { indent, width }: { readonly indent: string; readonly width: number },
): readonly string[] {
  const column = Math.max(...facts.map(([name]) => textWidth(name)));
  const before = `${indent}${' '.repeat(column)}${gap}`;
  return facts.flatMap(([name, value]) =>
    wrapped(value, width - before.length).map((line, at) =>
      at === 0 ? `${indent}${padText(name, column)}${gap}${line}` : `${before}${line}`,
    ),
  );
}
