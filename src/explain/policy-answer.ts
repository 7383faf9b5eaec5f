import { type CelRead, celUnknown } from '../cel/value.ts';
import type { Conditions } from '../model/condition-types.ts';
import type {
  CompiledPolicy,
  CompiledService,
  ConditionalRule,
} from '../policy/compiled-policy.ts';
import { conditionTexts } from '../policy/condition-text.ts';
import type { Action, RuleRef } from '../policy/decision.ts';
import type { PolicyRule } from '../policy/document.ts';
import { nothingKnown, type TokenStanding, unknown } from '../policy/facts.ts';
import { type Principals, principalsAt } from '../policy/principals.ts';
import { conditionRead } from '../policy/question.ts';
import { eachRule, findRule, rulesNaming } from '../policy/rule-index.ts';
import { principalKey } from '../policy/rule-parts.ts';
import { type Wanted, wantedOf } from '../policy/texts.ts';
import { otherSegment } from './path-space.ts';

/** Somebody who may call: a service, a SPIFFE ID elsewhere or all of a trust domain, with the token of a person or without. */
export interface Who {
  readonly caller: string;
  readonly person: string | undefined;
}

/** What a policy permits of something, with conditions by the rules that have them. */
export type SpaceAnswer =
  | { readonly kind: 'deny' }
  /** Unless one of these denies holds. */
  | { readonly kind: 'allow'; readonly unless: readonly NamedCondition[] }
  /** Only under one of these. */
  | {
      readonly kind: 'if';
      readonly any: readonly NamedCondition[];
      readonly unless: readonly NamedCondition[];
    };

export interface NamedCondition {
  readonly rule: RuleRef;
  /** What it wants, in words; equal for conditions that say the same, also when the rule's id is another one. */
  readonly says: string;
}

const denied: SpaceAnswer = { kind: 'deny' };

/** One caller at one callee of one policy. */
export interface Standing {
  /** Equal for callers that get the same answer to everything. */
  readonly signature: string;
  answer(action: Action): SpaceAnswer;
  /** Whether a rule is about this caller. */
  isNamed(rule: Pick<PolicyRule, 'effect' | 'from'>): boolean;
}

const nobody: Standing = { signature: '-', answer: () => denied, isNamed: () => false };

export function standingOf(policy: CompiledPolicy, callee: string, who: Who): Standing {
  const service = policy.services.get(callee);
  const caller = callerOf(policy, who);
  const principals = service && principalsAt(policy, service, caller, tokenOf(who.person));
  if (service === undefined || principals === undefined) return nobody;
  const told = conditionsFor({ policy, service, caller, principals, isWhole: isWhole(who) });
  return {
    signature: signatureOf(service, principals, told),
    answer: (action) => answerOf(service, principals, wantedOf(policy.texts, action), told),
    isNamed: ({ effect, from }) =>
      from.some((who) => principals[effect].includes(principalKey(who))),
  };
}

/** What the condition of a rule comes to for a caller, whatever the request. */
type Told = 'holds' | 'fails' | NamedCondition;

function answerOf(
  service: CompiledService,
  principals: Principals,
  wanted: Wanted,
  told: ReadonlyMap<string, Told>,
): SpaceAnswer {
  if (findRule(service.deny, principals, wanted) !== undefined) return denied;
  const unless = new Map<string, NamedCondition>();
  const any = new Map<string, NamedCondition>();
  let [isDenied, isAllowed] = [false, findRule(service.allow, principals, wanted) !== undefined];
  const { conditional } = service;
  if (conditional !== undefined) {
    eachRule(conditional.deny, principals, wanted, ({ ref }) => {
      const one = told.get(ref.id);
      if (one === 'holds') isDenied = true;
      else if (one !== undefined && one !== 'fails') unless.set(one.says, one);
    });
    eachRule(conditional.allow, principals, wanted, ({ ref }) => {
      const one = told.get(ref.id);
      if (one === 'holds') isAllowed = true;
      else if (one !== undefined && one !== 'fails') any.set(one.says, one);
    });
  }
  if (isDenied) return denied;
  if (isAllowed) return { kind: 'allow', unless: sorted(unless) };
  // What lets in only when it is refused lets nothing in.
  for (const says of unless.keys()) any.delete(says);
  return any.size === 0 ? denied : { kind: 'if', any: sorted(any), unless: sorted(unless) };
}

function sorted(found: ReadonlyMap<string, NamedCondition>): readonly NamedCondition[] {
  return [...found.values()].sort((a, b) => (a.says < b.says ? -1 : 1));
}

