import type { Finding, Position } from './finding.ts';

export interface TextOptions {
  /** Texts of the files that findings point into, by the name in their positions. */
  readonly sources: ReadonlyMap<string, string>;
  readonly color: boolean;
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
  const lines = [`${paint(hue, `${finding.severity}[${finding.code}]`)}: ${finding.message}`];
  if (finding.at !== undefined) lines.push(...place(finding.at, '', options, hue));
  for (const related of finding.related ?? []) {
    lines.push(...place(related.at, related.message, options, 'blue'));
  }
  const fact = (name: string, value: string | undefined): void => {
    if (value !== undefined) lines.push(`  ${name}: ${value.replaceAll('\n', '\n    ')}`);
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
  const arrow = `${gutter}${paint('blue', '-->')} ${at.file}:${at.line}:${at.column}`;
  const line = options.sources.get(at.file)?.split('\n')[at.line - 1]?.replace(/\r$/, '');
  if (line === undefined) return [label === '' ? arrow : `${arrow} ${label}`];
  const bar = paint('blue', '|');
  const before = expand(line.slice(0, at.column - 1));
  const marked = expand(line.slice(at.column - 1, at.column - 1 + at.length));
  const carets = '^'.repeat(Math.max(1, width(marked)));
  return [
    arrow,
    `${gutter} ${bar}`,
    `${paint('blue', String(at.line))} ${bar} ${expand(line)}`,
    `${gutter} ${bar} ${' '.repeat(width(before))}${paint(hue, carets)}${label === '' ? '' : ` ${label}`}`,
  ];
}

/** Tabs as two columns, so that the marker stands under what it means. */
function expand(text: string): string {
  return text.replaceAll('\t', '  ');
}

const wide =
  /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}/u;

function width(text: string): number {
  let columns = 0;
  for (const char of text) columns += /\p{Mark}/u.test(char) ? 0 : wide.test(char) ? 2 : 1;
  return columns;
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
