import { breakglassFields } from './fields.ts';
import { readDurationMs, readWord } from './scalars.ts';
import { parseSpiffeId } from './spiffe-id.ts';
import type { BreakglassRules } from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

const hourMs = 3_600_000;

const breakglassUnlessSaid: BreakglassRules = {
  approvals: 1,
  forMsMax: 4 * hourMs,
  ticket: 'optional',
  who: undefined,
};

/** What is needed for longer than a day belongs in a commit. */
const forMsLimit = 24 * hourMs;
/** As operators are named where they are authenticated. */
const operatorName = /^(?:token [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|uid \d{1,10})$/;

/** `breakglass` of mesh.yaml. */
export function readBreakglass(file: YamlFile, node: YamlNode): BreakglassRules {
  const fields =
    node === undefined ? undefined : file.fields(node, breakglassFields, '`breakglass`');
  if (fields === undefined) return breakglassUnlessSaid;
  const approvals = readWord(file, fields.get('approvals'), ['1', '2']);
  const maxNode = fields.get('max');
  const forMsMax = readDurationMs(file, maxNode) ?? breakglassUnlessSaid.forMsMax;
  if (forMsMax > forMsLimit) {
    file.report('CH1121', maxNode, 'a break-glass grant cannot last that long', {
      expected: 'at most 24h',
      help: 'what is needed for longer is a rule of a commit',
    });
  }
  const ticket = readWord(file, fields.get('ticket'), ['required', 'optional']) ?? 'optional';
  const whoNode = fields.get('who');
  const who = whoNode === undefined ? undefined : readWho(file, whoNode);
  return { approvals: approvals === '2' ? 2 : 1, forMsMax, ticket, who };
}

function readWho(file: YamlFile, node: YamlNode): readonly string[] {
  const items = file.list(node, 'the operators who may grant', false) ?? [];
  return items.flatMap((item) => {
    const text = file.text(item, 'the name of an operator');
    if (text === undefined) return [];
    if (operatorName.test(text) || parseSpiffeId(text).ok) return [text];
    file.report('CH1121', item, `"${text}" is no operator`, {
      expected: '"token NAME", "uid N" or spiffe://TRUST-DOMAIN/NAME, as chancery log has them',
    });
    return [];
  });
}
