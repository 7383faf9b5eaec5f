/** `docs/intent-fields.md`: every field of the language, from the tables that the parser reads by. */
import { deskFields } from '../../src/model/desk-fields.ts';
import type { FieldTable } from '../../src/model/field-spec.ts';
import {
  breakglassFields,
  caFields,
  callFields,
  defaultsFields,
  matchFields,
  meshFields,
  operatorFields,
  retryFields,
  routeFields,
  runFields,
  serviceFields,
  testFields,
} from '../../src/model/fields.ts';
import {
  awsIidFields,
  hostsFields,
  joinTokenFields,
  tpmFields,
  x509popFields,
} from '../../src/model/hosts-fields.ts';
import { peerFields } from '../../src/model/peer-fields.ts';
import {
  issuerFields,
  ruleFields,
  targetFields,
  testTokenFields,
  tokenFields,
} from '../../src/model/rule-fields.ts';

/** What its fields belong to, as a person would say it. */
export const sections: readonly (readonly [title: string, fields: FieldTable])[] = [
  ['mesh.yaml', meshFields],
  ['`defaults` of mesh.yaml', defaultsFields],
  ['`issuers.NAME` of mesh.yaml', issuerFields],
  ['`peers.TRUST_DOMAIN` of mesh.yaml', peerFields],
  ['`ca` of mesh.yaml', caFields],
  ['`operators` of mesh.yaml', operatorFields],
  ['`breakglass` of mesh.yaml', breakglassFields],
  ['`desk` of mesh.yaml', deskFields],
  ['`hosts` of mesh.yaml', hostsFields],
  ['`hosts.join_token`', joinTokenFields],
  ['`hosts.x509pop`', x509popFields],
  ['`hosts.tpm`', tpmFields],
  ['`hosts.aws_iid`', awsIidFields],
  ['services/NAME.yaml', serviceFields],
  ['A rule of `allow` or `deny`', ruleFields],
  ['`to` of a rule, as a map', targetFields],
  ['`token` of a rule', tokenFields],
  ['A route of `routes`', routeFields],
  ['`match` of a route', matchFields],
  ['`retry` of a route', retryFields],
  ['A version of `run`, as a map', runFields],
  ['A call of `calls`, as a map', callFields],
  ['A test of `tests`', testFields],
  ['`token` of a test', testTokenFields],
];

const head = `# Fields of the intent

Made by \`npm run schema\` from the tables that the parser reads by; [intent.md](intent.md) says how they are used. What has an asterisk is required, and
what is not here is refused, with its place and the nearest name. A duration is a number and \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`.
`;

export function intentFieldsPage(): string {
  return [head, ...sections.map(([title, fields]) => section(title, fields))].join('\n');
}

function section(title: string, fields: FieldTable): string {
  const present = Object.entries(fields).filter(([, { later }]) => later !== true);
  const withDefaults = present.some(([, { unlessSaid }]) => unlessSaid !== undefined);
  const rows = present.map(([name, { required, unlessSaid, description, example }]) => [
    `\`${name}\`${required === true ? ' *' : ''}`,
    cell(description),
    `\`${cell(oneLine(example))}\``,
    ...(withDefaults ? [unlessSaid === undefined ? '' : `\`${unlessSaid}\``] : []),
  ]);
  const heads = ['field', 'what it is', 'such as', ...(withDefaults ? ['unless said'] : [])];
  const lines = [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return `## ${title}\n\n${lines.join('\n')}\n`;
}

/** A block of lines is shown by how it begins. */
function oneLine(example: string): string {
  return example.startsWith('|') ? '| …' : example;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
