import type { Guest } from './condition-types.ts';
import { coversGuest, isPerson } from './guest.ts';
import { withBothEnds } from './path-pattern.ts';
import type { Operation, Principal, Rule } from './types.ts';

/** Looks at entries and nodes that all questions of one service may cost: milliseconds, whatever its rules are like. */
const looksMax = 4_000_000;

/** Which rules hold for one caller and one request: rules in a tree of paths for each name of a caller. */
export interface RuleCover {
  readonly byKey: { readonly [effect in Rule['effect']]: ReadonlyMap<string, Node> };
  readonly rolesOf: ReadonlyMap<string, readonly string[]>;
  /** Of the longest pattern. */
  readonly depth: number;
  readonly budget: { left: number };
  /** Those that were asked about, by the key of who it is. */
  readonly callers: Map<string, readonly Caller[]>;
}

interface Node {
  readonly literals: Map<string, Node>;
  any: Node | undefined;
  readonly ends: Entry[];
  readonly rests: Entry[];
}

interface Entry {
  readonly rule: Rule;
  readonly method: string;
}

/** Which rules count. */
export interface Accepted {
  readonly effects: readonly Rule['effect'][];
  readonly accepts: (rule: Rule, who: Caller) => boolean;
}

export interface Caller {
  /** Of a peer: whoever is not named by any rule is unknown. */
  readonly isPeer: boolean;
  /** Under which rules name it. */
  readonly keys: readonly string[];
  /** An allow for everybody is for services of the mesh; a denial is for guests, too. */
  readonly isOwn: boolean;
}

interface Request {
  readonly method: string;
  readonly segments: readonly string[];
}

/** Stands for a segment and for a method that no rule names. */
const other = '\u0001';
const anyone = 'any';

/** Of rules without conditions; `whole`: they are some of those. */
export function ruleCover(rules: readonly Rule[], whole?: RuleCover): RuleCover {
  const byKey = { allow: new Map<string, Node>(), deny: new Map<string, Node>() };
  let depth = 0;
  for (const rule of rules) {
    const requests = rule.to.flatMap((operation) => patternsOf(operation, rule.effect));
    for (const { segments } of requests) depth = Math.max(depth, segments.length);
    for (const key of new Set(rule.from.map(keyOf))) {
      const root = byKey[rule.effect].get(key) ?? newNode();
      byKey[rule.effect].set(key, root);
      for (const request of requests) add(root, request, rule);
    }
  }
  const shared = whole ?? {
    rolesOf: rolesOf(rules),
    callers: new Map(),
    budget: { left: looksMax },
  };
  return { ...shared, byKey, depth };
}

/**
 * The rules that together hold for all that this one holds for; undefined: there is something that none does, or it costs
 * too much to tell. What stands in for every name that no rule has is the hardest to cover, so that it is enough to ask
 * about that.
 */
export function coveredBy(
  cover: RuleCover,
  rule: Rule,
  accepted: Accepted,
): ReadonlySet<Rule> | undefined {
  const used = new Set<Rule>();
  let isAnybody = false;
  for (const who of rule.from) {
    for (const request of requestsOf(rule, cover.depth)) {
      if (!isCovered(cover, who, request, { ...accepted, used })) return undefined;
    }
    isAnybody ||= who.kind !== 'role' || who.services.length + who.guests.length > 0;
  }
  return isAnybody ? used : undefined;
}

/** The first rules that hold for something of this one. */
export function candidatesFor(
  cover: RuleCover,
  rule: Rule,
  accepted: Accepted,
  most: number,
): readonly Rule[] {
  const [first] = rule.from;
  const [who] = first === undefined ? [] : callersOf(cover, first);
  const [request] = requestsOf(rule, cover.depth);
  const found = new Set<Rule>();
  if (who === undefined || request === undefined) return [];
  find(cover, who, { ...accepted, ...request }, (one) => {
    found.add(one);
    return found.size >= most;
  });
  return [...found];
}

/** As a whole, or every member of it. */
function isCovered(
  cover: RuleCover,
  who: Principal,
  request: Request,
  { used, ...accepted }: Accepted & { readonly used: Set<Rule> },
): boolean {
  const isMet = (caller: Caller): boolean => {
    let met: Rule | undefined;
    find(cover, caller, { ...accepted, ...request }, (one) => {
      met = used.has(one) ? one : (met ?? one);
      return met === one && used.has(one);
    });
    if (met !== undefined) used.add(met);
    return met !== undefined;
  };
  if (who.kind === 'role') {
    const isPeer = who.guests.some((guest) => !isPerson(guest));
    const whole = { keys: [keyOf(who)], isOwn: who.guests.length === 0, isPeer };
    if (isMet(whole)) return true;
  }
  return callersOf(cover, who).every(isMet);
}

function callersOf({ rolesOf: roles, callers }: RuleCover, who: Principal): readonly Caller[] {
  const key = keyOf(who);
  const known = callers.get(key) ?? callersIn(who, roles);
  callers.set(key, known);
  return known;
}

function callersIn(who: Principal, roles: RuleCover['rolesOf']): readonly Caller[] {
  switch (who.kind) {
    case 'any':
      return [{ keys: [], isOwn: true, isPeer: false }];
    case 'service':
      return [serviceCaller(who.service, roles)];
    case 'guest':
      return [guestCaller(who.guest, roles)];
    case 'role':
      return [
        ...who.services.map((name) => serviceCaller(name, roles)),
        ...who.guests.map((guest) => guestCaller(guest, roles)),
      ];
  }
}

