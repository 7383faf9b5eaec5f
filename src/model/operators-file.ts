import type { Position } from '../base/finding.ts';
import { nearestName } from '../base/nearest.ts';
import { containing } from './contained.ts';
import { operatorFields } from './fields.ts';
import type { MeshDraft } from './mesh-file.ts';
import { type Report, unknownService } from './roles.ts';
import { parseSpiffeId, pathOf, type SpiffeId, trustDomainOf } from './spiffe-id.ts';
import type { OperatorRole } from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

export interface OperatorDraft {
  readonly role: OperatorRole;
  readonly text: string;
  readonly at: Position;
}

const lists: readonly (readonly [field: string, role: OperatorRole])[] = [
  ['viewers', 'viewer'],
  ['operators', 'operator'],
  ['admins', 'admin'],
];

/** `operators` of mesh.yaml, as it is written. */
export function readOperators(file: YamlFile, node: YamlNode): readonly OperatorDraft[] {
  const fields = node === undefined ? undefined : file.fields(node, operatorFields, '`operators`');
  if (fields === undefined) return [];
  return lists.flatMap(([field, role]) => {
    const listNode = fields.get(field);
    if (listNode === undefined) return [];
    const items = file.list(listNode, 'services or SPIFFE IDs', false) ?? [];
    return items.flatMap((item) => {
      const text = file.text(item, 'a service or a SPIFFE ID');
      return text === undefined ? [] : [{ role, text, at: file.at(item) }];
    });
  });
}

/** By SPIFFE ID. A name that nobody has, or that stands twice, is a finding: it would not do what its writer meant. */
export function resolveOperators(
  mesh: MeshDraft,
  known: ReadonlyMap<string, unknown>,
  reportAll: Report,
): ReadonlyMap<SpiffeId, OperatorRole> {
  const { report } = containing(reportAll, 'nobody is an operator by this entry');
  const found = new Map<SpiffeId, OperatorRole>();
  const twins = new Set<SpiffeId>();
  for (const { role, text, at } of mesh.operators) {
    const id = text.includes('://')
      ? readId(mesh, { text, at }, report)
      : serviceId(mesh, { text, at }, known, report);
    if (id === undefined) continue;
    if (found.has(id)) {
      twins.add(id);
      report({
        code: 'CH5434',
        severity: 'error',
        message: `"${text}" stands twice in \`operators\``,
        at,
        help: 'leave the line with the role that it is to have; each role may do what lesser ones may',
      });
    }
    found.set(id, role);
  }
  const told = [...found].filter(([id]) => !twins.has(id));
  return new Map(told.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A SPIFFE ID grants beside Git only where it is an operator; whose tokens there are no file says. */
export function checkGranting(
  { breakglass }: Pick<MeshDraft, 'breakglass'>,
  operators: ReadonlyMap<SpiffeId, OperatorRole>,
  report: Report,
): void {
  const may = [...operators].filter(([, role]) => role !== 'viewer').map(([id]) => id);
  for (const { name, at } of breakglass.who ?? []) {
    if (!name.includes('://') || may.some((id) => id === name)) continue;
    const nearest = nearestName(name, may);
    const role = operators.get(name as SpiffeId);
    report({
      code: 'CH1123',
      severity: 'warning',
      message:
        role === undefined
          ? `${name} cannot grant access beside Git: it is no operator`
          : `${name} cannot grant access beside Git: a ${role} only looks`,
      at,
      expected: 'an entry of `operators` in mesh.yaml, under `operators` or `admins`',
      ...(nearest === undefined ? {} : { nearest }),
    });
  }
}

function serviceId(
  mesh: MeshDraft,
  { text, at }: Pick<OperatorDraft, 'text' | 'at'>,
  known: ReadonlyMap<string, unknown>,
  report: Report,
): SpiffeId | undefined {
  if (known.has(text)) return `spiffe://${mesh.trustDomain}/${text}` as SpiffeId;
  report(unknownService(at, text, known.keys()));
  return undefined;
}

/** Parts of the mesh hold certificates of it too, and are nobody's operators. */
const meshPath = '/chancery/';

function readId(
  mesh: MeshDraft,
  { text, at }: Pick<OperatorDraft, 'text' | 'at'>,
  report: Report,
): SpiffeId | undefined {
  const id = parseSpiffeId(text);
  const isFit =
    id.ok &&
    trustDomainOf(id.value) === mesh.trustDomain &&
    pathOf(id.value) !== '' &&
    !pathOf(id.value).startsWith(meshPath);
  if (isFit) return id.value;
  report({
    code: 'CH5434',
    severity: 'error',
    message: `"${text.slice(0, 100)}" cannot be an operator of this mesh`,
    at,
    expected: `a service, or spiffe://${mesh.trustDomain}/PATH outside of ${meshPath}`,
    ...(id.ok ? {} : { notes: [id.error] }),
  });
  return undefined;
}