/** Equal for equal answers. */
export function answerKey(answer: SpaceAnswer): string {
  const says = (all: readonly NamedCondition[]) => all.map((one) => one.says);
  switch (answer.kind) {
    case 'deny':
      return 'deny';
    case 'allow':
      return JSON.stringify(['allow', says(answer.unless)]);
    case 'if':
      return JSON.stringify(['if', says(answer.any), says(answer.unless)]);
  }
}

export function conditionsOf(answer: SpaceAnswer): readonly NamedCondition[] {
  if (answer.kind === 'deny') return [];
  return answer.kind === 'allow' ? answer.unless : [...answer.any, ...answer.unless];
}

function callerOf(policy: CompiledPolicy, { caller }: Who) {
  const foreign = /^spiffe:\/\/([^/]+)\/(.*)$/.exec(caller);
  if (foreign === null) return { trustDomain: policy.trustDomain, name: caller };
  const [, trustDomain = '', name = ''] = foreign;
  return { trustDomain, name: name === '**' ? otherSegment : name };
}

function isWhole({ caller }: Who): boolean {
  return caller.endsWith('/**');
}

/** Of whom nothing is known but whose it is. */
function tokenOf(person: string | undefined): TokenStanding | typeof unknown {
  if (person === undefined) return unknown;
  const [name = '', issuerName = ''] = person.split('/').reverse();
  const token = {
    ...{ issuerName, issuer: '', subject: '', person: name, audiences: [], scopes: [] },
    ...{ claims: {}, expiresMs: 0 },
  };
  return { kind: 'valid', token };
}

interface Asked {
  readonly policy: CompiledPolicy;
  readonly service: CompiledService;
  readonly caller: ReturnType<typeof callerOf>;
  readonly principals: Principals;
  readonly isWhole: boolean;
}

/** By rule; what is in audit decides nothing and is left out. */
function conditionsFor(asked: Asked): ReadonlyMap<string, Told> {
  const { service, principals } = asked;
  const told = new Map<string, Told>();
  if (service.conditional === undefined) return told;
  const byId = new Map(service.policy.rules.map((rule) => [rule.id as string, rule]));
  for (const effect of ['deny', 'allow'] as const) {
    for (const rule of rulesNaming(service.conditional[effect], principals)) {
      if (rule.isAudit) continue;
      told.set(rule.ref.id, toldOf(rule, byId.get(rule.ref.id)?.conditions, asked));
    }
  }
  return told;
}

/** Decided as far as it can be without a request: by what the two services say of themselves. */
function toldOf(rule: ConditionalRule, conditions: Conditions | undefined, asked: Asked): Told {
  const reads = new Map<string, unknown>();
  const read = withoutRequest(asked, reads);
  const held = rule.test(nothingKnown, read);
  switch (held.kind) {
    case 'holds':
      return 'holds';
    case 'fails':
      return 'fails';
    case 'fault':
      return rule.ref.effect === 'deny' ? 'holds' : 'fails';
    case 'depends':
      return { rule: rule.ref, says: saysOf(conditions, reads) };
  }
}

function withoutRequest(asked: Asked, reads: Map<string, unknown>): CelRead {
  const read = conditionRead({ ...asked, action: { kind: 'connect' }, facts: nothingKnown });
  return (name) => {
    if (name.startsWith('request.')) return celUnknown(name);
    if (asked.isWhole && /^source\.(service|principal)$/.test(name)) return celUnknown(name);
    const value = read(name);
    if (/^(source|destination)\./.test(name) && name !== 'source.address') {
      reads.set(name, typeof value === 'symbol' ? undefined : value);
    }
    return value;
  };
}

function saysOf(conditions: Conditions | undefined, reads: ReadonlyMap<string, unknown>): string {
  const facts = [...reads].map(
    ([name, value]) => `${name} is ${JSON.stringify(value) ?? 'not set'}`,
  );
  const where = facts.length === 0 ? [] : [`where ${facts.sort().join(', ')}`];
  return [...conditionTexts(conditions), ...where].join(', ');
}

function signatureOf(
  service: CompiledService,
  principals: Principals,
  told: ReadonlyMap<string, Told>,
): string {
  const { allow, deny, conditional } = service;
  const known = (effect: 'allow' | 'deny'): readonly string[] => {
    const index = effect === 'allow' ? allow : deny;
    return principals[effect]
      .filter(
        (key) => index.principals.has(key) || conditional?.[effect].principals.has(key) === true,
      )
      .sort();
  };
  const conditions = [...told].map(([id, one]) => [id, typeof one === 'string' ? one : one.says]);
  return JSON.stringify([known('allow'), known('deny'), conditions.sort()]);
}
