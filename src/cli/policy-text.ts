import { placeText } from '../base/place-text.ts';
import type { IssuerChange } from '../explain/issuer-changes.ts';
import type { Region } from '../explain/path-space.ts';
import type { NamedCondition, SpaceAnswer, Who } from '../explain/policy-answer.ts';
import type { SpaceCell } from '../explain/policy-space.ts';

export function agoText(agoMs: number): string {
  const seconds = Math.max(0, Math.round(agoMs / 1_000));
  if (seconds < 120) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} days ago`;
}

/** `{orders, reports} x GET x /v1/** minus /v1/charges/**`. */
export function cellText({ who, people, what }: SpaceCell): string {
  const callers = `{${whoTexts(who, people).join(', ')}}`;
  if (what.kind === 'connect') return `${callers} x connect`;
  const { methods, exceptMethods, paths: regions } = what;
  const except = exceptMethods.length === 0 ? '' : ` but ${exceptMethods.join(', ')}`;
  const named = methods[0] === '*' ? `any method${except}` : methods.join(', ');
  return `${callers} x ${named} x ${regions.map(regionText).join(', ')}`;
}

/** A caller whose token makes no difference is named alone. */
function whoTexts(who: readonly Who[], people: readonly string[]): readonly string[] {
  const byCaller = Map.groupBy(who, ({ caller }) => caller);
  return [...byCaller].flatMap(([caller, all]) => {
    if (all.length === people.length + 1) return [caller];
    return all.map(({ person }) =>
      person === undefined
        ? `${caller} without a token of ${people.join(' or ')}`
        : `${caller} with a token of ${person}`,
    );
  });
}

function regionText({ path, except }: Region): string {
  if (except.length === 0) return path;
  const taken = except.map((one) => (one.except.length === 0 ? one.path : `(${regionText(one)})`));
  return `${path} minus ${taken.join(' and ')}`;
}

export function answerText(answer: SpaceAnswer): string {
  switch (answer.kind) {
    case 'deny':
      return 'denied';
    case 'allow':
      return `allowed${unlessText(answer.unless)}`;
    case 'if':
      return `allowed if ${answer.any.map(conditionText).join(', or if ')}${unlessText(answer.unless)}`;
  }
}

/** `issuer login (for cart, payments): audiences shop -> shop, admin; person email -> name`. */
export function issuerText({ name, callees, parts }: IssuerChange): string {
  const changes = parts.map(
    ({ what, before, after }) => `${what} ${before ?? 'none'} -> ${after ?? 'none'}`,
  );
  return `issuer ${name} (for ${callees.join(', ')}): ${changes.join('; ')}`;
}

function unlessText(unless: readonly NamedCondition[]): string {
  return unless.length === 0 ? '' : ` unless ${unless.map(conditionText).join(', or ')}`;
}

function conditionText({ rule, says }: NamedCondition): string {
  return `${rule.id} (${placeText(rule.at)}) holds: ${says}`;
}
