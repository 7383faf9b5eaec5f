import {
  absent,
  type CelFault,
  type CelMap,
  type CelRead,
  type CelUnknown,
  type CelValue,
  celFault,
  celFromJson,
  celTimestamp,
  celUnknown,
} from '../cel/value.ts';
import type { AttributeValue } from '../model/condition-types.ts';
import type { Action } from './decision.ts';
import {
  type HeaderLines,
  type Known,
  type RequestFacts,
  type TokenFacts,
  unknown,
} from './facts.ts';

type Read = ReturnType<CelRead>;

/** One end of a request, as conditions see it. */
export interface Party {
  readonly service: string;
  readonly trustDomain: string;
  readonly principal: string;
  readonly roles: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

interface Asked {
  readonly source: Party;
  readonly destination: Party;
  readonly action: Action;
  readonly facts: RequestFacts;
}

/** What a condition reads of one request. The same name gives the same answer throughout. */
export function readOf(asked: Asked): CelRead {
  const { source, destination, action, facts } = asked;
  return (name) => {
    switch (name) {
      case 'request.method':
        return action.kind === 'http' ? action.method : absent;
      case 'request.path':
        if (action.kind !== 'http') return absent;
        return facts.isPathExample ? celUnknown(name) : action.path;
      case 'request.host':
        return known(name, facts.host);
      case 'request.scheme':
        return known(name, facts.scheme);
      case 'request.query':
        return mapped(name, facts.query, queryMap);
      case 'request.headers':
        return mapped(name, facts.headers, (lines) => headerMap(lines, facts.moreHeaders, single));
      case 'request.header_values':
        return mapped(name, facts.headers, (lines) => headerMap(lines, facts.moreHeaders, all));
      case 'request.id':
        return known(name, facts.id);
      case 'time':
      case 'request.time':
        return mapped('time', facts.timeMs, celTimestamp);
      case 'source.address':
        return known(name, facts.address);
      case 'source.service':
        return source.service;
      case 'source.trust_domain':
        return source.trustDomain;
      case 'source.principal':
        return source.principal;
      case 'source.roles':
        return source.roles;
      case 'destination.service':
        return destination.service;
      case 'destination.roles':
        return destination.roles;
      default:
        return byGroup(name, asked);
    }
  };
}

function byGroup(name: string, { source, destination, facts }: Asked): Read {
  if (name === 'token' || name.startsWith('token.')) return tokenRead(name, facts);
  const [group, field = ''] = name.split('.', 2);
  const party = group === 'source' ? source : destination;
  return Object.hasOwn(party.attributes, field) ? (party.attributes[field] ?? absent) : absent;
}

function tokenRead(name: string, { token }: RequestFacts): Read {
  if (token === unknown) return celUnknown('token');
  if (token.kind !== 'valid') return absent;
  return name === 'token' ? true : tokenField(name, token.token);
}

function tokenField(name: string, token: TokenFacts): Read {
  switch (name) {
    case 'token.issuer':
      return token.issuer;
    case 'token.subject':
      return token.subject;
    case 'token.audiences':
      return token.audiences;
    case 'token.scopes':
      return token.scopes;
    case 'token.claims':
      return celFromJson(token.claims);
    case 'token.expires':
      return celTimestamp(token.expiresMs);
    default:
      return absent;
  }
}

function known<T extends CelValue>(name: string, value: Known<T>): T | CelUnknown {
  return value === unknown ? celUnknown(name) : value;
}

function mapped<T>(name: string, value: Known<T>, to: (value: T) => CelValue): Read {
  return value === unknown ? celUnknown(name) : to(value);
}

/** Which of two values counts is for nobody to guess: the application may take the other one. */
function single(what: string, values: readonly string[]): string | CelFault | undefined {
  return values.length > 1 ? celFault(`${what} came ${values.length} times`) : values[0];
}

function all(_what: string, values: readonly string[]): readonly string[] {
  return values;
}

type Take = (what: string, values: readonly string[]) => ReturnType<CelMap['get']>;

function textMap(
  entries: HeaderLines,
  more: true | undefined,
  get: (values: readonly string[], name: string) => ReturnType<CelMap['get']>,
): CelMap {
  const further = more && celUnknown('further headers');
  const byName = new Map<string, string[]>();
  for (const [name, value] of entries) {
    const values = byName.get(name);
    if (values === undefined) byName.set(name, [value]);
    else values.push(value);
  }
  return {
    size: byName.size,
    has: (key) => byName.has(String(key)),
    get: (key) => {
      const name = String(key);
      const values = byName.get(name);
      if (values !== undefined) return get(values, name);
      return more && celUnknown(`header ${name}`);
    },
    keys: () => byName.keys(),
    ...(further === undefined ? {} : { further }),
  };
}

function headerMap(lines: HeaderLines, more: true | undefined, take: Take): CelMap {
  return textMap(lines, more, (values, name) => take(`the header ${name}`, values));
}

/** As browsers and servers read it (the URL standard, application/x-www-form-urlencoded). */
function queryMap(query: string): CelMap {
  // One question mark before it is taken off; a second one belongs to the first name.
  const entries = [...new URLSearchParams(`?${query}`)];
  return textMap(entries, undefined, (values, name) => single(`the parameter ${name}`, values));
}
