import type { Intent, Rule } from '../model/types.ts';
import type { RuleUse, ServiceFlows } from '../policy/flow.ts';

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
    return [...service.allow, ...service.deny].map((rule) => ({
      service: service.name,
      rule,
      standing: standingOf(rule, of, uses.get(rule.id), sinceMs),
    }));
  });
}

function standingOf(
  rule: Rule,
  of: ServiceFlows | undefined,
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
  return { kind: 'unused', knownMs: use.knownMs };
}
