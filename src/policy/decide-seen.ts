import type { CompiledPolicy } from './compiled-policy.ts';
import { decide, type PolicyRequest } from './decide.ts';
import type { Allow, Decision, Depends, RuleRef } from './decision.ts';
import type { PolicyRule } from './document.ts';
import { nothingKnown, unknown } from './facts.ts';
import { mayMeetPeople } from './people-open.ts';
import { wantedOf } from './texts.ts';

/** How a request was decided whose headers and token nobody wrote down. */
export interface SeenVerdict {
  readonly verdict: 'allow' | 'deny';
  readonly rule: string | undefined;
}

/**
 * What a policy says of a request that another one has decided. That tells of conditions that both have: the one that let it
 * in holds, and those that would have kept it out do not.
 */
export function decideSeen(
  policies: { readonly live: CompiledPolicy; readonly shadow: CompiledPolicy },
  request: PolicyRequest,
  seen: SeenVerdict,
): Decision {
  const { live, shadow } = policies;
  const decision = decide(shadow, request);
  if (decision.kind !== 'depends') return decision;
  const rulesOf = (policy: CompiledPolicy): readonly PolicyRule[] =>
    policy.services.get(request.callee)?.policy.rules ?? [];
  if (decision.rules.length === 0) return decision;
  const known = (ref: Pick<RuleRef, 'id'>): boolean => {
    const [own, other] = [live, shadow].map((policy) =>
      rulesOf(policy).find(({ id }) => id === ref.id),
    );
    if (own === undefined || other === undefined || !isSameTest(own, other)) return false;
    return ref.id === seen.rule || isSameReach(own, other);
  };
  const denials = rulesOf(shadow).filter(
    ({ effect, conditions, mode }) => effect === 'deny' && conditions && mode === undefined,
  );
  const isOtherwise = denials.some(({ id }) => !known({ id }));
  const mayKeepOut = mayKeepPeopleOut(shadow, request);
  return settled(decision, seen, { known, isOtherwise, mayKeepOut }) ?? decision;
}

/** Undefined: what was decided says nothing about it. */
function settled(
  { rules, otherwise }: Depends,
  { verdict, rule }: SeenVerdict,
  of: {
    /** What was decided tells whether its condition holds. */
    readonly known: (ref: RuleRef) => boolean;
    /** There are conditional denials that are others than before; where nothing allows it yet they are not in `rules`. */
    readonly isOtherwise: boolean;
    /** Whoever is behind it. */
    readonly mayKeepOut: boolean;
  },
): Decision | undefined {
  const by = rules.find(({ id }) => id === rule);
  const isBy = by !== undefined && of.known(by);
  if (verdict === 'deny') {
    return isBy && by.effect === 'deny' && otherwise.kind === 'allow' ? denialBy(by) : undefined;
  }
  if (of.mayKeepOut) return undefined;
  const denials = rules.filter(({ effect }) => effect === 'deny');
  if (!denials.every(of.known)) return undefined;
  if (otherwise.kind === 'allow') return otherwise;
  const isLetIn = isBy && by.effect === 'allow' && !of.isOtherwise;
  return isLetIn ? ({ kind: 'allow', rule: by } satisfies Allow) : undefined;
}

function mayKeepPeopleOut(
  policy: CompiledPolicy,
  { callee, action, facts = nothingKnown }: PolicyRequest,
): boolean {
  const service = policy.services.get(callee);
  if (service === undefined || facts.token !== unknown) return false;
  return mayMeetPeople(service, 'deny', wantedOf(policy.texts, action));
}

function denialBy(rule: RuleRef): Decision {
  return {
    ...{ kind: 'deny', code: 'CH2102', reason: `deny rule "${rule.id}" forbids it`, rule },
    ...{ closest: [], nearest: undefined, help: undefined },
  };
}

/** Of header and host alone, which say the same under every policy; attributes and issuers may be others. */
function isSameTest(a: PolicyRule, b: PolicyRule): boolean {
  const isPlain = ({ conditions, mode }: PolicyRule): boolean =>
    mode === undefined && conditions?.token === undefined && conditions?.when === undefined;
  const isSame = isPlain(a) && isPlain(b) && a.effect === b.effect;
  return isSame && isEqual(a.conditions, b.conditions);
}

/** It was about this request before, so that only its condition can have kept it from holding. Roles may have other members. */
function isSameReach(a: PolicyRule, b: PolicyRule): boolean {
  const named = a.from.every(({ kind }) => kind !== 'role');
  return named && isEqual(a.from, b.from) && isEqual(a.to, b.to);
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
