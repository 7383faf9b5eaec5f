import { type CompiledPolicy, compilePolicy } from '../policy/compiled-policy.ts';
import type { Action } from '../policy/decision.ts';
import type { PolicyDocument, PolicyRule } from '../policy/document.ts';
import type { Flow, ServiceFlows } from '../policy/flow.ts';
import { pathSegments } from '../policy/path-index.ts';
import { requestOf } from '../policy/rule-parts.ts';
import { otherSegment, pathSpace, valuesIn } from './path-space.ts';
import { answerKey, type NamedCondition, type SpaceAnswer, standingOf } from './policy-answer.ts';
import { peopleOf } from './policy-space.ts';

/** What becomes of traffic that was seen. */
export type FlowEffect = 'newly denied' | 'newly allowed' | 'uncertain' | 'unchanged';

export interface FlowVerdict {
  readonly service: string;
  readonly caller: string;
  readonly flow: Flow;
  readonly effect: FlowEffect;
  /** What it hangs on, where that is not known of it. */
  readonly on: readonly string[];
}

interface Sides {
  readonly before: CompiledPolicy;
  readonly after: CompiledPolicy;
}

/** Every flow under both policies, in the order in which they come. */
export function flowDiff(
  before: PolicyDocument,
  after: PolicyDocument,
  services: readonly ServiceFlows[],
): readonly FlowVerdict[] {
  const sides = { before: compilePolicy(before), after: compilePolicy(after) };
  return services.flatMap(({ service, flows }) =>
    flows.map((flow): FlowVerdict => {
      const caller = callerName(flow.caller, sides.before.trustDomain);
      const found = verdictsOf(sides, service, caller, flow);
      const [first, ...others] = found;
      const isOne = others.every(({ effect }) => effect === first?.effect);
      const effect = isOne ? (first?.effect ?? 'unchanged') : 'uncertain';
      const on = [...new Set(found.flatMap((one) => one.on))].sort();
      return { service, caller, flow, effect, on: effect === 'uncertain' ? on : [] };
    }),
  );
}

/** A service of this mesh by its name, anybody else by the whole identity. */
export function callerName(spiffeId: string, trustDomain: string): string {
  const prefix = `spiffe://${trustDomain}/`;
  return spiffeId.startsWith(prefix) ? spiffeId.slice(prefix.length) : spiffeId;
}

type Verdict = Pick<FlowVerdict, 'effect' | 'on'>;

/** More than one where it hangs on the path or on whose token it had. */
function verdictsOf(sides: Sides, service: string, caller: string, flow: Flow): Verdict[] {
  const rules = [sides.before, sides.after].flatMap(
    ({ services }) => services.get(service)?.policy.rules ?? [],
  );
  const people = [undefined, ...peopleOf(sides, rules)];
  const worlds = people.flatMap((person) => {
    const before = standingOf(sides.before, service, { caller, person });
    const after = standingOf(sides.after, service, { caller, person });
    return actionsOf(flow, rules).map((action) => {
      return { person, before: before.answer(action), after: after.answer(action) };
    });
  });
  // What was seen tells which of them it can have been, unless the rules were others then.
  const seen = worlds.filter(({ before }) => (settledOf(before) ?? flow.verdict) === flow.verdict);
  return (seen.length === 0 ? worlds : seen).map(({ person, before, after }): Verdict => {
    const verdict = verdictOf(before, after, flow);
    const whose = person === undefined ? [] : [`a token of ${person}`];
    return { effect: verdict.effect, on: [...verdict.on, ...whose] };
  });
}

/**
 * Requests of which each stands for some of the flow: what is `*` in its path was some id, so that a rule that names an id may
 * or may not be about it.
 */
