import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { systemClock } from '../base/clock.ts';
import type { Json } from '../base/json.ts';
import type { WhyQuestion } from '../explain/why.ts';
import type { Intent } from '../model/types.ts';
import { assumedToken } from '../policy/assumed-token.ts';
import {
  noToken,
  nothingKnown,
  type RequestFacts,
  type TokenStanding,
  unknown,
} from '../policy/facts.ts';
import { intentPolicy } from '../policy/intent-policy.ts';
import { policyTokens } from '../tokens/token-verifier.ts';
import { type HelpLine, usageError, type Values } from './arguments.ts';
import { momentOf } from './moment-flag.ts';

export const questionFlags = {
  header: { type: 'string', multiple: true },
  'no-headers': { type: 'boolean' },
  host: { type: 'string' },
  token: { type: 'string' },
  time: { type: 'string' },
  address: { type: 'string' },
} as const;

export type QuestionValues = Values<typeof questionFlags>;

export const questionHelp: readonly HelpLine[] = [
  ['--header NAME=VALUE', 'a header of the request, also several; --no-headers: it has no others'],
  ['--host NAME', 'the host by which it names the callee; the name of the callee unless said'],
  [
    '--token CLAIMS',
    'a token (JWT), or the claims of one that counts as verified, as JSON or in a FILE; none: it has none',
  ],
  ['--time TIME', 'when it is sent; --address IP: from where'],
  '  What is not said is not known, and where the answer hangs on it, it says so.',
];

/** `A B REQUEST…`, also with an arrow between A and B. */
export interface Ends {
  readonly from: string;
  readonly to: string;
  readonly rest: readonly string[];
}

export function endsOf(words: readonly string[]): Ends {
  const [first = '', ...others] = words;
  const joined = /^(\S+)\s*->\s*(\S+)$/.exec(first);
  if (joined !== null) return { from: joined[1] ?? '', to: joined[2] ?? '', rest: others };
  const [to, ...rest] = others;
  if (to === '-') {
    // An arrow without quotes: the shell took `> B` for the file to write to.
    throw usageError(
      "the shell reads > as a file to write to: quote the arrow, as in 'A -> B', or leave it out",
    );
  }
  if (first === '' || to === undefined) throw usageError('say who calls whom, and what');
  refuseMore(rest);
  return { from: first, to, rest };
}

/** Other commands take a folder as their last word; here it would be looked for in another one first. */
function refuseMore(request: readonly string[]): void {
  const surplus = request.slice(2);
  const last = request.at(-1) ?? '';
  const isFolder = statSync(last, { throwIfNoEntry: false })?.isDirectory() === true;
  // A path of a request may be one of this machine, too.
  if (surplus.length === 0 && !(isFolder && !last.startsWith('/'))) return;
  const instead = isFolder ? `; a folder is given as --in ${last}` : '';
  throw usageError(`"${surplus.join(' ') || last}" is too much${instead}`);
}

/** `METHOD PATH`, `pkg.Service/Method`, or nothing for a connection. */
export function requestOf(
  words: readonly string[],
  to: string,
  intent: Intent,
): Pick<WhyQuestion, 'request'> {
  const service = [...intent.services.values()].find(({ name }) => name === to);
  if (service?.protocol === 'tcp') {
    if (words.length > 0) throw usageError(`${to} speaks tcp: there is no request to name`);
    return { request: undefined };
  }
  const [method = '', path] = words;
  if (path === undefined && /^[\w.]+\/\w+$/.test(method)) {
    return { request: { method: 'POST', path: `/${method}` } };
  }
  if (path === undefined)
    throw usageError('say what is asked for: METHOD PATH, or pkg.Service/Method');
  return { request: { method, path } };
}

/** `METHOD http://HOST/PATH`, as it is copied from a log: the host goes where `--host` says it. */
export function urlApart<Given extends QuestionValues>(
  words: readonly string[],
  values: Given,
): { readonly words: readonly string[]; readonly values: Given } {
  const [method = '', target = '', ...more] = words;
  const [, host, path] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target) ?? [];
  if (host === undefined) return { words, values };
  const absolute = path?.startsWith('/') ? path : `/${path}`;
  return { words: [method, absolute, ...more], values: { ...values, host: values.host ?? host } };
}

export function factsOf(values: QuestionValues, intent: Intent, to: string): RequestFacts {
  const headers = headersOf(values.header ?? []);
  const isAll = values['no-headers'] === true;
  const timeMs = momentOf(values.time, '--time');
  const { address, host } = values;
  if (host === '') throw usageError('--host is a name');
  if (address !== undefined && isIP(address) === 0) {
    throw usageError(`--address is an IP address, not "${address}"`);
  }
  return {
    ...nothingKnown,
    host: host ?? to,
    headers: headers.length === 0 && !isAll ? unknown : headers,
    ...(isAll ? {} : { moreHeaders: true }),
    token: tokenOf(values.token, intent, timeMs ?? systemClock.nowMs()),
    ...(timeMs === undefined ? {} : { timeMs }),
    ...(address === undefined ? {} : { address }),
  };
}

const jwtShape = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** The token itself, where it was given and not only its claims. */
export function bearerOf({ token }: QuestionValues): string | undefined {
  return token !== undefined && jwtShape.test(token) ? token : undefined;
}

function headersOf(texts: readonly string[]): (readonly [string, string])[] {
  return texts.map((text) => {
    const match = /^([^=:\s]+)\s*[=:]\s*(.*)$/.exec(text);
    if (match === null) throw usageError(`--header is NAME=VALUE, not "${text}"`);
    const name = (match[1] ?? '').toLowerCase();
    if (name === 'host') throw usageError('the host is said by --host');
    return [name, match[2] ?? ''];
  });
}

function tokenOf(value: string | undefined, intent: Intent, nowMs: number): RequestFacts['token'] {
  if (value === undefined) return unknown;
  if (value === 'none') return noToken;
  if (jwtShape.test(value)) {
    const verify = policyTokens(intentPolicy(intent).policy);
    return verify([['authorization', `Bearer ${value}`]], nowMs);
  }
  const text = value.trimStart().startsWith('{') ? value : fileOf(value);
  let claims: Record<string, Json>;
  try {
    claims = JSON.parse(text);
  } catch {
    throw usageError('--token is claims as JSON, a FILE with them, or none');
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) {
    throw usageError('--token is an object of claims');
  }
  return standingOf(claims, intent);
}

function fileOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw usageError(`--token: there is no file "${path}"; claims begin with {`);
  }
}

/** As if the issuer had signed it. An issuer that is not said is the only one that there is. */
function standingOf(claims: Record<string, Json>, intent: Intent): TokenStanding {
  const { issuers } = intent.mesh;
  const { iss } = claims;
  const found = [...issuers.values()].find(({ issuer, name }) => issuer === iss || name === iss);
  const issuer = iss === undefined && issuers.size === 1 ? [...issuers.values()][0] : found;
  if (issuer === undefined) {
    const known = [...issuers.keys()].join(', ') || 'none';
    throw usageError(`--token: say its issuer as "iss"; mesh.yaml knows ${known}`);
  }
  const texts = (value: Json | undefined): string[] =>
    Array.isArray(value) ? value.map(String) : value === undefined ? [] : String(value).split(' ');
  const { exp } = claims;
  return assumedToken(issuer, {
    subject: String(claims['sub'] ?? ''),
    audiences: texts(claims['aud']),
    scopes: texts(claims['scope'] ?? claims['scopes']),
    claims,
    expiresMs: typeof exp === 'number' ? exp * 1_000 : Number.MAX_SAFE_INTEGER,
  });
}
