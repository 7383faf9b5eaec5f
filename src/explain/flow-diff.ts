import { type CompiledPolicy, compilePolicy } from '../policy/compiled-policy.ts';
import type { Action } from '../policy/decision.ts';
import type { PolicyDocument, PolicyRule } from '../policy/document.ts';
import type { Flow, ServiceFlows } from '../policy/flow.ts';
import { otherReadings } from '../policy/other-readings.ts';
import { pathSegments } from '../policy/path-index.ts';
import { requestOf } from '../policy/rule-parts.ts';
import { changedTokens, type Pair, type World } from './flow-tokens.ts';
import { otherSegment, pathSpace, valuesIn } from './path-space.ts';
import { answerKey, conditionsOf, type SpaceAnswer, standingOf } from './policy-answer.ts';
import { peopleOf, sameFor } from './policy-space.ts';

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
  const isSame = sameFor(before, after, sides);
  const tokens = changedTokens(before, after);
  return services.flatMap(({ service, flows }) =>
    flows.map((flow): FlowVerdict => {
      const caller = callerName(flow.caller, sides.before.trustDomain);
      const worlds = worldsOf(sides, service, caller, flow);
      const found = verdictsOf(worlds, flow);
      const byTokens = tokens(service, worlds);
      const [first, ...others] = found;
      const isOne = others.every(({ effect }) => effect === first?.effect);
      const effect = isOne ? (first?.effect ?? 'unchanged') : 'uncertain';
      // Its own reading must be allowed as well; what the others are nobody knows.
      if (flow.isOverridden && effect !== 'newly denied') {
        const isUnchanged = isSame(service) && byTokens.length === 0;
        return {
          ...{ service, caller, flow, effect: isUnchanged ? 'unchanged' : 'uncertain' },
          on: isUnchanged ? [] : ['a header or a query that asks for another method or path'],
        };
      }
      if (byTokens.length > 0 && effect !== 'newly denied') {
        return { service, caller, flow, effect: 'uncertain', on: byTokens };
      }
      const on = [...new Set(found.flatMap((one) => one.on))].sort();
      return { service, caller, flow, effect, on: effect === 'uncertain' ? on : [] };
    }),
  );
}

/** Whether a policy lets in some of a flow by who sends what: what came in by rules that are gone may not any more. */
export function mayComeIn(document: PolicyDocument, service: string): (flow: Flow) => boolean {
  const policy = compilePolicy(document);
  const rules = policy.services.get(service)?.policy.rules ?? [];
  return (flow) => {
    const caller = callerName(flow.caller, policy.trustDomain);
    const standing = standingOf(policy, service, { caller, person: undefined });
    return actionsOf(flow, rules).some((action) => standing.answer(action).kind === 'allow');
  };
}

/** A service of this mesh by its name, anybody else by the whole identity. */
export function callerName(spiffeId: string, trustDomain: string): string {
  const prefix = `spiffe://${trustDomain}/`;
  return spiffeId.startsWith(prefix) ? spiffeId.slice(prefix.length) : spiffeId;
}

type Verdict = Pick<FlowVerdict, 'effect' | 'on'>;

/** More than one where it hangs on the path or on whose token it had. */
function worldsOf(sides: Sides, service: string, caller: string, flow: Flow): readonly World[] {
  const rules = [sides.before, sides.after].flatMap(
    ({ services }) => services.get(service)?.policy.rules ?? [],
  );
  const people = [undefined, ...peopleOf(sides, rules)];
  const actions = actionsOf(flow, rules);
  return people.flatMap((person) => {
    const before = standingOf(sides.before, service, { caller, person });
    const after = standingOf(sides.after, service, { caller, person });
    return actions.map((action): World => {
      const readings = readingsOf(action);
      const pairs = readings.map((one) => ({
        before: before.answer(one),
        after: after.answer(one),
      }));
      return { person, action, pairs };
    });
  });
}

