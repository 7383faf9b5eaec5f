import { isMap } from 'yaml';
import type { Position } from '../base/finding.ts';
import { type ParsedCel, parseCel } from '../cel/parse.ts';
import type { ClaimMatch } from './condition-types.ts';
import { readValues } from './route-file.ts';
import { targetFields, tokenFields } from './rule-fields.ts';
import type { ValueMatch } from './types.ts';
import {
  type Fields,
  placeInText,
  type TextPlaces,
  type YamlFile,
  type YamlNode,
} from './yaml-file.ts';

/** The conditions of a rule as its file says them; what they name is looked up when the whole tree is known. */
export interface ConditionsDraft {
  readonly headers: readonly ValueMatch[];
  readonly hosts: readonly NamedHost[];
  readonly token: TokenDraft | undefined;
  readonly when: WhenDraft | undefined;
}

interface NamedHost {
  readonly text: string;
  readonly at: Position;
}

export interface TokenDraft {
  readonly issuers: readonly { readonly text: string; readonly at: Position }[];
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly claims: readonly ClaimMatch[];
}

export interface WhenDraft {
  readonly text: string;
  readonly places: TextPlaces;
  readonly parsed: ParsedCel;
}

/** RFC 9110 section 5.6.2, as HTTP/2 has it: no capital letters. */
const headerName = /^[a-z0-9!#$%&'*+.^_`|~-]{1,256}$/;
const hostName = /^[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_-])?$/;

/** Undefined: nothing but who and what counts. */
export function readConditions(
  file: YamlFile,
  rule: Fields,
  target: Fields | undefined,
): ConditionsDraft | undefined {
  const headers = readHeaders(file, target?.get('headers'));
  const hosts = readHosts(file, target?.get('host'));
  const token = readToken(file, rule.get('token'));
  const when = readWhen(file, rule.get('when'));
  const isBare = headers.length + hosts.length === 0 && token === undefined && when === undefined;
  return isBare ? undefined : { headers, hosts, token, when };
}

/** The fields of `to` where it is a map. */
export function readTarget(file: YamlFile, node: YamlNode): Fields | undefined {
  if (!isMap(node)) return undefined;
  file.filledMap(node);
  return file.fields(node, targetFields, '`to`');
}

function readHeaders(file: YamlFile, node: YamlNode): readonly ValueMatch[] {
  const found = readValues(file, node, (name) => name.toLowerCase());
  for (const { name } of found) {
    if (name.includes('_') && headerName.test(name)) {
      file.report('CH1143', node, `no request comes in with the header "${name}"`, {
        severity: 'warning',
        expected: 'a name without `_`: proxies refuse requests with such headers',
      });
    }
    if (headerName.test(name)) continue;
    file.report('CH1115', node, `"${name}" is no name of a header`, {
      expected: 'letters, digits and hyphens; method, path and host have their own place in `to`',
    });
  }
  for (const { name, value } of found) {
    // As a request may carry it, and as rules see it (RFC 9110 section 5.5).
    if (value.kind === 'present' || isCarried(value.text)) continue;
    file.report('CH1143', node, `no header "${name}" has such a value`, {
      severity: 'warning',
      expected: 'a value without white space around it, line breaks and control characters',
    });
  }
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function isCarried(text: string): boolean {
  return text.trim() === text && !/\p{Cc}/u.test(text.replaceAll('\t', ''));
}

function readHosts(file: YamlFile, node: YamlNode): readonly NamedHost[] {
  return readWords(file, node, 'the name of a host').flatMap(({ text, node: at }) => {
    const host = text.toLowerCase();
    if (hostName.test(host)) return [{ text: host, at: file.at(at) }];
    file.report('CH1115', at, `"${text}" is no name of a host`, {
      expected: 'a name without port, such as payments or payments.acme.test',
    });
    return [];
  });
}

/** Without any field it wants any token of an issuer that is declared. */
function readToken(file: YamlFile, node: YamlNode): TokenDraft | undefined {
  const fields = node === undefined ? undefined : file.fields(node, tokenFields, '`token`');
  if (fields === undefined) return undefined;
  const texts = (name: string): readonly string[] =>
    readWords(file, fields.get(name), 'a text').map(({ text }) => text);
  const scopes = readWords(file, fields.get('scopes'), 'a text');
  for (const { text, node: at } of scopes) {
    // RFC 6749 section 3.3: they are apart by spaces.
    if (/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text)) continue;
    const parts = text.split(' ').filter((part) => part !== '');
    file.report('CH1143', at, `no token has the scope "${text}"`, {
      severity: 'warning',
      expected: parts.length > 1 ? `[${parts.join(', ')}]` : 'a scope without spaces',
    });
  }
  return {
    issuers: readWords(file, fields.get('issuer'), 'a name of `issuers`').map(
      ({ text, node: at }) => ({ text, at: file.at(at) }),
    ),
    audiences: texts('audience'),
    scopes: scopes.map(({ text }) => text),
    claims: readClaims(file, fields.get('claims')),
  };
}

function readClaims(file: YamlFile, node: YamlNode): readonly ClaimMatch[] {
  if (node === undefined) return [];
  if (!isMap(node)) {
    file.wrongType(node, 'claims and their values, such as { department: finance }');
    return [];
  }
  if (!file.filledMap(node)) return [];
  return file
    .entries(node)
    .map(({ key, value }) => ({
      name: key,
      values: readWords(file, value, 'a value').map(({ text }) => text),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readWhen(file: YamlFile, node: YamlNode): WhenDraft | undefined {
  const text = node === undefined ? undefined : file.text(node, 'a condition in CEL');
  if (text === undefined) return undefined;
  if (text.trim() === '') {
    file.report('CH1110', node, 'the condition is empty', {
      help: 'leave `when` out, or say what is to hold',
    });
    return undefined;
  }
  const places = file.places(node, text);
  const parsed = parseCel(text);
  if (parsed.ok) return { text, places, parsed: parsed.value };
  const { offset, length, message, expected } = parsed.error;
  file.findings.push({
    code: 'CH1110',
    severity: 'error',
    message: `the condition is no CEL: ${message}`,
    at: placeInText(places, offset, length),
    ...(expected === undefined ? {} : { expected }),
  });
  return undefined;
}

/** One text or several. */
export function readWords(
  file: YamlFile,
  node: YamlNode,
  what: string,
): readonly { readonly text: string; readonly node: YamlNode }[] {
  if (node === undefined) return [];
  const items = file.list(node, what, true) ?? [];
  return items.flatMap((item) => {
    const text = file.text(item, what);
    return text === undefined ? [] : [{ text, node: item }];
  });
}