function serviceCaller(name: string, roles: RuleCover['rolesOf']): Caller {
  const key = `service ${name}`;
  return { keys: [key, ...(roles.get(key) ?? [])], isOwn: true, isPeer: false };
}

function guestCaller(guest: Guest, roles: RuleCover['rolesOf']): Caller {
  const named = widerGuests(guest).map((one) => `guest ${one}`);
  const keys = [...named, ...named.flatMap((key) => roles.get(key) ?? [])];
  return { keys, isOwn: false, isPeer: !isPerson(guest) };
}

/** Under which names rules may be about all that this one is. */
function widerGuests(guest: Guest): readonly Guest[] {
  const domain = /^spiffe:\/\/[^/]+/.exec(guest)?.[0];
  const slash = guest.indexOf('/');
  const wide = domain === undefined ? `person:${guest.slice(slash + 1)}` : `${domain}/**`;
  const isWider = wide !== guest && coversGuest(wide as Guest, guest);
  return isWider ? [guest, wide as Guest] : [guest];
}

function rolesOf(rules: readonly Rule[]): RuleCover['rolesOf'] {
  const found = new Map<string, string[]>();
  const known = new Set<string>();
  for (const who of rules.flatMap(({ from }) => from)) {
    if (who.kind !== 'role' || known.has(who.role)) continue;
    known.add(who.role);
    const keys = [
      ...who.services.map((name) => `service ${name}`),
      ...who.guests.map((guest) => `guest ${guest}`),
    ];
    for (const key of keys) {
      const roles = found.get(key) ?? [];
      found.set(key, roles);
      roles.push(keyOf(who));
    }
  }
  return found;
}

function keyOf(who: Principal): string {
  switch (who.kind) {
    case 'any':
      return anyone;
    case 'service':
      return `service ${who.service}`;
    case 'role':
      return `role ${who.role}`;
    case 'guest':
      return `guest ${who.guest}`;
  }
}

function patternsOf(operation: Operation, effect: Rule['effect']): readonly Request[] {
  const { method, segments } = requestOf(operation);
  if (effect === 'allow' || operation.kind !== 'http') return [{ method, segments }];
  // A denial holds with a final slash and without.
  return withBothEnds(operation.path).map((path) => ({ method, segments: path.segments }));
}

function requestOf(operation: Operation): Request {
  switch (operation.kind) {
    case 'http':
      return { method: operation.method, segments: operation.path.segments };
    case 'grpc':
      return { method: 'POST', segments: [operation.service, operation.method] };
    case 'connect':
      return { method: 'CONNECT', segments: [] };
  }
}

/** Those that are the hardest to cover of all that it is about. */
function* requestsOf({ to }: Rule, depth: number): Iterable<Request> {
  for (const { method: named, segments } of to.map(requestOf)) {
    const method = named === '*' ? other : named;
    const fixed = segments.filter((one) => one !== '**').map((one) => (one === '*' ? other : one));
    if (segments.at(-1) !== '**') {
      yield { method, segments: fixed };
      continue;
    }
    // Below all patterns first, where most rules do not reach.
    for (let more = Math.max(depth - fixed.length, 0) + 1; more >= 0; more -= 1) {
      const path = [...fixed, ...Array<string>(more).fill(other)];
      yield { method, segments: [...path, ''] };
      // The path `/` is the shortest: it has one segment, which is empty.
      if (path.length > 0) yield { method, segments: path };
    }
  }
}

function newNode(): Node {
  return { literals: new Map(), any: undefined, ends: [], rests: [] };
}

function add(root: Node, { method, segments }: Request, rule: Rule): void {
  let node = root;
  for (const segment of segments) {
    if (segment === '**') {
      node.rests.push({ rule, method });
      return;
    }
    if (segment === '*') {
      node.any ??= newNode();
      node = node.any;
      continue;
    }
    const below = node.literals.get(segment) ?? newNode();
    node.literals.set(segment, below);
    node = below;
  }
  node.ends.push({ rule, method });
}

/** Tells of rules that hold for the caller and the request, until it is enough or too much. */
function find(
  { byKey, budget }: RuleCover,
  who: Caller,
  { effects, accepts, method: wanted, segments }: Accepted & Request,
  take: (rule: Rule) => boolean,
): void {
  const takeAll = (entries: readonly Entry[]): boolean =>
    entries.some(({ rule, method }) => {
      budget.left -= 1;
      if (budget.left < 0) return true;
      return (method === '*' || method === wanted) && accepts(rule, who) && take(rule);
    });
  const walk = (node: Node | undefined, at: number): boolean => {
    if (node === undefined) return false;
    budget.left -= 1;
    if (takeAll(node.rests)) return true;
    const segment = segments[at];
    if (segment === undefined) return takeAll(node.ends);
    return walk(node.literals.get(segment), at + 1) || (segment !== '' && walk(node.any, at + 1));
  };
  for (const effect of effects) {
    const keys = who.isOwn || effect === 'deny' ? [...who.keys, anyone] : who.keys;
    if (keys.some((key) => walk(byKey[effect].get(key), 0))) return;
  }
}
