import type { Conditions, TokenMatch } from '../model/condition-types.ts';
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
        wanted: wantedText(conditions),
        got: `not known: ${held.on.join(', ')}`,
      };
    // Such a rule would have allowed it.
    case 'holds':
      return { clause: 'when', wanted: wantedText(conditions), got: 'all of it' };
  }
}

function clauseText(clause: ConditionClause, conditions: Conditions, facts: RequestFacts): Clause {
  const { hosts, headers, token, when } = conditions;
  switch (clause) {
    case 'host':
      return { clause, wanted: `the host ${hosts.join(' or ')}`, got: shown(facts.host) };
    case 'header':
      return headerText(headers, facts);
    case 'token':
      return { clause, wanted: tokenText(token), got: tokenGot(facts, token) };
    case 'when':
      return { clause, wanted: clip(when?.text ?? ''), got: 'it does not hold' };
  }
}

function headerText(headers: Conditions['headers'], facts: RequestFacts): Clause {
  const lines = facts.headers === unknown ? [] : facts.headers;
  const valuesOf = (name: string) =>
    lines.flatMap(([other, value]) => (other === name ? [value] : []));
  const failed = headers.find(({ name, value }) => {
    const values = valuesOf(name);
    return values.length !== 1 || (value.kind === 'exact' && values[0] !== value.text);
  });
  const name = failed?.name ?? '';
  const wanted = failed?.value.kind === 'exact' ? `${name}: ${failed.value.text}` : name;
  const count = valuesOf(name).length;
  // Values may be secrets; that there is another one is all that is told.
  const got = count === 0 ? 'no such header' : count > 1 ? `${count} values` : 'another value';
  return { clause: 'header', wanted: `the header ${wanted}`, got };
}

function tokenText(token: TokenMatch | undefined): string {
  const parts = [
    ...(token?.issuers.length ? [`of ${token.issuers.join(' or ')}`] : []),
    ...(token?.audiences.length ? [`for ${token.audiences.join(' or ')}`] : []),
    ...(token?.scopes.length ? [`with the scopes ${token.scopes.join(', ')}`] : []),
    ...(token?.claims ?? []).map(({ name, values }) => `with ${name} ${values.join(' or ')}`),
  ];
  return ['a token', ...parts].join(' ');
}

function tokenGot({ token }: RequestFacts, match: TokenMatch | undefined): string {
  if (token === unknown) return 'not known';
  if (token.kind === 'none') return 'no token';
  if (token.kind === 'invalid') return token.reason;
  const missing = match && missingOf(token.token, match);
  return missing === undefined ? 'a token' : `a token without ${missing}`;
}

function wantedText({ when }: Conditions): string {
  return when === undefined ? 'its conditions' : clip(when.text);
}

function shown(host: RequestFacts['host']): string {
  return host === unknown ? 'not known' : clip(host);
}
