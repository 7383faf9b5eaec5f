import type { Position } from '../base/finding.ts';
import type { RuleId } from './types.ts';

/** No rule of a file may have an id that begins so. */
export const grantRulePrefix = 'breakglass-';
const placePrefix = 'breakglass:';

export function grantRuleId(id: string): RuleId {
  return `${grantRulePrefix}${id}` as RuleId;
}

/** Where the rule of a grant stands: in no file. Readers of policies take lines from 1 on. */
export function grantPlace(id: string): Position {
  return { file: `${placePrefix}${id}`, line: 1, column: 1, length: 1 };
}

/** The break-glass grant that a rule is of; undefined: it is of a file. */
export function grantAt({ file }: Pick<Position, 'file'>): string | undefined {
  return file.startsWith(placePrefix) ? file.slice(placePrefix.length) : undefined;
}
