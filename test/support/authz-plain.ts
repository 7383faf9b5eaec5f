/** What the rules of the language say, read out rule by rule: nothing of the engine is in it. */
import { hasToken, pairConditions } from './authz-pair-conditions.ts';
import {
  callee,
  members,
  ownDomain,
  type PairPolicy,
  type PairRequest,
  type PairRule,
  type PairVerdict,
  peerDomain,
  teams,
} from './authz-pairs.ts';

/** What the rules say: an allow only in all readings. A rule in audit says nothing. */
export function plainVerdict(policy: PairPolicy, request: PairRequest): PairVerdict {
  const verdict = oneVerdict(policy, request);
  if (verdict.kind === 'deny' || request.meaning === undefined) return verdict;
  const { overrides, ...meaning } = request.meaning;
  const methods = [request.method, overrides.method ?? request.method];
  const paths = [meaning.path, overrides.path ?? meaning.path];
  const readings = methods.flatMap((method) =>
    paths.map((path) =>
      oneVerdict(policy, { ...request, method, meaning: { ...meaning, path, overrides } }),
    ),
  );
  const denials = readings.filter(({ kind }) => kind === 'deny');
  // Which of them is told first is no matter.
  return denials.length === 0
    ? verdict
    : { kind: 'deny', rules: denials.flatMap(({ rules }) => rules) };
}

function oneVerdict(policy: PairPolicy, request: PairRequest): PairVerdict {
  const { meaning } = request;
  if (meaning === undefined || !isKnown(policy, meaning.caller)) return { kind: 'deny', rules: [] };
  const held = policy.rules.filter(
    (rule) =>
      rule.mode !== 'audit' &&
      isFrom(policy, rule, meaning) &&
      isFor(rule, request.method, meaning.path) &&
      (rule.host === undefined || rule.host.includes(meaning.host)) &&
      Object.entries(rule.headers ?? {}).every(([name, value]) =>
        hasHeader(rule.effect, request.headers, name, value),
      ) &&
      (rule.token === undefined || hasToken(meaning.token, rule.token)) &&
      (rule.when === undefined || holdsWhen(rule.effect, rule.when, request)),
  );
  const denies = held.filter(({ effect }) => effect === 'deny');
  if (denies.length > 0) return { kind: 'deny', rules: denies.map(({ id }) => id) };
  return held.length > 0
    ? { kind: 'allow', rules: held.map(({ id }) => id) }
    : { kind: 'deny', rules: [] };
}

/** A service of the mesh, or a guest that some rule or role names. */
function isKnown({ rules, roles }: PairPolicy, caller: string): boolean {
  if (ownName(caller) !== undefined) return [...members, callee].includes(ownName(caller) ?? '');
  const named = [...rules.flatMap(({ from }) => from), ...Object.values(roles).flat()];
  return named.some((who) => isGuest(who, caller));
}

function ownName(caller: string): string | undefined {
  const own = `spiffe://${ownDomain}/`;
  return caller.startsWith(own) ? caller.slice(own.length) : undefined;
}

function isGuest(who: string, caller: string): boolean {
  if (!who.startsWith('spiffe://')) return false;
  return who.endsWith('/**') ? caller.startsWith(who.slice(0, -2)) : who === caller;
}

function isFrom(
  policy: PairPolicy,
  { from, effect }: PairRule,
  { caller, token }: Pick<NonNullable<PairRequest['meaning']>, 'caller' | 'token'>,
): boolean {
  const name = ownName(caller);
  const isOne = (who: string): boolean =>
    who === `person:${token?.person}` || (name === undefined ? isGuest(who, caller) : who === name);
  return from.some((who) => {
    if (who === '*') return name !== undefined || effect === 'deny';
    const role = who.startsWith('role:') ? policy.roles[who.slice('role:'.length)] : undefined;
    return role === undefined ? isOne(who) : role.some(isOne);
  });
}

/** What cannot be decided denies where it may, and allows nothing. */
function holdsWhen(effect: PairRule['effect'], when: string, request: PairRequest): boolean {
  const { meaning } = request;
  const condition = pairConditions.get(when);
  if (meaning === undefined || condition === undefined) throw new Error(when);
  const name = ownName(meaning.caller);
  const value = condition({
    ...{ ...meaning, method: request.method, headers: request.headers },
    service: name ?? meaning.caller.split('/').slice(3).join('/'),
    domain: name === undefined ? peerDomain : ownDomain,
    team: name === undefined ? undefined : teams[name],
  });
  return value === 'error' ? effect === 'deny' : value;
}

function isFor({ request, effect }: PairRule, method: string, path: string): boolean {
  return request.some((text) => {
    const [wanted, pattern = ''] = text.split(' ');
    if (wanted !== '*' && wanted !== method) return false;
    return effect === 'allow'
      ? matches(pattern, path)
      : matches(withoutSlash(pattern), withoutSlash(path));
  });
}

/** To a deny a final slash is nothing. */
function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function matches(pattern: string, path: string): boolean {
  const source = pattern
    .split('/')
    .slice(1)
    .map((segment) =>
      segment === '**'
        ? '(?:/.*)?'
        : segment === '*'
          ? '/[^/]+'
          : `/${segment.replaceAll('.', '\\.')}`,
    )
    .join('');
  return new RegExp(`^${source}$`).test(path);
}

function hasHeader(
  effect: PairRule['effect'],
  lines: PairRequest['headers'],
  name: string,
  wanted: string,
): boolean {
  const values = lines.flatMap(([other, value]) => (other.toLowerCase() === name ? [value] : []));
  if (effect === 'allow') return values.length === 1 && (wanted === '*' || values[0] === wanted);
  if (wanted === '*') return values.length > 0;
  return values.some(
    (value) => value === wanted || value.split(',').some((item) => item.trim() === wanted),
  );
}
