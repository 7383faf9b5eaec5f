import type { Finding } from '../base/finding.ts';
import { renderFindings } from '../base/finding-text.ts';

/** Where a command writes: results to `out`, progress and problems to `err`. Colour only on a terminal. */
export interface Terminal {
  readonly color: boolean;
  readonly width: number;
  out(text: string): void;
  err(text: string): void;
  findings(findings: readonly Finding[], sources?: ReadonlyMap<string, string>): void;
}

const widthWithoutTerminal = 120;

export function processTerminal(): Terminal {
  const mayColor = process.env['NO_COLOR'] === undefined;
  const color = mayColor && process.stdout.isTTY === true;
  // One of the two may go into a file.
  const colorErr = mayColor && process.stderr.isTTY === true;
  return {
    color,
    width: process.stdout.columns ?? widthWithoutTerminal,
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${colorErr ? text : stripColor(text)}\n`),
    findings: (findings, sources = new Map()) =>
      void process.stderr.write(`${renderFindings(findings, { sources, color: colorErr })}\n`),
  };
}

const colorSequence = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

export function stripColor(text: string): string {
  return text.replaceAll(colorSequence, '');
}

export type Hue = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

const hues: Record<Hue, string> = { red: '31', green: '32', yellow: '33', dim: '2', bold: '1' };

export function paint(terminal: Pick<Terminal, 'color'>, hue: Hue, text: string): string {
  return terminal.color ? `\u001b[${hues[hue]}m${text}\u001b[0m` : text;
}
