import type { Brand } from '../base/brand.ts';
import { subjectCharactersMax } from './limits.ts';
import { parseTrailers, type Trailers } from './trailers.ts';

/** A full commit id in lower-case hex: 40 characters, or 64 in a SHA-256 repository. */
export type CommitId = Brand<string, 'CommitId'>;

export interface Commit {
  readonly id: CommitId;
  /** Name of the author. */
  readonly author: string;
  readonly email: string;
  /** First paragraph of the message on one line, cut to a limit. */
  readonly subject: string;
  /** What its message says to programs. */
  readonly trailers: Trailers;
  /** When it was committed (not authored), milliseconds since the epoch. */
  readonly atMs: number;
}

export function parseCommitId(text: string): CommitId | undefined {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text) ? (text as CommitId) : undefined;
}

/** Reads a raw commit object (gitformat-commit): headers, an empty line, the message. Undefined: it is malformed. */
export function parseCommitObject(id: CommitId, bytes: Uint8Array): Commit | undefined {
  const raw = Buffer.from(bytes);
  const split = raw.indexOf('\n\n');
  const head = raw.subarray(0, split === -1 ? raw.length : split);
  const headers = readHeaders(head.toString('latin1'));
  const decode = decoderFor(headers.get('encoding'));
  const author = parsePerson(decode(Buffer.from(headers.get('author') ?? '', 'latin1')));
  const committer = parsePerson(headers.get('committer') ?? '');
  if (author === undefined || committer === undefined) return undefined;
  const message = split === -1 ? '' : decode(raw.subarray(split + 2));
  return {
    id,
    author: author.name,
    email: author.email,
    subject: subjectOf(message),
    trailers: parseTrailers(message),
    atMs: committer.atMs,
  };
}

/** The first of each header; continuation lines (signatures) begin with a space and are passed over. */
function readHeaders(text: string): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space <= 0) continue;
    const name = line.slice(0, space);
    if (!headers.has(name)) headers.set(name, line.slice(space + 1));
  }
  return headers;
}

function parsePerson(text: string): { name: string; email: string; atMs: number } | undefined {
  const match = /^(.*?) ?<([^>]*)> (-?\d{1,12}) [+-]\d{4}$/.exec(text);
  if (match === null) return undefined;
  const [, name = '', email = '', seconds = ''] = match;
  return { name, email, atMs: Number(seconds) * 1000 };
}

/** Commits are UTF-8 unless they say otherwise (i18n.commitEncoding). */
function decoderFor(encoding: string | undefined): (bytes: Uint8Array) => string {
  try {
    const decoder = new TextDecoder(encoding ?? 'utf-8');
    return (bytes) => decoder.decode(bytes);
  } catch {
    return (bytes) => Buffer.from(bytes).toString('latin1');
  }
}

function subjectOf(message: string): string {
  const paragraph = message.trimStart().split(/\n\s*\n/, 1)[0] ?? '';
  const line = paragraph.replace(/\s+/g, ' ').trim();
  return line.length <= subjectCharactersMax ? line : `${line.slice(0, subjectCharactersMax - 1)}…`;
}
