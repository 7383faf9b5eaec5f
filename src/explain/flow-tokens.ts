import type { Action } from '../policy/decision.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { issuerChanges, tokenReader } from './issuer-changes.ts';
import { answerKey, conditionsOf, type SpaceAnswer } from './policy-answer.ts';

/** What both sides say to one reading of a request. */
export interface Pair {
  readonly before: SpaceAnswer;
  readonly after: SpaceAnswer;
}

/** What a flow may have been: one of its requests, with the token of somebody or of nobody that counts. */
export interface World {
  readonly person: string | undefined;
  readonly action: Action;
  /** Of each reading, that of the request line first. */
  readonly pairs: readonly Pair[];
}

/**
 * Of a flow that hangs on tokens, whose are believed otherwise now. No log says who was behind it: it hangs on that where
 * it gets another answer with the token of somebody.
 */
export function changedTokens(
  before: PolicyDocument,
  after: PolicyDocument,
): (callee: string, worlds: readonly World[]) => readonly string[] {
  const changes = issuerChanges(before, after);
  return (callee, worlds) => {
    const touched = changes.filter(({ callees }) => callees.includes(callee));
    if (touched.length === 0) return [];
    const isByPerson = hangsOnPerson(worlds);
    const conditions = worlds.flatMap(({ pairs }) =>
      pairs.flatMap((one) => [...conditionsOf(one.before), ...conditionsOf(one.after)]),
    );
    const rules = new Set<string>(conditions.map(({ rule }) => rule.id));
    return touched.flatMap(({ name }) => {
      const isRead = isByPerson || [before, after].some((one) => reads(one, callee, name, rules));
      return isRead ? [`a token of ${name}, whose tokens are believed otherwise`] : [];
    });
  };
}

function hangsOnPerson(worlds: readonly World[]): boolean {
  const byAction = Map.groupBy(worlds, ({ action }) => JSON.stringify(action));
  return [...byAction.values()].some((alike) => new Set(alike.map(pairsKey)).size > 1);
}

function pairsKey({ pairs }: World): string {
  return pairs.map(({ before, after }) => `${answerKey(before)} ${answerKey(after)}`).join(' ');
}

function reads(
  document: PolicyDocument,
  callee: string,
  issuer: string,
  rules: ReadonlySet<string>,
): boolean {
  const isReader = tokenReader(document, issuer);
  const all = document.services.find(({ name }) => name === callee)?.rules ?? [];
  return all.some((rule) => rules.has(rule.id) && isReader(rule));
}