function actionsOf({ method, path }: Flow, rules: readonly PolicyRule[]): readonly Action[] {
  if (method === 'connect') return [{ kind: 'connect' }];
  const own = pathSegments(path);
  if (!own.includes('*') && own.at(-1) !== '**') return [{ kind: 'http', method, path }];
  const patterns = rules.flatMap(({ to }) =>
    to.flatMap((operation) =>
      operation.kind === 'connect' ? [] : [requestOf(operation).segments],
    ),
  );
  const space = pathSpace([...patterns, own], (one) => (fits(own, one) ? one : 'elsewhere'));
  const found = [...(space === undefined ? [] : valuesIn(space))];
  return found.flatMap((one) => (one === 'elsewhere' ? [] : [{ kind: 'http', method, path: one }]));
}

/** A final slash is of another template, unless the template leaves the rest open. */
function fits(template: readonly string[], path: string): boolean {
  const segments = pathSegments(path);
  const isOpen = template.at(-1) === '**';
  const fixed = isOpen ? template.slice(0, -1) : template;
  if (isOpen ? segments.length < fixed.length : segments.length !== fixed.length) return false;
  return fixed.every((segment, at) => {
    const found = segments[at] ?? '';
    return segment === '*' ? found === otherSegment || isId(found) : segment === found;
  });
}

/** What a template has `*` for. */
function isId(segment: string): boolean {
  return /\d/.test(segment);
}

function verdictOf(before: SpaceAnswer, after: SpaceAnswer, { verdict, rule }: Flow): Verdict {
  const unchanged: Verdict = { effect: 'unchanged', on: [] };
  if (answerKey(before) === answerKey(after)) return unchanged;
  const wasAllowed = (settledOf(before) ?? verdict) === 'allow';
  const settled = settledOf(after);
  // It never came in, whatever it would do now: by older rules, or for another reason than rules.
  if (settled === 'deny' && verdict === 'deny') return unchanged;
  if (settled !== undefined) {
    if ((settled === 'allow') === wasAllowed) return unchanged;
    return { effect: wasAllowed ? 'newly denied' : 'newly allowed', on: [] };
  }
  if (wasAllowed && isStillAllowed(before, after, rule)) return unchanged;
  if (!wasAllowed && isStillDenied(before, after)) return unchanged;
  const own = new Set(conditionsOf(before).map(({ says }) => says));
  const fresh = conditionsOf(after).filter(({ says }) => !own.has(says));
  const open = fresh.length === 0 ? conditionsOf(after) : fresh;
  return { effect: 'uncertain', on: open.map(({ says }) => says) };
}

function settledOf(answer: SpaceAnswer): 'allow' | 'deny' | undefined {
  if (answer.kind === 'deny') return 'deny';
  return answer.kind === 'allow' && answer.unless.length === 0 ? 'allow' : undefined;
}

function conditionsOf(answer: SpaceAnswer): readonly NamedCondition[] {
  if (answer.kind === 'deny') return [];
  return answer.kind === 'allow' ? answer.unless : [...answer.any, ...answer.unless];
}

/** It was let in: what would keep it out now kept it out before, and what let it in still does. */
function isStillAllowed(
  before: SpaceAnswer,
  after: SpaceAnswer,
  rule: string | undefined,
): boolean {
  if (before.kind === 'deny' || after.kind === 'deny') return false;
  const kept = new Set(before.unless.map(({ says }) => says));
  if (!after.unless.every(({ says }) => kept.has(says))) return false;
  if (after.kind === 'allow') return true;
  if (before.kind === 'allow') return false;
  const ways = new Set(after.any.map(({ says }) => says));
  const by = before.any.filter((one) => one.rule.id === rule);
  const needed = by.length === 0 ? before.any : by;
  return needed.every(({ says }) => ways.has(says));
}

/** It was kept out: what kept it out still does, and nothing new lets it in. */
function isStillDenied(before: SpaceAnswer, after: SpaceAnswer): boolean {
  if (before.kind === 'deny') return false;
  if (after.kind === 'deny') return true;
  const kept = new Set(after.unless.map(({ says }) => says));
  if (!before.unless.every(({ says }) => kept.has(says))) return false;
  if (before.kind === 'allow') return true;
  if (after.kind === 'allow') return false;
  const ways = new Set(before.any.map(({ says }) => says));
  return after.any.every(({ says }) => ways.has(says));
}
