import { type Finding, hasErrors } from '../base/finding.ts';
import { renderFindings } from '../base/finding-text.ts';
import { fitted } from '../base/wrap.ts';

/** Where a command writes: results to `out`, progress and problems to `err`. Colour only on a terminal. */
export interface Terminal {
  readonly color: boolean;
  /** Columns of `out`; without end where it is no terminal. */
  readonly width: number;
  /** A program reads what comes to `out`: results, and findings too. */
  readonly json: boolean;
  out(text: string): void;
  err(text: string): void;
  findings(findings: readonly Finding[], sources?: ReadonlyMap<string, string>): void;
}

export interface ProcessTerminal extends Terminal {
  /** When nothing more comes. */
  end(): void;
}

export function processTerminal(json: boolean): ProcessTerminal {
  const mayColor = process.env['NO_COLOR'] === undefined;
  const color = mayColor && process.stdout.isTTY === true;
  // One of the two may go into a file.
  const colorErr = mayColor && process.stderr.isTTY === true;
  const widthErr = process.stderr.columns ?? Number.POSITIVE_INFINITY;
  const out = (text: string) => void process.stdout.write(`${harmless(text, color)}\n`);
  const text: ProcessTerminal = {
    color,
    // What a pipe or a file gets is searched and cut by others: nothing is left out of it.
    width: process.stdout.columns ?? Number.POSITIVE_INFINITY,
    json: false,
    out,
    err: (line) => void process.stderr.write(`${fitted(harmless(line, colorErr), widthErr)}\n`),
    findings: (findings, sources = new Map()) => {
      const rendered = renderFindings(findings, { sources, color: colorErr, width: widthErr });
      process.stderr.write(`${harmless(rendered, colorErr)}\n`);
    },
    end: () => {},
  };
  return json ? { ...text, ...jsonOutput(out) } : text;
}

/**
 * Findings for a program: one document, whatever a command finds one after the other, so that what reads one document gets
 * one. What follows in lines (`up`) comes after it.
 */
export function jsonOutput(
  write: (text: string) => void,
): Pick<ProcessTerminal, 'json' | 'out' | 'findings' | 'end'> {
  let found: readonly Finding[] = [];
  const end = (): void => {
    if (found.length === 0) return;
    const document = { ok: !hasErrors(found), findings: found };
    found = [];
    write(JSON.stringify(document));
  };
  return {
    json: true,
    out: (text) => {
      end();
      write(text);
    },
    findings: (more) => {
      found = [...found, ...more];
    },
    end,
  };
}

/** Colours as they are painted here and in findings; text from elsewhere can at most have one of them. */
const ownColor = `${String.fromCharCode(27)}\\[(?:[0-2]|(?:1;)?3[1-4])m`;
/**
 * C0 but tab and line ends, DEL, C1, and what turns the direction of text: they move the cursor, set titles and hide what
 * stands there. A carriage return is one only at the end of a line.
 */
const hostile =
  '[\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]|\\r(?!\\n)';
const colorOrHostile = new RegExp(`(${ownColor})|${hostile}`, 'g');

/** Names, reasons and subjects come from anybody: what a terminal would obey is written as `\u001b`, also in JSON. */
export function harmless(text: string, color: boolean): string {
  return text.replaceAll(colorOrHostile, (found: string, own: string | undefined) => {
    if (own !== undefined) return color ? own : '';
    return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

export type Hue = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

const hues: Record<Hue, string> = { red: '31', green: '32', yellow: '33', dim: '2', bold: '1' };

export function paint(terminal: Pick<Terminal, 'color'>, hue: Hue, text: string): string {
  return terminal.color ? `\u001b[${hues[hue]}m${text}\u001b[0m` : text;
}
