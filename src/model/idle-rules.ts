import { isPerson } from './guest.ts';
import {
  type Accepted,
  candidatesFor,
  coveredBy,
  type RuleCover,
  ruleCover,
} from './rule-cover.ts';
import type { Rule } from './types.ts';

/** An allow rule that can go, and nobody gets another answer. */
export interface IdleRule {
  readonly rule: Rule;
  /** All of it is forbidden anyway, or what is left of it is allowed by others. */
  readonly kind: 'denied' | 'allowed';
  /** The rules that do it, in the order of the file. */
  readonly by: readonly Rule[];
}

/** One of them that does it alone is the better reason. */
const candidatesMax = 16;

interface Search {
  readonly cover: RuleCover;
  readonly places: ReadonlyMap<Rule, number>;
  readonly idle: Map<Rule, IdleRule>;
  /** Rules by themselves, as far as they were looked at. */
  readonly alone: Map<Rule, RuleCover>;
  /** A denial makes nobody known who came by a name that goes. */
  readonly keepsPeers: boolean;
}

/** Never one too many, and all of those together can go. */
export function idleRules(allow: readonly Rule[], deny: readonly Rule[]): readonly IdleRule[] {
  const enforced = allow.filter(({ mode }) => mode === 'enforce');
  const plain = [...deny, ...allow].filter(isPlain);
  const places = new Map([...allow, ...deny].map((rule, at) => [rule, at]));
  const keepsPeers = enforced.some(namesPeople);
  const search: Search = {
    cover: ruleCover(plain),
    places,
    idle: new Map(),
    alone: new Map(),
    keepsPeers,
  };
  for (const rule of enforced) note(search, rule, 'denied', byDenials(search, rule));
  for (const rule of enforced) note(search, rule, 'allowed', byOne(search, rule));
  // Of several that need each other the first ones stay.
  for (const rule of enforced.toReversed()) note(search, rule, 'allowed', byOthers(search, rule));
  return enforced.flatMap((rule) => search.idle.get(rule) ?? []);
}

function note(
  { idle, places }: Search,
  rule: Rule,
  kind: IdleRule['kind'],
  by: Iterable<Rule> | undefined,
): void {
  if (by === undefined || idle.has(rule)) return;
  const sorted = [...by].sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
  idle.set(rule, { rule, kind, by: sorted });
}

function byDenials(search: Search, rule: Rule): Iterable<Rule> | undefined {
  const denials = { effects: ['deny'], accepts: countsFor(search) } as const;
  return alone(search, rule, denials) ?? coveredBy(search.cover, rule, denials);
}

/** Of two that say the same the first one stays. */
function byOne(search: Search, rule: Rule): Iterable<Rule> | undefined {
  const { places, idle } = search;
  if (idle.has(rule)) return undefined;
  const isBefore = (one: Rule): boolean =>
    isPlain(rule) && (places.get(rule) ?? 0) < (places.get(one) ?? 0);
  const others = { effects: ['allow'], accepts: (one: Rule) => one !== rule } as const;
  return alone(search, rule, others, (one) => !isBefore(one) || !holdsFor(search, rule, one));
}

/** What is forbidden of it anyway need not be allowed by another one. */
function byOthers(search: Search, rule: Rule): Iterable<Rule> | undefined {
  const { cover, idle } = search;
  if (idle.has(rule)) return undefined;
  const isDenied = countsFor(search);
  return coveredBy(cover, rule, {
    effects: ['allow', 'deny'],
    accepts: (one, who) =>
      one.effect === 'deny' ? isDenied(one, who) : one !== rule && !idle.has(one),
  });
}

function countsFor({ keepsPeers }: Search): Accepted['accepts'] {
  return (_rule, { isPeer }) => !(isPeer && keepsPeers);
}

function alone(
  search: Search,
  rule: Rule,
  accepted: Accepted,
  counts: (one: Rule) => boolean = () => true,
): readonly Rule[] | undefined {
  const found = candidatesFor(search.cover, rule, accepted, candidatesMax).find(
    (one) => holdsFor(search, one, rule, accepted.accepts) && counts(one),
  );
  return found && [found];
}

/** Whether one rule holds for all that another one holds for. */
function holdsFor(
  { cover, alone: known }: Search,
  one: Rule,
  rule: Rule,
  accepts: Accepted['accepts'] = () => true,
): boolean {
  const own = known.get(one) ?? ruleCover([one], cover);
  known.set(one, own);
  return coveredBy(own, rule, { effects: [one.effect], accepts }) !== undefined;
}

/** Who and what is all that counts. */
function isPlain({ conditions, mode }: Rule): boolean {
  return conditions === undefined && mode === 'enforce';
}

function namesPeople({ from }: Rule): boolean {
  return from.some((who) =>
    who.kind === 'guest' ? isPerson(who.guest) : who.kind === 'role' && who.guests.some(isPerson),
  );
}
