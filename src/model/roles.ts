import type { Finding, Position } from '../base/finding.ts';
import { nearestName } from '../base/nearest.ts';
import type { Guest } from './condition-types.ts';
import { containing, misreadNames } from './contained.ts';
import { isGuest, readGuest } from './guest.ts';
import type { MeshDraft } from './mesh-file.ts';
import type { Mesh, RoleName, ServiceName } from './types.ts';

const rolePrefix = 'role:';

/** Whom a role comes to, roles inside roles resolved. */
interface Members {
  readonly services: readonly ServiceName[];
  readonly guests: readonly Guest[];
  /** Not all of them are understood. */
  readonly isMisread: boolean;
}

const nobody: Members = { services: [], guests: [], isMisread: false };
const misread: Members = { ...nobody, isMisread: true };

/** Of a member that is not understood, or a role without one. */
export const misreadRole = `the role is those who are understood where it allows, and everybody where it denies; ${misreadNames}`;

interface ResolvedRoles extends Pick<Mesh, 'roles' | 'guests'> {
  /** Of whom some are not understood. */
  readonly misreadRoles: ReadonlySet<RoleName>;
}

/** Each role with whom it comes to, roles inside roles resolved. Cycles and unknown names are findings. */
export function resolveRoles(
  mesh: MeshDraft,
  known: ReadonlyMap<string, unknown>,
  reportAll: Report,
): ResolvedRoles {
  const { report } = containing(reportAll, misreadRole);
  const resolved = new Map<RoleName, Members>();
  const visit = (name: RoleName, path: readonly RoleName[]): Members => {
    const done = resolved.get(name);
    if (done !== undefined) return done;
    const role = mesh.roles.get(name);
    if (role === undefined) return nobody;
    if (path.includes(name)) {
      report({
        code: 'CH1032',
        severity: 'error',
        message: `the role "${name}" contains itself`,
        at: role.at,
        found: [...path, name].join(' -> '),
        help: 'take one of these out',
      });
      resolved.set(name, misread);
      return misread;
    }
    const members = role.members.map(({ text, at }): Members => {
      if (text.startsWith(rolePrefix)) {
        const inner = text.slice(rolePrefix.length) as RoleName;
        if (mesh.roles.has(inner)) return visit(inner, [...path, name]);
        report(unknownRole(mesh, at, inner));
        return misread;
      }
      if (isGuest(text)) {
        const guest = readGuest({ text, at }, mesh, report);
        return guest === undefined ? misread : { ...nobody, guests: [guest] };
      }
      if (known.has(text)) return { ...nobody, services: [text as ServiceName] };
      report(unknownService(at, text, known.keys()));
      return misread;
    });
    const all = {
      services: sortedOnce(members.flatMap(({ services }) => services)),
      guests: sortedOnce(members.flatMap(({ guests }) => guests)),
      isMisread: role.isMisread || members.some(({ isMisread }) => isMisread),
    };
    resolved.set(name, all);
    return all;
  };
  for (const name of mesh.roles.keys()) visit(name, []);
  const sorted = [...resolved].sort(([a], [b]) => (a < b ? -1 : 1));
  const guests = sorted.filter(([, members]) => members.guests.length > 0);
  return {
    roles: new Map(sorted.map(([name, members]) => [name, members.services])),
    guests: new Map(guests.map(([name, members]) => [name, members.guests])),
    misreadRoles: new Set(sorted.flatMap(([name, { isMisread }]) => (isMisread ? [name] : []))),
  };
}

function sortedOnce<T extends string>(items: readonly T[]): readonly T[] {
  return [...new Set(items)].sort();
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
