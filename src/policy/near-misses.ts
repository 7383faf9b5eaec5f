import type { Operation } from '../model/types.ts';
import { requestOf, ruleRef } from './compiled-policy.ts';
import { type Action, clip, type NearMiss } from './decision.ts';
import type { PolicyPrincipal, PolicyRule } from './document.ts';
import { failedCondition } from './failed-condition.ts';
import { matchesSegments } from './path-index.ts';
import type { Question } from './question.ts';

/** Two are read at a glance. */
export const nearMissesMax = 2;
/** A deny may be asked for by anyone, so its cost is bounded; the rules that name the caller are looked at first. */
const rulesLookedAtMax = 128;
const namesShownMax = 5;

/** How much each clause counts. A rule for the same path by another method is nearer than the other way about. */
const weights = { from: 2, path: 2, method: 1 } as const;

interface Asked extends Question {
  /** What the caller is called. */
  readonly name: string;
}

interface Candidate {
  readonly rule: PolicyRule;
  readonly named: boolean;
  /** The alternative of the rule that comes nearest. */
  readonly operation: Operation;
  readonly score: number;
}

/** The allow rules of which most holds, each with its first clause that does not. */
export function nearMisses(asked: Asked): readonly NearMiss[] {
  const segments = asked.action.kind === 'http' ? asked.action.path.split('/').slice(1) : [];
  const best: Candidate[] = [];
  for (const [rule, named] of rulesToLookAt(asked)) {
    const candidate = nearestOperation({ rule, named, action: asked.action, segments });
    if (candidate === undefined) continue;
    const place = best.findIndex((other) => isNearer(candidate, other));
    best.splice(place === -1 ? best.length : place, 0, candidate);
    best.length = Math.min(best.length, nearMissesMax);
  }
  return best.map((candidate) => ({
    rule: ruleRef(asked.service.policy, candidate.rule),
    ...failedClause(candidate, asked, segments),
  }));
}

function isNearer(a: Candidate, b: Candidate): boolean {
  return a.score > b.score || (a.score === b.score && a.rule.id < b.rule.id);
}

/** With whether the rule names the caller. */
function rulesToLookAt({ service, principals }: Asked): Map<PolicyRule, boolean> {
  const found = new Map<PolicyRule, boolean>();
  const take = (rules: readonly PolicyRule[] | undefined, named: boolean) => {
    for (const rule of rules ?? []) {
      if (found.size >= rulesLookedAtMax) return;
      if (!found.has(rule)) found.set(rule, named);
    }
  };
  for (const principal of principals.allow) take(service.allowRules.get(principal), true);
  take(service.allAllowRules, false);
  return found;
}

function nearestOperation(given: {
  readonly rule: PolicyRule;
  readonly named: boolean;
  readonly action: Action;
  readonly segments: readonly string[];
}): Candidate | undefined {
  const { rule, named, action, segments } = given;
  let best: Candidate | undefined;
  for (const operation of rule.to) {
    const score = (named ? weights.from : 0) + operationScore(operation, action, segments);
    if (best === undefined || score > best.score) best = { rule, named, operation, score };
  }
  return best;
}

function operationScore(operation: Operation, action: Action, segments: readonly string[]): number {
  if (operation.kind === 'connect' || action.kind === 'connect') {
    return operation.kind === action.kind ? weights.method + weights.path : 0;
  }
  const wanted = requestOf(operation);
  return (
    (wanted.method === '*' || wanted.method === action.method ? weights.method : 0) +
    (matchesSegments(wanted.segments, segments)
      ? weights.path
      : sharedPart(wanted.segments, segments))
  );
}

/** The share of the pattern's first segments that the path has too, below one. */
function sharedPart(pattern: readonly string[], path: readonly string[]): number {
  let shared = 0;
  while (shared < pattern.length && (pattern[shared] === '*' || pattern[shared] === path[shared])) {
    shared += 1;
  }
  return shared / (pattern.length + 1);
}

function failedClause(
  { rule, named, operation }: Candidate,
  asked: Asked,
  segments: readonly string[],
): Omit<NearMiss, 'rule'> {
  const { action, name } = asked;
  if (!named) return { clause: 'from', wanted: fromText(rule.from), got: name };
  if (operation.kind === 'connect' || action.kind === 'connect') {
    return { clause: 'protocol', wanted: kindText(operation.kind), got: kindText(action.kind) };
  }
  const wanted = requestOf(operation);
  if (wanted.method !== '*' && wanted.method !== action.method) {
    return { clause: 'method', wanted: wanted.method, got: action.method };
  }
  if (matchesSegments(wanted.segments, segments) && rule.conditions !== undefined) {
    return failedCondition(rule.conditions, asked);
  }
  const path = operation.kind === 'http' ? operation.path.text : `/${wanted.segments.join('/')}`;
  return { clause: 'path', wanted: path, got: clip(`/${segments.join('/')}`) };
}

function kindText(kind: 'http' | 'grpc' | 'connect'): string {
  return kind === 'connect' ? 'a TCP connection' : 'a request';
}

function fromText(from: readonly PolicyPrincipal[]): string {
  const more = from.length - namesShownMax;
  const shown = from.slice(0, namesShownMax).map(principalText).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function principalText(principal: PolicyPrincipal): string {
  switch (principal.kind) {
    case 'any':
      return '*';
    case 'service':
      return principal.service;
    case 'role':
      return `role:${principal.role}`;
    case 'guest':
      return principal.guest;
  }
}
