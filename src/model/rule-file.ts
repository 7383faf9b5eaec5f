import { hash } from 'node:crypto';
import type { Position } from '../base/finding.ts';
import { type ConditionsDraft, readConditions, readTarget } from './condition-file.ts';
import { grantRulePrefix } from './grant-place.ts';
import { everything, operationText, parseOperation } from './operation.ts';
import { ruleFields } from './rule-fields.ts';
import { readLabel, readWord } from './scalars.ts';
import type { Operation, Protocol, RuleId } from './types.ts';
import type { Fields, YamlFile, YamlNode } from './yaml-file.ts';

/** A rule as its file says it; names are looked up when the whole tree is known. */
export interface RuleDraft {
  readonly id: RuleId;
  /** Whether the file gives the id. */
  readonly named: boolean;
  /** Nothing in it is wrong by itself: it is the rule that was meant. */
  readonly isWhole: boolean;
  /** Something in it is an error that is not about what is written as it stands; and whether that is in `from` or `to`. */
  readonly isMisread: boolean;
  readonly isFromMisread: boolean;
  readonly isToMisread: boolean;
  readonly at: Position;
  readonly effect: 'allow' | 'deny';
  readonly from: readonly { readonly text: string; readonly at: Position }[];
  readonly to: readonly Operation[];
  readonly conditions: ConditionsDraft | undefined;
  readonly mode: 'enforce' | 'audit';
  readonly description: string | undefined;
}

export function readRules(
  file: YamlFile,
  service: Fields,
  effect: 'allow' | 'deny',
  protocol: Protocol,
): readonly RuleDraft[] {
  const node = service.get(effect);
  if (node === undefined) return [];
  const read = (): readonly RuleDraft[] => {
    const items = file.list(node, `each item of \`${effect}\` is a rule`, false) ?? [];
    return items.flatMap((item) => readRule(file, item, effect, protocol) ?? []);
  };
  return file.part(misreadRule[effect], read, (rules) =>
    effect === 'allow' ? rules : [...rules, misreadDenial(file, node)],
  );
}

/** What a rule comes to of which something is not understood: each field of a rule narrows it. */
export const misreadRule = {
  allow: 'the rule allows nothing',
  deny: 'the rule denies more: what is not understood of it does not narrow it',
} as const;

function readRule(
  file: YamlFile,
  node: YamlNode,
  effect: 'allow' | 'deny',
  protocol: Protocol,
): RuleDraft | undefined {
  const findingsBefore = file.findings.length;
  const unlessRead = effect === 'allow' ? undefined : misreadDenial(file, node);
  const misread = (since: number): boolean => file.contain(since, misreadRule[effect]);
  const fields = file.fields(node, ruleFields, `a rule of \`${effect}\``);
  const isFieldMisread = misread(findingsBefore);
  if (fields === undefined) return unlessRead;
  const beforeFrom = file.findings.length;
  const from = readFrom(file, fields.get('from'));
  const isFromMisread = misread(beforeFrom) || from.length === 0;
  const beforeTo = file.findings.length;
  const target = readTarget(file, fields.get('to'));
  const to = readTo(
    file,
    target === undefined ? fields.get('to') : target.get('request'),
    protocol,
  );
  const isToMisread = misread(beforeTo) || to.length === 0;
  const beforeRest = file.findings.length;
  const conditions = readConditions(file, fields, target);
  if (conditions !== undefined && protocol === 'tcp') reportNoRequest(file, fields);
  const mode = readWord(file, fields.get('mode'), ['enforce', 'audit']) ?? 'enforce';
  const given = readGivenId(file, fields.get('id'));
  const descriptionNode = fields.get('description');
  const description =
    descriptionNode === undefined ? undefined : file.text(descriptionNode, 'a text');
  const isRestMisread = misread(beforeRest);
  if (from.length === 0 || to.length === 0) return unlessRead;
  const id = (given ?? derivedId(effect, { from, to, conditions, mode })) as RuleId;
  const named = fields.get('id') !== undefined;
  const isWhole = file.findings.length === findingsBefore;
  const isMisread = isFieldMisread || isFromMisread || isToMisread || isRestMisread;
  const who = { id, named, isWhole, isMisread, isFromMisread, isToMisread };
  return { ...who, at: file.at(node), effect, from, to, conditions, mode, description };
}

