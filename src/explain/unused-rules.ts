import type { Guest } from '../model/condition-types.ts';
import { isPerson } from '../model/guest.ts';
import { namesGuest } from '../model/principal.ts';
import type { Intent, Rule, Service } from '../model/types.ts';
import type { Flow, RuleUse, ServiceFlows } from '../policy/flow.ts';
import { otherReadings } from '../policy/other-readings.ts';

/** How a rule stands to the traffic since a time. */
export interface RuleStanding {
  readonly service: string;
  readonly rule: Rule;
  readonly standing:
    | { readonly kind: 'used'; readonly requests: number; readonly lastMs: number }
    | { readonly kind: 'unused'; readonly knownMs: number }
    /** It is younger than the time that is asked about, or nobody has told of its service for so long. */
    | {
        readonly kind: 'cannot be told';
        readonly because: string;
        readonly knownMs: number | undefined;
      };
}

/** Every rule of the intent, in the order of files. */
export function ruleStandings(
  intent: Intent,
  flows: readonly ServiceFlows[],
  sinceMs: number,
): readonly RuleStanding[] {
  const told = new Map(flows.map((one) => [one.service, one]));
  return [...intent.services.values()].flatMap((service) => {
    const of = told.get(service.name);
    const uses = new Map(of?.rules.map((use) => [use.rule, use]));
    const guests = guestsByPeople(service, of);
    return [...service.allow, ...service.deny].map((rule) => ({
      service: service.name,
      rule,
      standing: standingOf(rule, { of, guests }, uses.get(rule.id), sinceMs),
    }));
  });
}

function standingOf(
  rule: Rule,
  { of, guests }: { readonly of: ServiceFlows | undefined; readonly guests: readonly Guest[] },
  use: RuleUse | undefined,
  sinceMs: number,
): RuleStanding['standing'] {
  const open = (because: string): RuleStanding['standing'] => ({
    ...{ kind: 'cannot be told', because, knownMs: use?.knownMs },
  });
  if (use?.lastMs !== undefined)
    return { kind: 'used', requests: use.requests, lastMs: use.lastMs };
  if (of === undefined) return open('no proxy of its service has told of its requests');
  if (use === undefined) return open('no proxy has told of it yet');
  if (rule.mode === 'audit') return open('it is in audit, and decides nothing');
  if (rule.to.every(({ kind }) => kind === 'connect'))
    return open('connections are not told by rule');
  if (use.knownMs > sinceMs) return open('it is not known for so long');
  if (of.isPartial) return open('some requests were not recorded');
  if (rule.effect === 'allow' && of.flows.some(mayNeedFurther))
    return open('a request that can be read in several ways came in, which takes a rule for each');
  // Somebody whom no rule names is nobody here, whoever is behind the request.
  if (guests.some((guest) => namesGuest({ ...rule, effect: 'allow' }, guest)))
    return open('a guest whom it names came in by a rule for people');
  return { kind: 'unused', knownMs: use.knownMs };
}

/** It is allowed in every reading, and the log names the rule for its request line alone. */
function mayNeedFurther({ verdict, method, path, isOverridden }: Flow): boolean {
  if (verdict !== 'allow' || method === 'connect') return false;
  if (isOverridden) return true;
  const others = otherReadings(method, path, []);
  return !others.ok || others.value.length > 0;
}

/** Guests of other trust domains who came in by the name of a person. */
function guestsByPeople({ allow }: Service, of: ServiceFlows | undefined): readonly Guest[] {
  const forPeople = new Set<string>(allow.filter(namesPeople).map(({ id }) => id));
  const flows = of?.flows.filter(({ rule = '' }) => forPeople.has(rule)) ?? [];
  return [...new Set(flows.map(({ caller }) => caller as Guest))];
}

function namesPeople({ from }: Rule): boolean {
  return from.some((who) => {
    if (who.kind === 'guest') return isPerson(who.guest);
    return who.kind === 'role' && who.guests.some(isPerson);
  });
}
