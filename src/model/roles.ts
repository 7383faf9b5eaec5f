import { nearestName } from '../base/nearest.ts';
import type { MeshDraft } from './mesh-file.ts';
import type { RoleName, ServiceName } from './types.ts';

const rolePrefix = 'role:';

/** Each role with the services it comes to, roles inside roles resolved. Cycles and unknown names are findings. */
export function resolveRoles(
  mesh: MeshDraft,
  known: ReadonlySet<string>,
): ReadonlyMap<RoleName, readonly ServiceName[]> {
  const resolved = new Map<RoleName, readonly ServiceName[]>();
  const visit = (name: RoleName, path: readonly RoleName[]): readonly ServiceName[] => {
    const done = resolved.get(name);
    if (done !== undefined) return done;
    const role = mesh.roles.get(name);
    if (role === undefined) return [];
    if (path.includes(name)) {
      mesh.file.report('CH1032', role.node, `the role "${name}" contains itself`, {
        found: [...path, name].join(' -> '),
        help: 'take one of these out',
      });
      resolved.set(name, []);
      return [];
    }
    const members = role.members.flatMap(({ text, node }) => {
      if (text.startsWith(rolePrefix)) {
        const inner = text.slice(rolePrefix.length) as RoleName;
        if (mesh.roles.has(inner)) return visit(inner, [...path, name]);
        reportUnknownRole(mesh, mesh.file, node, inner);
        return [];
      }
      if (known.has(text)) return [text as ServiceName];
      reportUnknownService(mesh.file, node, text, known);
      return [];
    });
    const unique = [...new Set(members)].sort();
    resolved.set(name, unique);
    return unique;
  };
  for (const name of mesh.roles.keys()) visit(name, []);
  return new Map([...resolved].sort(([a], [b]) => (a < b ? -1 : 1)));
}

type Reporter = Pick<MeshDraft['file'], 'report'>;
type Node = Parameters<Reporter['report']>[1];

export function reportUnknownRole(mesh: MeshDraft, file: Reporter, node: Node, name: string): void {
  const nearest = nearestName(name, mesh.roles.keys());
  file.report('CH1031', node, `there is no role "${name}"`, {
    expected: 'a role of mesh.yaml',
    ...(nearest === undefined ? {} : { nearest: `role:${nearest}` }),
  });
}

export function reportUnknownService(
  file: Reporter,
  node: Node,
  name: string,
  known: Iterable<string>,
): void {
  const nearest = nearestName(name, known);
  file.report('CH1030', node, `there is no service "${name}"`, {
    expected: 'the name of a file in services/',
    ...(nearest === undefined ? {} : { nearest }),
  });
}
