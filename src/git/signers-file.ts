import { createHash } from 'node:crypto';

/** One line of a file as ssh-keygen(1) says under ALLOWED SIGNERS. */
interface SignerLine {
  /** As git names it, such as SHA256:…, without padding. */
  readonly fingerprint: string;
  readonly options: ReadonlyMap<string, string>;
}

/**
 * Whether a key of the file may sign commits at that time. git asks ssh-keygen for the time that the commit itself gives,
 * and whoever has a key that has run out writes there what he likes. A key that no line holds came by a certificate.
 */
export function maySignAt(file: string, fingerprint: string, nowMs: number): boolean {
  const lines = file.split('\n').flatMap((line) => readLine(line) ?? []);
  const own = lines.filter((line) => line.fingerprint === fingerprint && isForCommits(line));
  return own.length === 0 || own.some(({ options }) => isInTime(options, nowMs));
}

function isInTime(options: SignerLine['options'], nowMs: number): boolean {
  const after = options.get('valid-after');
  const before = options.get('valid-before');
  const isBegun = after === undefined || (timeOf(after) ?? Number.POSITIVE_INFINITY) <= nowMs;
  return isBegun && (before === undefined || nowMs < (timeOf(before) ?? 0));
}

/** YYYYMMDD, with HHMM or HHMMSS behind it; UTC with a Z, else as the clock of this machine goes. */
function timeOf(text: string): number | undefined {
  const parts = /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(Z)?$/i.exec(text);
  if (parts === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  return parts[7] === undefined
    ? new Date(year, month - 1, day, hour, minute, second).getTime()
    : Date.UTC(year, month - 1, day, hour, minute, second);
}

/** A line may name what its key signs: `git` is what git signs with. */
function isForCommits({ options }: SignerLine): boolean {
  const namespaces = options.get('namespaces');
  if (namespaces === undefined) return true;
  return namespaces.split(',').some((pattern) => asRegExp(pattern).test('git'));
}

function asRegExp(pattern: string): RegExp {
  const escaped = pattern.trim().replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}

/** Principals, options, kind of key, key: parted by white space, of which quoted values may hold some. */
function readLine(line: string): SignerLine | undefined {
  const words = line.trim().match(/(?:"[^"]*"|[^\s"])+/g) ?? [];
  if (words.length < 3 || words[0]?.startsWith('#')) return undefined;
  const at = words.findIndex(
    (word, index) => index > 0 && /^[\w@.-]+$/.test(word) && isKey(words[index + 1]),
  );
  const key = words[at + 1];
  if (at === -1 || key === undefined) return undefined;
  const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64');
  const options = words.slice(1, at).flatMap((word) => word.match(/(?:"[^"]*"|[^,"])+/g) ?? []);
  return {
    fingerprint: `SHA256:${digest.replace(/=+$/, '')}`,
    options: new Map(options.map(optionOf)),
  };
}

/** Each begins with the length of the name of its kind, four bytes, the first of them 0. */
function isKey(word: string | undefined): boolean {
  return word !== undefined && /^AAAA[A-Za-z0-9+/]+=*$/.test(word);
}

function optionOf(text: string): readonly [string, string] {
  const [name = '', value = ''] = text.split(/=(.*)/s);
  return [name.toLowerCase(), value.replace(/^"|"$/g, '')];
}
