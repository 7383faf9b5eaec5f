import type { Conditions, TokenMatch } from '../model/condition-types.ts';
import {
  conditionsText,
  headerText,
  hostText,
  lackingTokenText,
  tokenText,
} from './condition-text.ts';
import { compileConditions, missingOf } from './conditions.ts';
import { type ConditionClause, clip, type NearMiss } from './decision.ts';
import { type RequestFacts, unknown } from './facts.ts';
import { conditionRead, type Question } from './question.ts';

type Clause = Omit<NearMiss, 'rule'>;

/** Of an allow rule that does not hold though who and what do: the part that keeps it from that, in words. */
export function failedCondition(conditions: Conditions, asked: Question): Clause {
  const held = compileConditions(conditions, 'allow')(asked.facts, conditionRead(asked));
  switch (held.kind) {
    case 'fails':
      return clauseText(held.clause, conditions, asked.facts);
    case 'fault':
      return { ...clauseText(held.clause, conditions, asked.facts), got: held.message };
    case 'depends':
      return {
        clause: 'when',
        wanted: clip(conditionsText(conditions)),
        got: `not known: ${held.on.join(', ')}`,
      };
    // Such a rule would have allowed it.
    case 'holds':
      return { clause: 'when', wanted: clip(conditionsText(conditions)), got: 'all of it' };
  }
}

function clauseText(clause: ConditionClause, conditions: Conditions, facts: RequestFacts): Clause {
  const { hosts, headers, token, when } = conditions;
  switch (clause) {
    case 'host':
      return { clause, wanted: hostText(hosts), got: shown(facts.host) };
    case 'header':
      return { clause, ...failedHeader(headers, facts) };
    case 'token':
      return {
        clause,
        wanted: token === undefined ? 'a token' : tokenText(token),
        got: tokenGot(facts, token),
      };
    case 'when':
      return { clause, wanted: clip(when?.text ?? ''), got: 'it does not hold' };
  }
}

function failedHeader(
  headers: Conditions['headers'],
  facts: RequestFacts,
): Pick<Clause, 'wanted' | 'got'> {
  const lines = facts.headers === unknown ? [] : facts.headers;
  const valuesOf = (name: string) =>
    lines.flatMap(([other, value]) => (other === name ? [value] : []));
  const failed = headers.find(({ name, value }) => {
    const values = valuesOf(name);
    return values.length !== 1 || (value.kind === 'exact' && values[0] !== value.text);
  });
  const count = failed === undefined ? 0 : valuesOf(failed.name).length;
  // Values may be secrets; that there is another one is all that is told.
  const got = count === 0 ? 'no such header' : count > 1 ? `${count} values` : 'another value';
  return { wanted: failed === undefined ? 'a header' : headerText(failed), got };
}

function tokenGot({ token }: RequestFacts, match: TokenMatch | undefined): string {
  if (token === unknown) return 'not known';
  if (token.kind === 'none') return 'no token';
  if (token.kind === 'invalid') return token.reason;
  const missing = match && missingOf(token.token, match);
  return missing === undefined ? 'a token' : lackingTokenText(missing);
}

function shown(host: RequestFacts['host']): string {
  return host === unknown ? 'not known' : clip(host);
}