function verdictsOf(worlds: readonly World[], flow: Flow): Verdict[] {
  // What was seen tells which of them it can have been, unless the rules were others then.
  const seen = worlds.filter(
    ({ pairs }) =>
      (settledInAll(pairs.map(({ before }) => before)) ?? flow.verdict) === flow.verdict,
  );
  return (seen.length === 0 ? worlds : seen).map(({ person, pairs }): Verdict => {
    const verdict = verdictOf(pairs, flow);
    const whose = person === undefined ? [] : [`a token of ${person}`];
    return { effect: verdict.effect, on: [...verdict.on, ...whose] };
  });
}

/** As `decideRequest` has it, but for headers, of which a flow tells only that there were some. */
function readingsOf(action: Action): readonly Action[] {
  if (action.kind === 'connect') return [action];
  const others = otherReadings(action.method, action.path, []);
  if (!others.ok) return [action];
  return [
    action,
    ...others.value.map(({ method, path }): Action => ({ kind: 'http', method, path })),
  ];
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

/** `pairs`: of each reading, that of the request line first. */
function verdictOf(pairs: readonly Pair[], { verdict, rule }: Flow): Verdict {
  const unchanged: Verdict = { effect: 'unchanged', on: [] };
  if (pairs.every(isSameAnswer)) return unchanged;
  const before = settledInAll(pairs.map((one) => one.before));
  const settled = settledInAll(pairs.map((one) => one.after));
  const wasAllowed = (before ?? verdict) === 'allow';
  // It never came in, whatever it would do now: by older rules, or for another reason than rules.
  if (settled === 'deny' && verdict === 'deny') return unchanged;
  if (settled !== undefined) {
    if ((settled === 'allow') === wasAllowed) return unchanged;
    return { effect: wasAllowed ? 'newly denied' : 'newly allowed', on: [] };
  }
  const stays = wasAllowed
    ? pairs.every(
        (one, at) => isSameAnswer(one) || isStillAllowed(one, at === 0 ? rule : undefined),
      )
    : // Which of them kept it out is not known.
      pairs.every(
        (one) => settledOf(one.before) === 'allow' || isSameAnswer(one) || isStillDenied(one),
      );
  if (stays) return unchanged;
  const own = new Set(pairs.flatMap((one) => conditionsOf(one.before)).map(({ says }) => says));
  const all = pairs.flatMap((one) => conditionsOf(one.after));
  const fresh = all.filter(({ says }) => !own.has(says));
  const open = fresh.length === 0 ? all : fresh;
  return { effect: 'uncertain', on: open.map(({ says }) => says) };
}

function isSameAnswer({ before, after }: Pair): boolean {
  return answerKey(before) === answerKey(after);
}

/** A request is allowed when it is in each of its readings. */
function settledInAll(answers: readonly SpaceAnswer[]): 'allow' | 'deny' | undefined {
  const all = answers.map(settledOf);
  if (all.includes('deny')) return 'deny';
  return all.includes(undefined) ? undefined : 'allow';
}

function settledOf(answer: SpaceAnswer): 'allow' | 'deny' | undefined {
  if (answer.kind === 'deny') return 'deny';
  return answer.kind === 'allow' && answer.unless.length === 0 ? 'allow' : undefined;
}

/** It was let in: what would keep it out now kept it out before, and what let it in still does. */
function isStillAllowed({ before, after }: Pair, rule: string | undefined): boolean {
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
function isStillDenied({ before, after }: Pair): boolean {
  if (before.kind === 'deny') return false;
  if (after.kind === 'deny') return true;
  const kept = new Set(after.unless.map(({ says }) => says));
  if (!before.unless.every(({ says }) => kept.has(says))) return false;
  if (before.kind === 'allow') return true;
  if (after.kind === 'allow') return false;
  const ways = new Set(before.any.map(({ says }) => says));
  return after.any.every(({ says }) => ways.has(says));
}
