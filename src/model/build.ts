import type { Finding } from '../base/finding.ts';
import { forkMap } from '../base/map-fork.ts';
import { sameItems } from './changes.ts';
import { claimsOf, findClashes } from './clashes.ts';
import type { MeshDraft } from './mesh-file.ts';
import { checkGranting, resolveOperators } from './operators-file.ts';
import { resolveRoles } from './roles.ts';
import { buildService } from './service-build.ts';
import type { ServiceDraft } from './service-file.ts';
import type { Intent, Mesh, RoleName, Service, ServiceName } from './types.ts';

export type Drafts = ReadonlyMap<ServiceName, ServiceDraft>;

/** The intent of drafts that are read, with what they are to each other; what the next build reuses. Immutable. */
export interface BuiltIntent {
  readonly mesh: MeshDraft;
  readonly drafts: Drafts;
  readonly intent: Intent;
  readonly findings: readonly Finding[];
  readonly clashes: readonly Finding[];
  /** Of services by themselves, as the tree stands. */
  readonly broken: readonly Finding[];
  readonly services: ReadonlyMap<ServiceName, BuiltService>;
  /** Of whom some are not understood. */
  readonly misreadRoles: ReadonlySet<RoleName>;
}

interface BuiltService {
  readonly draft: ServiceDraft;
  readonly service: Service;
  readonly isAttributesMisread: boolean;
  readonly findings: readonly Finding[];
}

/**
 * With `known`, a service of which nothing changed that it is built from is the same object as before. `fresh`: those
 * that may differ from the drafts of `known`, where the caller can tell.
 */
export function buildIntent(
  mesh: MeshDraft,
  drafts: Drafts,
  known: BuiltIntent | undefined,
  fresh: Iterable<ServiceDraft> = drafts.values(),
): BuiltIntent {
  const changes = draftChanges(known?.drafts, drafts, fresh);
  const ofMesh: Finding[] = [];
  const reportMesh = (finding: Finding): number => ofMesh.push(finding);
  const resolved = resolveRoles(mesh, drafts, reportMesh);
  const before = known?.intent.mesh;
  const roles = keepRoles(before?.roles, resolved.roles);
  const guests = keepRoles(before?.guests, resolved.guests);
  const operators = keepMap(before?.operators, resolveOperators(mesh, drafts, reportMesh));
  checkGranting(mesh, operators, reportMesh);
  const clashes =
    known !== undefined && claimsAreSame(known, changes) ? [] : findClashes(drafts.values());
  const services = forkMap(known?.services);
  for (const name of changes.removed) services.delete(name);
  const rebuilt: Service[] = [];
  for (const draft of staleDrafts(known, { mesh, roles, guests }, drafts, changes)) {
    const findings: Finding[] = [];
    const report = (finding: Finding): number => findings.push(finding);
    const built = buildService(draft, { mesh, roles, guests, drafts, report });
    services.set(draft.name, { draft, ...built, findings });
    rebuilt.push(built.service);
  }
  // Services with findings were all built again just now, in the order of their files.
  const broken = rebuilt.flatMap(({ name }) => services.get(name)?.findings ?? []);
  return {
    mesh,
    drafts,
    intent: intentOf(mesh, { roles, guests, operators }, { built: services, rebuilt, known }),
    findings: [...ofMesh, ...clashes, ...broken],
    clashes,
    broken,
    services,
    misreadRoles: resolved.misreadRoles,
  };
}

interface DraftChanges {
  readonly changed: readonly ServiceDraft[];
  readonly removed: ReadonlySet<ServiceName>;
  /** Removed, or of another protocol: whoever calls them is to be looked at again. */
  readonly turned: ReadonlySet<ServiceName>;
  readonly sameNames: boolean;
}

function draftChanges(
  before: Drafts | undefined,
  after: Drafts,
  fresh: Iterable<ServiceDraft>,
): DraftChanges {
  const changed: ServiceDraft[] = [];
  const turned = new Set<ServiceName>();
  let added = 0;
  for (const draft of fresh) {
    const old = before?.get(draft.name);
    if (old === draft) continue;
    changed.push(draft);
    if (old === undefined) added += 1;
    else if (old.protocol !== draft.protocol) turned.add(draft.name);
  }
  const removed = new Set<ServiceName>();
  if (before !== undefined && before.size + added !== after.size) {
    for (const name of before.keys()) if (!after.has(name)) removed.add(name);
  }
  const sameNames = before !== undefined && added === 0 && removed.size === 0;
  return { changed, removed, turned: new Set([...turned, ...removed]), sameNames };
}

/** Nothing clashed before, and everybody claims what they did. */
function claimsAreSame(known: BuiltIntent, { changed, sameNames }: DraftChanges): boolean {
  if (!sameNames || known.clashes.length > 0) return false;
  return changed.every((draft) => {
    const old = known.drafts.get(draft.name);
    return old !== undefined && claimsOf(old) === claimsOf(draft);
  });
}

