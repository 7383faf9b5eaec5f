import { err, ok, type Result } from '../base/result.ts';

export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'PRIVATE KEY';

/** RFC 7468 section 2. */
const lineLength = 64;

export function toPem(label: PemLabel, der: Uint8Array): string {
  const base64 = Buffer.from(der).toString('base64');
  let lines = '';
  for (let at = 0; at < base64.length; at += lineLength) {
    lines += `${base64.slice(at, at + lineLength)}\n`;
  }
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
}

/**
 * Every block of the label, as DER (RFC 7468). Text around blocks, blocks of other labels and any line ends are passed
 * over; a block that is cut off, or of other than whole base64, is an error and never a shorter list.
 */
export function fromPem(label: PemLabel, text: string): Result<readonly Uint8Array[], string> {
  const blocks: Uint8Array[] = [];
  const marks = [...text.matchAll(boundary)];
  if (marks.length !== text.split(/-----(?:BEGIN|END)/).length - 1) {
    return err('a line that begins or ends a PEM block is broken');
  }
  let open: { readonly name: string; readonly from: number } | undefined;
  for (const mark of marks) {
    const [whole, kind, name = ''] = mark;
    if (kind === 'BEGIN') {
      if (open !== undefined) return err(`the PEM block "${open.name}" does not end`);
      open = { name, from: mark.index + whole.length };
      continue;
    }
    if (open?.name !== name) return err(`a PEM block "${name}" ends that did not begin`);
    const der = name === label ? fromBase64(text.slice(open.from, mark.index)) : undefined;
    if (name === label && der === undefined) return err(`the PEM block "${name}" is not base64`);
    if (der !== undefined) blocks.push(der);
    open = undefined;
  }
  return open === undefined ? ok(blocks) : err(`the PEM block "${open.name}" does not end`);
}

/** A line of its own; of what JavaScript calls the end of a line only those that a file has. */
const boundary = /(?<![^\n])-----(BEGIN|END) ([A-Z0-9 ]{1,64})-----[ \t]*(?=\r?\n|$)/g;

/** Undefined for what other readers could take for other bytes: wrong padding, bits left over, stray characters. */
export function fromBase64(text: string): Uint8Array | undefined {
  const letters = text.replaceAll(/[ \t\r\n]/g, '');
  const bytes = Buffer.from(letters, 'base64');
  return letters !== '' && bytes.toString('base64') === letters ? bytes : undefined;
}
