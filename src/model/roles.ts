import type { Finding, Position } from '../base/finding.ts';
import { nearestName } from '../base/nearest.ts';
import type { MeshDraft } from './mesh-file.ts';
import type { RoleName, ServiceName } from './types.ts';

const rolePrefix = 'role:';

/** Each role with the services it comes to, roles inside roles resolved. Cycles and unknown names are findings. */
export function resolveRoles(
  mesh: MeshDraft,
  known: ReadonlyMap<string, unknown>,
  report: Report,
): ReadonlyMap<RoleName, readonly ServiceName[]> {
  const resolved = new Map<RoleName, readonly ServiceName[]>();
  const visit = (name: RoleName, path: readonly RoleName[]): readonly ServiceName[] => {
    const done = resolved.get(name);
    if (done !== undefined) return done;
    const role = mesh.roles.get(name);
    if (role === undefined) return [];
    if (path.includes(name)) {
      report({
        code: 'CH1032',
        severity: 'error',
        message: `the role "${name}" contains itself`,
        at: role.at,
        found: [...path, name].join(' -> '),
        help: 'take one of these out',
      });
      resolved.set(name, []);
      return [];
    }
    const members = role.members.flatMap(({ text, at }) => {
      if (text.startsWith(rolePrefix)) {
        const inner = text.slice(rolePrefix.length) as RoleName;
        if (mesh.roles.has(inner)) return visit(inner, [...path, name]);
        report(unknownRole(mesh, at, inner));
        return [];
      }
      if (known.has(text)) return [text as ServiceName];
      report(unknownService(at, text, known.keys()));
      return [];
    });
    const unique = [...new Set(members)].sort();
    resolved.set(name, unique);
    return unique;
  };
  for (const name of mesh.roles.keys()) visit(name, []);
  return new Map([...resolved].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Takes findings that one file has because of another; each has its place. */
export type Report = (finding: Finding) => void;

export function unknownRole(mesh: MeshDraft, at: Position, name: string): Finding {
  const nearest = nearestName(name, mesh.roles.keys());
  return {
    code: 'CH1031',
    severity: 'error',
    message: `there is no role "${name}"`,
    at,
    expected: 'a role of mesh.yaml',
    ...(nearest === undefined ? {} : { nearest: `role:${nearest}` }),
  };
}

export function unknownService(at: Position, name: string, known: Iterable<string>): Finding {
  const nearest = nearestName(name, known);
  return {
    code: 'CH1030',
    severity: 'error',
    message: `there is no service "${name}"`,
    at,
    expected: 'the name of a file in services/',
    ...(nearest === undefined ? {} : { nearest }),
  };
}
