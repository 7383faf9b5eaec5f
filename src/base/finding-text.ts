import type { Finding, Position } from './finding.ts';
import { fileText } from './place-text.ts';
import { beginningOf, cutText, textWidth } from './text-width.ts';
import { fitted } from './wrap.ts';

interface TextOptions {
  /** Texts of the files that findings point into, by the name in their positions. */
  readonly sources: ReadonlyMap<string, string>;
  readonly color: boolean;
  /** Columns of what it is shown on; without end in a file. */
  readonly width: number;
}

/** All findings, errors first, and a last line that counts them. */
export function renderFindings(findings: readonly Finding[], options: TextOptions): string {
  const errors = findings.filter((finding) => finding.severity === 'error');
  const warnings = findings.filter((finding) => finding.severity === 'warning');
  const blocks = [...errors, ...warnings].map((finding) => renderFinding(finding, options));
  return [...blocks, count(errors.length, warnings.length)].join('\n\n');
}

/** One finding: what and where, the line itself, then facts, then what to do. */
export function renderFinding(finding: Finding, options: TextOptions): string {
  const { paint } = painter(options.color);
  const hue = finding.severity === 'error' ? 'red' : 'yellow';
  const fit = (text: string): string => fitted(text, options.width);
  const lines = [fit(`${paint(hue, `${finding.severity}[${finding.code}]`)}: ${finding.message}`)];
  if (finding.at !== undefined) lines.push(...place(finding.at, '', options, hue));
  for (const related of finding.related ?? []) {
    lines.push(...place(related.at, related.message, options, 'blue'));
  }
  const fact = (name: string, value: string | undefined): void => {
    if (value !== undefined) lines.push(fit(`  ${name}: ${value.replaceAll('\n', '\n    ')}`));
  };
  fact('expected', finding.expected);
  fact('found', finding.found);
  for (const note of finding.notes ?? []) fact('note', note);
  fact('help', finding.nearest === undefined ? undefined : `did you mean \`${finding.nearest}\`?`);
  fact('help', finding.help);
  return lines.join('\n');
}

function place(at: Position, label: string, options: TextOptions, hue: Hue): string[] {
  const { paint } = painter(options.color);
  const gutter = ' '.repeat(String(at.line).length);
  const arrow = `${gutter}${paint('blue', '-->')} ${fileText(at.file)}:${at.line}:${at.column}`;
  const line = options.sources.get(at.file)?.split('\n')[at.line - 1]?.replace(/\r$/, '');
  const beside = (text: string): string =>
    label === '' ? text : fitted(`${text} ${label}`, options.width);
  if (line === undefined) return [beside(arrow)];
  const bar = paint('blue', '|');
  const shown = windowOf(line, at, options.width - gutter.length - ' | '.length);
  return [
    arrow,
    `${gutter} ${bar}`,
    `${paint('blue', String(at.line))} ${bar} ${shown.text}`,
    beside(`${gutter} ${bar} ${' '.repeat(shown.indent)}${paint(hue, '^'.repeat(shown.carets))}`),
  ];
}

/** What is shown before a marked part whose line is too long. */
const leadColumns = 8;

/** Of a line that is wider than its room, the part that is marked: the marker stands under what it means. */
function windowOf(
  line: string,
  at: Position,
  room: number,
): { readonly text: string; readonly indent: number; readonly carets: number } {
  const text = expand(line);
  const indent = textWidth(expand(line.slice(0, at.column - 1)));
  const end = at.column - 1 + at.length;
  const carets = Math.max(1, textWidth(expand(line.slice(at.column - 1, end))));
  const fits = textWidth(text) <= room || indent + carets < room;
  const hidden = fits ? 0 : Math.max(0, indent - leadColumns);
  const shown = hidden === 0 ? text : `…${textFrom(text, hidden + 1)}`;
  const left = indent - hidden;
  return {
    text: cutText(shown, room),
    indent: left,
    carets: Math.max(1, Math.min(carets, room - left)),
  };
}

function textFrom(text: string, column: number): string {
  const head = beginningOf(text, column);
  if (textWidth(head) === column) return text.slice(head.length);
  // The other half of a wide sign is a space.
  return ` ${text.slice(beginningOf(text, column + 1).length)}`;
}

/** Tabs as two columns, so that the marker stands under what it means. */
function expand(text: string): string {
  return text.replaceAll('\t', '  ');
}

function count(errors: number, warnings: number): string {
  const parts = [
    ...(errors > 0 || warnings === 0 ? [plural(errors, 'error')] : []),
    ...(warnings > 0 ? [plural(warnings, 'warning')] : []),
  ];
  return parts.join(', ');
}

function plural(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

type Hue = 'red' | 'yellow' | 'blue';
const hues: Readonly<Record<Hue, string>> = { red: '1;31', yellow: '1;33', blue: '34' };

function painter(color: boolean): { paint: (hue: Hue, text: string) => string } {
  return {
    paint: (hue, text) => (color ? `\u001b[${hues[hue]}m${text}\u001b[0m` : text),
  };
}
