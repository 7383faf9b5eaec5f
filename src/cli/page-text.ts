import { wrapped } from '../base/wrap.ts';
import { proseColumns } from './help-text.ts';

const codeBlock = /(^```[\s\S]*?^```$)/m;
/** An end of a line that only breaks a paragraph, or an item of a list. */
const softEnd = /(?<=[^\n])\n(?!\n|[-*|#>]|\d+\. ) */g;
const listMarker = /^ *(?:[-*]|\d+\.) /;

/** A page of Markdown on a terminal: paragraphs and lists flow, blocks of code and tables stay as they are. */
export function pageText(page: string, width: number): string {
  // Whoever reads it from a pipe gets the page itself.
  if (width === Number.POSITIVE_INFINITY) return page;
  const columns = proseColumns(width);
  return page
    .split(codeBlock)
    .map((part, at) => (at % 2 === 1 ? part : flowing(part, columns)))
    .join('');
}

function flowing(text: string, columns: number): string {
  return text
    .replaceAll(softEnd, ' ')
    .split('\n')
    .flatMap((line) => {
      if (line.startsWith('|')) return [line];
      const marker = listMarker.exec(line)?.[0].length ?? 0;
      const lines = wrapped(line.slice(marker), columns - marker);
      return lines.map(
        (one, at) => `${at === 0 ? line.slice(0, marker) : ' '.repeat(marker)}${one}`,
      );
    })
    .join('\n');
}
