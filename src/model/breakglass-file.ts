import { breakglassFields } from './fields.ts';
import { readDurationMs, readWord } from './scalars.ts';
import { parseSpiffeId } from './spiffe-id.ts';
import type { BreakglassRules, NamedOperator } from './types.ts';
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
/** As operators are named where they are authenticated; a user's number without zeros before it. */
const operatorName = /^(?:token [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|uid (?:0|[1-9]\d{0,9}))$/;
/** The greatest number is nobody's (`(uid_t) -1`). */
const uidMax = 2 ** 32 - 2;

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
  if (approvals === '2' && who?.length === 1) {
    file.report('CH1123', whoNode, 'no grant can be approved: it takes two operators', {
      severity: 'warning',
      help: 'name another one in `who`, or take `approvals: 2` out',
    });
  }
  return { approvals: approvals === '2' ? 2 : 1, forMsMax, ticket, who };
}

function readWho(file: YamlFile, node: YamlNode): readonly NamedOperator[] {
  const items = file.list(node, 'the operators who may grant', false) ?? [];
  const found = new Map<string, NamedOperator>();
  for (const item of items) {
    const name = file.text(item, 'the name of an operator');
    if (name === undefined) continue;
    if (!isOperatorName(name)) reportNoOperator(file, item, name);
    else if (!found.has(name)) found.set(name, { name, at: file.at(item) });
  }
  return [...found.values()];
}

function isOperatorName(name: string): boolean {
  const uid = /^uid (\d+)$/.exec(name)?.[1];
  if (uid !== undefined && Number(uid) > uidMax) return false;
  return operatorName.test(name) || parseSpiffeId(name).ok;
}

function reportNoOperator(file: YamlFile, node: YamlNode, name: string): void {
  // `Token oncall`, `token: oncall` and `uid:1000` are read as what they come near to.
  const spaced = name.toLowerCase().replace(/^(token|uid)[\s:/=]+/, '$1 ');
  const nearest = [spaced, `uid ${name}`, `token ${name}`].find(isOperatorName);
  file.report('CH1121', node, `"${name.slice(0, 100)}" is no operator`, {
    expected: '"token NAME", "uid N" or spiffe://TRUST-DOMAIN/NAME, as chancery log has them',
    ...(nearest === undefined ? {} : { nearest }),
  });
}
