import { ChanceryError } from '../../base/error.ts';

/** Where a key-encryption key lies, as `--kek` and CHANCERY_KEK name it. */
export type KekUri =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'passphrase' }
  | ({ readonly kind: 'pkcs11' } & Pkcs11Uri)
  | {
      readonly kind: 'exec';
      readonly program: string;
      /** Handed to the program as they are. */
      readonly parameters: Readonly<Record<string, string>>;
    };

/** RFC 7512. A token is told by what of `token`, `serial`, `manufacturer` and `model` is given. */
export interface Pkcs11Uri {
  readonly modulePath: string;
  readonly token: Readonly<Partial<Record<TokenAttribute, string>>>;
  readonly object: string | undefined;
  readonly id: Uint8Array | undefined;
  readonly pinFile: string;
}

export type TokenAttribute = (typeof tokenAttributes)[number];

const tokenAttributes = ['token', 'serial', 'manufacturer', 'model'] as const;

/** Errors: CH5212. */
export function parseKekUri(text: string): KekUri {
  const [scheme = '', rest = ''] = splitAt(text, ':');
  switch (scheme) {
    case 'file':
      return { kind: 'file', path: absolute(text, rest, 'file:/srv/chancery/kek') };
    case 'passphrase':
      if (rest !== '') throw notUnderstood(text, 'passphrase: alone; a passphrase is no argument');
      return { kind: 'passphrase' };
    case 'pkcs11':
      return { kind: 'pkcs11', ...parsePkcs11(text, rest) };
    case 'exec': {
      const [program, query = ''] = splitAt(rest, '?');
      const parameters = Object.fromEntries(attributes(text, query, '&'));
      return { kind: 'exec', program: absolute(text, program, 'exec:/usr/bin/kms'), parameters };
    }
    default:
      throw notUnderstood(text, 'file:PATH, passphrase:, pkcs11:… or exec:PROGRAM');
  }
}

function parsePkcs11(text: string, rest: string): Pkcs11Uri {
  const [path = '', query = ''] = splitAt(rest, '?');
  const names = attributes(text, path, ';');
  const queries = attributes(text, query, '&');
  const known = [...tokenAttributes, 'object', 'id', 'type'];
  const foreign = [...names.keys()].find((name) => !known.includes(name));
  if (foreign !== undefined) throw notUnderstood(text, `of the path only ${known.join(', ')}`);
  if ((names.get('type') ?? 'secret-key') !== 'secret-key') {
    throw notUnderstood(text, 'type=secret-key: an AES key');
  }
  if (queries.has('pin-value')) {
    throw notUnderstood(text, 'pin-source=file:PATH: every user of the machine sees arguments');
  }
  const token = Object.fromEntries(
    tokenAttributes.flatMap((name) => {
      const value = names.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  if (Object.keys(token).length === 0) throw notUnderstood(text, 'token=LABEL or serial=NUMBER');
  const object = names.get('object');
  const id = names.get('id');
  if (object === undefined && id === undefined) throw notUnderstood(text, 'object=LABEL or id=%…');
  return {
    modulePath: absolute(text, queries.get('module-path'), '?module-path=/usr/lib/….so'),
    token,
    object,
    id: id === undefined ? undefined : Buffer.from(id, 'latin1'),
    pinFile: absolute(
      text,
      queries.get('pin-source')?.replace(/^file:/, ''),
      '&pin-source=file:/etc/chancery/pin',
    ),
  };
}

/** `name=value` pairs, percent-decoded; an id holds any bytes, and so is decoded byte by byte. */
function attributes(text: string, list: string, separator: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of list.split(separator).filter((part) => part !== '')) {
    const [name = '', value] = splitAt(pair, '=');
    if (value === undefined || name === '' || pairs.has(name)) {
      throw notUnderstood(text, `"${pair}" as NAME=VALUE, each name once`);
    }
    pairs.set(name, name === 'id' ? decodedBytes(value) : decodedText(text, value));
  }
  return pairs;
}

function decodedText(text: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw notUnderstood(text, 'percent-encoded UTF-8');
  }
}

function decodedBytes(value: string): string {
  return value.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function absolute(text: string, path: string | undefined, example: string): string {
  // A URI may have an empty host before its path.
  const plain = path?.replace(/^\/\/(?=\/)/, '');
  if (plain?.startsWith('/') === true) return plain;
  // Processes that a supervisor starts run in other folders.
  throw notUnderstood(text, `an absolute path, as in ${example}`);
}

function splitAt(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

function notUnderstood(text: string, expected: string): ChanceryError {
  return new ChanceryError({
    code: 'CH5212',
    message: 'the name of the key-encryption key is not understood',
    expected,
    found: text.replace(/(pin-value=)[^&]*/, '$1…'),
    help: 'chancery help CH5212 has an example of each kind',
  });
}
