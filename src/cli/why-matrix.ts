import type { Matrix } from '../explain/why-matrix.ts';
import { table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

export function matrixText(
  { patterns, methods, cells, isCut }: Matrix,
  terminal: Terminal,
): string {
  if (patterns.length === 0) return '  no rule and no test names a path';
  const hue = { allow: 'green', deny: 'red', depends: 'yellow' } as const;
  const rows = patterns.map((path, row) => [
    path,
    ...methods.map((_method, column) => {
      const verdict = cells[row * methods.length + column]?.verdict ?? 'deny';
      return paint(terminal, hue[verdict], verdict);
    }),
  ]);
  const text = table({ header: ['path', ...methods], rows, width: terminal.width });
  if (!isCut) return text;
  return `${text}\n  too many patterns meet: not everything that two have in common has a line of its own`;
}
