/** What the rules of the language say, read out rule by rule: nothing of the engine is in it. */
import { firstNamed, type Way } from '../../src/policy/rule-order.fixture.ts';
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

type Meaning = NonNullable<PairRequest['meaning']>;

/** What the rules say: an allow only in all readings, the request line's own first. A rule in audit says nothing. */
export function plainVerdict(policy: PairPolicy, request: PairRequest): PairVerdict {
  const { meaning } = request;
  if (meaning === undefined) return { kind: 'deny', rule: undefined };
  const { overrides } = meaning;
  const methods = [request.method, overrides.method ?? request.method];
  const paths = [meaning.path, overrides.path ?? meaning.path, ...meaning.others];
  const readings = methods.flatMap((method) =>
    paths.map((path) => oneVerdict(policy, { ...request, method }, { ...meaning, path })),
  );
  const [own] = readings;
  if (own === undefined) throw new Error('no reading');
  return readings.find(({ kind }) => kind === 'deny') ?? own;
}

function oneVerdict(policy: PairPolicy, request: PairRequest, meaning: Meaning): PairVerdict {
  const isIn = isKnown(policy, meaning.caller);
  const ways = (effect: PairRule['effect']): Way[] =>
    policy.rules
      .filter((rule) => rule.effect === effect && rule.mode !== 'audit')
      // Whoever is not known is denied anyway; only a plain rule for everybody is named for it.
      .filter((rule) => isIn || (rule.from.includes('*') && !hasConditions(rule)))
      .filter((rule) => holds(rule, request, meaning))
      .flatMap((rule) => waysOf(policy, rule, request.method, meaning));
  const denied = firstNamed(ways('deny'));
  if (denied !== undefined) return { kind: 'deny', rule: denied.id };
  const allowed = isIn ? firstNamed(ways('allow')) : undefined;
  return { kind: allowed === undefined ? 'deny' : 'allow', rule: allowed?.id };
}

function holds(rule: PairRule, request: PairRequest, meaning: Meaning): boolean {
  return (
    (rule.host === undefined || rule.host.includes(meaning.host)) &&
    Object.entries(rule.headers ?? {}).every(([name, value]) =>
      hasHeader(rule.effect, request.headers, name, value),
    ) &&
    (rule.token === undefined || hasToken(meaning.token, rule.token)) &&
    (rule.when === undefined || holdsWhen(rule.effect, rule.when, { ...request, meaning }))
  );
}

function hasConditions({ host, headers, token, when }: PairRule): boolean {
  return [host, headers, token, when].some((condition) => condition !== undefined);
}

/** Every way in which the rule is about the request, by who is named and by what is asked for. */
function waysOf(policy: PairPolicy, rule: PairRule, method: string, meaning: Meaning): Way[] {
  const [byCertificate, byToken] = [{ ...meaning, token: undefined }, meaning];
  return rule.from.flatMap((who) => {
    const isOwn = isOneOf(policy, who, rule.effect, byCertificate);
    if (!isOwn && !isOneOf(policy, who, rule.effect, byToken)) return [];
    return rule.request
      .filter((text) => isFor(rule.effect, text, method, meaning.path))
      .map((text) => {
        const [wanted = '', pattern = ''] = text.split(' ');
        return {
          ...{ id: rule.id, needs: needsOf(rule, isOwn), method: wanted, isAnyCaller: who === '*' },
          path: rule.effect === 'deny' ? withoutSlash(pattern) : pattern,
        };
      });
  });
}

function needsOf(rule: PairRule, isOwn: boolean): Way['needs'] {
  if (!hasConditions(rule)) return isOwn ? 'certificate' : 'person';
  const { effect, headers, token, when } = rule;
  const isPlain = Object.values(headers ?? {}).every((value) => !value.includes(','));
  const isTold = isOwn && effect === 'allow' && isPlain && [token, when].every((one) => !one);
  return isTold ? 'plain headers' : 'desk';
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

function isOneOf(
  policy: PairPolicy,
  who: string,
  effect: PairRule['effect'],
  { caller, token }: Pick<Meaning, 'caller' | 'token'>,
): boolean {
  const name = ownName(caller);
  const isOne = (who: string): boolean =>
    [`person:${token?.person}`, `person:login/${token?.person}`].includes(who) ||
    (name === undefined ? isGuest(who, caller) : who === name);
  if (who === '*') return name !== undefined || effect === 'deny';
  const role = who.startsWith('role:') ? policy.roles[who.slice('role:'.length)] : undefined;
  return role === undefined ? isOne(who) : role.some(isOne);
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

function isFor(effect: PairRule['effect'], text: string, method: string, path: string): boolean {
  const [wanted, pattern = ''] = text.split(' ');
  if (wanted !== '*' && wanted !== method) return false;
  return effect === 'allow'
    ? matches(pattern, path)
    : matches(withoutSlash(pattern), withoutSlash(path));
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