/** Those to build again. One with findings always is: they may name what is near in the tree. */
function staleDrafts(
  known: BuiltIntent | undefined,
  now: Pick<Mesh, 'roles' | 'guests'> & { readonly mesh: MeshDraft },
  drafts: Drafts,
  { changed, turned, removed }: DraftChanges,
): Iterable<ServiceDraft> {
  // What conditions may name is declared in mesh.yaml, and a change of it is rare.
  if (known === undefined || declarations(known.mesh) !== declarations(now.mesh)) {
    return drafts.values();
  }
  const changedRoles = new Set<RoleName>();
  for (const kind of ['roles', 'guests'] as const) {
    const before = known.intent.mesh[kind];
    for (const name of new Set([...before.keys(), ...now[kind].keys()]))
      if (now[kind].get(name) !== before.get(name)) changedRoles.add(name);
  }
  const isMoved = known.mesh.trustDomain !== now.mesh.trustDomain;
  const domains = isMoved ? [known.mesh.trustDomain] : [];
  const reach = turned.size + removed.size + changedRoles.size + domains.length;
  if (reach === 0 && known.broken.length === 0) return changed;
  return [...drafts.values()].filter((draft) => {
    const before = known.services.get(draft.name);
    if (before?.draft !== draft || before.findings.length > 0) return true;
    return (
      namesAny(draft, removed, changedRoles) ||
      [...draft.allow, ...draft.deny].some((rule) => comparesWith(rule.conditions, domains)) ||
      draft.calls.some((call) => turned.has(call.service))
    );
  });
}

function namesAny(
  draft: ServiceDraft,
  services: ReadonlySet<ServiceName>,
  roles: ReadonlySet<RoleName>,
): boolean {
  const names = (text: string): boolean =>
    text.startsWith('role:')
      ? roles.has(text.slice('role:'.length) as RoleName)
      : services.has(text as ServiceName);
  const all = [...services, ...roles];
  return (
    [...draft.allow, ...draft.deny].some(
      ({ from, conditions }) =>
        from.some(({ text }) => names(text)) || comparesWith(conditions, all),
    ) || draft.tests.some((test) => services.has(test.from))
  );
}

/** Whether a text of its `when` is one of these names, or an identity with that name. */
function comparesWith(
  conditions: ServiceDraft['allow'][number]['conditions'],
  names: readonly string[],
): boolean {
  if (conditions?.when === undefined || names.length === 0) return false;
  const texts = JSON.stringify(conditions.when.parsed.tree);
  return names.some((name) => texts.includes(`${name}"`) || texts.includes(`://${name}/`));
}

const declared = new WeakMap<MeshDraft, string>();

/** What a service file is read by beside the names of others. */
function declarations(mesh: MeshDraft): string {
  const known =
    declared.get(mesh) ??
    JSON.stringify([
      [...mesh.attributes].map(([name, { type }]) => [name, type]),
      [...mesh.issuers.values()].map(({ name, issuer, audiences, personClaim }) => [
        ...[name, issuer, audiences, personClaim],
      ]),
      [...mesh.peers.keys()],
      mesh.defaults.decide,
    ]);
  declared.set(mesh, known);
  return known;
}

/** The roles from before where they come to the same, so that what names them is not built again. */
function keepRoles<T>(
  before: ReadonlyMap<RoleName, readonly T[]> | undefined,
  after: ReadonlyMap<RoleName, readonly T[]>,
): ReadonlyMap<RoleName, readonly T[]> {
  if (before === undefined) return after;
  const kept = new Map(
    [...after].map(([name, members]) => {
      const old = before.get(name);
      return [name, old !== undefined && sameItems(old, members) ? old : members] as const;
    }),
  );
  return keepMap(before, kept);
}

/** The map from before where it holds the same; both are sorted. */
function keepMap<K, V>(
  before: ReadonlyMap<K, V> | undefined,
  after: ReadonlyMap<K, V>,
): ReadonlyMap<K, V> {
  const isSame =
    before?.size === after.size && [...after].every(([key, one]) => before.get(key) === one);
  return isSame ? before : after;
}

function intentOf(
  draft: MeshDraft,
  { roles, guests, operators }: Pick<Mesh, 'roles' | 'guests' | 'operators'>,
  parts: {
    readonly built: BuiltIntent['services'];
    readonly rebuilt: readonly Service[];
    readonly known: BuiltIntent | undefined;
  },
): Intent {
  const { built, rebuilt, known } = parts;
  const { roles: _drafts, operators: _drafted, misread: _misread, ...rest } = draft;
  const isSame =
    known?.mesh === draft &&
    known.intent.mesh.roles === roles &&
    known.intent.mesh.guests === guests &&
    known.intent.mesh.operators === operators;
  const mesh = isSame ? known.intent.mesh : { ...rest, roles, guests, operators };
  const services = servicesOf(built, rebuilt, known?.intent.services);
  if (mesh === known?.intent.mesh && services === known.intent.services) return known.intent;
  return { mesh, services };
}

function servicesOf(
  built: BuiltIntent['services'],
  rebuilt: readonly Service[],
  before: Intent['services'] | undefined,
): Intent['services'] {
  const isSameNames = before?.size === built.size && rebuilt.every(({ name }) => before.has(name));
  if (before === undefined || !isSameNames) {
    const all = [...built.values()].map(({ service }) => service);
    all.sort((a, b) => (a.name < b.name ? -1 : 1));
    return new Map(all.map((service) => [service.name, service]));
  }
  if (rebuilt.length === 0) return before;
  const services = new Map(before);
  for (const service of rebuilt) services.set(service.name, service);
  return services;
}
