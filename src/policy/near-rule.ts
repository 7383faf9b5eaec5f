import type { Conditions } from '../model/condition-types.ts';
import type { Operation } from '../model/types.ts';
import type { RuleRef } from './decision.ts';
import type { PolicyPrincipal, PolicyRule, ServicePolicy } from './document.ts';
import { ruleRef } from './rule-parts.ts';

const namesShownMax = 5;

/** What is told of a rule that is near. */
export interface NearRule {
  readonly ref: RuleRef;
  readonly from: string;
  readonly operations: readonly NearOperation[];
  readonly conditions: Conditions | undefined;
}

export interface NearOperation {
  /** Undefined: to connect. */
  readonly method: string | undefined;
  readonly path: string;
}

export function nearRule(policy: ServicePolicy, rule: PolicyRule): NearRule {
  const { from, to, conditions } = rule;
  const operations = to.map(nearOperation);
  return { ref: ruleRef(policy, rule), from: fromText(from), operations, conditions };
}

function nearOperation(operation: Operation): NearOperation {
  switch (operation.kind) {
    case 'connect':
      return { method: undefined, path: '' };
    case 'http':
      return { method: operation.method, path: operation.path.text };
    case 'grpc':
      return { method: 'POST', path: `/${operation.service}/${operation.method}` };
  }
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