function readGivenId(file: YamlFile, node: YamlNode): string | undefined {
  const given = node === undefined ? undefined : readLabel(file, node, 'the id of a rule');
  if (given?.startsWith(grantRulePrefix)) {
    file.report('CH1122', node, `ids that begin with "${grantRulePrefix}" are those of grants`, {
      help: 'take another id; chancery breakglass grant gives access beside Git',
    });
  }
  return given;
}

/** Of a rule that says nothing that is understood: it may have denied anything. */
function misreadDenial(file: YamlFile, node: YamlNode): RuleDraft {
  const at = file.at(node);
  return {
    ...{ id: `deny-of-line-${at.line}` as RuleId, named: false, isWhole: false },
    ...{ isMisread: true, isFromMisread: true, isToMisread: true },
    ...{ at, effect: 'deny', from: [], to: [], conditions: undefined },
    ...{ mode: 'enforce', description: undefined },
  };
}

function readFrom(file: YamlFile, node: YamlNode): RuleDraft['from'] {
  if (node === undefined) return [];
  const items = file.list(node, '`from` names who', true) ?? [];
  return items.flatMap((item) => {
    const text = file.text(item, 'a service, role:NAME, "*", spiffe://PARTNER/NAME or person:NAME');
    return text === undefined ? [] : [{ text, at: file.at(item) }];
  });
}

function readTo(file: YamlFile, node: YamlNode, protocol: Protocol): readonly Operation[] {
  if (node === undefined) return [everything(protocol)];
  const items = file.list(node, '`to` names what', true) ?? [];
  return items.flatMap((item) => {
    const text = file.text(item, expectedOperation(protocol));
    const operation = text === undefined ? undefined : parseOperation(text, protocol);
    if (operation === undefined) return [];
    if (operation.ok) return [operation.value];
    file.report('CH1034', item, `"${text}" is no operation: ${operation.error}`, {
      expected: expectedOperation(protocol),
    });
    return [];
  });
}

function expectedOperation(protocol: Protocol): string {
  switch (protocol) {
    case 'tcp':
      return 'nothing: a tcp service is called as a whole';
    case 'grpc':
      return '"pkg.Service/Method", "pkg.Service/*" or "*"';
    case 'http':
    case 'http2':
      return '"METHOD PATH", such as "GET /v1/charges/*" or "* /internal/**"';
  }
}

/** Of a rule with a name of its own; one that is derived names what it asks for. */
function conditionWords({ headers, hosts, token, when }: ConditionsDraft): readonly string[] {
  const issuers = token?.issuers.map(({ text }) => text) ?? [];
  return [
    ...headers.map(({ name, value }) => `${name}=${value.kind === 'exact' ? value.text : '*'}`),
    ...hosts.map(({ text }) => text),
    ...(token === undefined ? [] : ['token', ...issuers, ...token.audiences, ...token.scopes]),
    ...(token?.claims ?? []).map(({ name, values }) => `${name}=${values.join('|')}`),
    ...(when === undefined ? [] : ['when', when.text]),
  ];
}

/** A connection has neither headers nor tokens, and the proxy alone decides about it. */
function reportNoRequest(file: YamlFile, rule: Fields): void {
  const field = ['token', 'when', 'to'].find((name) => rule.get(name) !== undefined) ?? 'to';
  file.report(
    'CH1112',
    rule.key(field),
    `a tcp service has no requests to hold \`${field}\` against`,
    {
      expected: 'only `from`, `id`, `mode` and `description`',
      help: 'take it out, or declare the protocol that the service speaks',
    },
  );
}

const idCharactersMax = 63;

/** From the content alone: it stays when rules around it move, and changes when the rule means something else. */
function derivedId(
  effect: string,
  rule: Pick<RuleDraft, 'from' | 'to' | 'conditions' | 'mode'>,
): string {
  const { from, to, conditions, mode } = rule;
  const words = [
    ...(mode === 'audit' ? [mode] : []),
    ...[effect, ...from.map((who) => who.text), ...to.map(operationText)],
    ...(conditions === undefined ? [] : conditionWords(conditions)),
  ];
  const exact = words.join(' ');
  const readable = exact
    .toLowerCase()
    .replaceAll('**', 'all')
    .replaceAll('*', 'any')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  if (readable.length <= idCharactersMax) return readable;
  const digest = hash('sha256', exact).slice(0, 8);
  return `${readable.slice(0, idCharactersMax - 9).replace(/-$/, '')}-${digest}`;
}
