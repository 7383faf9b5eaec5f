import { type Finding, hasErrors } from '../base/finding.ts';
import { forkMap } from '../base/map-fork.ts';
import { type BuiltIntent, buildIntent, type Drafts } from './build.ts';
import { type CarriedIntent, carry } from './carry.ts';
import { withoutMeanwhile } from './contained.ts';
import { type MeshDraft, readMeshFile } from './mesh-file.ts';
import { readServiceFile, type ServiceDraft } from './service-file.ts';
import type { Intent, ServiceName } from './types.ts';
import { YamlFile } from './yaml-file.ts';

export interface ParsedIntent {
  /** Undefined when any finding is an error: the tree is taken whole or not at all. */
  readonly intent: Intent | undefined;
  /** Of the whole tree at once, by file and place. */
  readonly findings: readonly Finding[];
  /** What to go on with where this tree ran before its errors were any. Undefined without errors, and where nothing is safe. */
  readonly carried: CarriedIntent | undefined;
  readonly memory: ParseMemory;
}

/** What the next parse need not do again; for `parseIntent` alone. Holds no syntax trees. */
interface ParseMemory {
  readonly mesh: Reading<MeshDraft> | undefined;
  /** By path, sorted. */
  readonly services: ReadonlyMap<string, Reading<ServiceDraft>>;
  readonly named: NamedDrafts;
  readonly built: BuiltIntent | undefined;
}

interface NamedDrafts {
  readonly drafts: Drafts;
  readonly misnamed: readonly Finding[];
  /** Those that differ from the parse before, where it had the same names. */
  readonly fresh: readonly ServiceDraft[] | undefined;
}

/** Undefined where the last intent was built from other drafts than those of the parse before. */
function freshDrafts({ fresh }: NamedDrafts, { named, built }: ParseMemory) {
  return built?.drafts === named.drafts ? fresh : undefined;
}

/** One file, read by itself. Equal texts under one path give equal readings. */
interface Reading<Draft> {
  readonly path: string;
  readonly text: string;
  readonly draft: Draft | undefined;
  readonly findings: readonly Finding[];
}

const nothing: ParseMemory = {
  mesh: undefined,
  services: new Map(),
  named: { drafts: new Map(), misnamed: [], fresh: undefined },
  built: undefined,
};
const servicesMax = 10_000;
const findingsMax = 1_000;
/** Of each text of one. */
const textMax = 400;
const meshPath = 'mesh.yaml';

/**
 * `files`: path relative to the intent folder, with slashes, to text. Other files than the intent's are passed over.
 * With what an earlier parse gave, the result is the same, and what did not change is the same objects.
 */
export function parseIntent(
  files: ReadonlyMap<string, string>,
  known: Pick<ParsedIntent, 'memory'> = { memory: nothing },
): ParsedIntent {
  const { memory } = known;
  const { paths, stray } = sortPaths(files, memory);
  const meshText = files.get(meshPath);
  if (meshText === undefined) stray.push(noMesh());
  if (paths.length === 0) stray.push(noServices());
  if (paths.length > servicesMax)
    return { ...refused, findings: [tooMany(paths.length)], memory: nothing };
  const mesh =
    meshText === undefined ? undefined : reread(memory.mesh, meshPath, meshText, readMeshFile);
  const { services, changed } = rereadServices(files, paths, memory);
  const named = nameDrafts(services, changed, memory);
  const built =
    mesh?.draft === undefined
      ? undefined
      : buildIntent(mesh.draft, named.drafts, memory.built, freshDrafts(named, memory));
  const across = byFile([...named.misnamed, ...(built?.findings ?? [])]);
  const readings = mesh === undefined ? [] : [mesh];
  const ordered = [...readings, ...services.values()].flatMap((reading) =>
    inFile(reading, across.get(reading.path)),
  );
  const found = [...stray, ...ordered];
  const findings = foremost(found).map(withoutMeanwhile).map(shortened);
  const isRefused = hasErrors(found);
  return {
    intent: isRefused ? undefined : built?.intent,
    findings,
    carried: isRefused ? carry(built, found) : undefined,
    memory: { mesh, services, named, built: built ?? memory.built },
  };
}

const refused = { intent: undefined, carried: undefined };

/** Whatever is left out, no error is, as long as there are no more of them. */
function foremost(findings: readonly Finding[]): readonly Finding[] {
  if (findings.length <= findingsMax) return findings;
  let room = findingsMax - findings.filter(isError).length;
  return findings
    .filter((finding) => {
      if (isError(finding)) return true;
      room -= 1;
      return room >= 0;
    })
    .slice(0, findingsMax);
}

function isError({ severity }: Finding): boolean {
  return severity === 'error';
}

/** What a file says may be as long as the file; who reads the finding has it before him. */
function shortened(finding: Finding): Finding {
  const { message, found, expected } = finding;
  if (![message, found, expected].some((text) => text !== undefined && text.length > textMax))
    return finding;
  return {
    ...finding,
    message: shortText(message),
    ...(found === undefined ? {} : { found: shortText(found) }),
    ...(expected === undefined ? {} : { expected: shortText(expected) }),
  };
}

function shortText(text: string): string {
  if (text.length <= textMax) return text;
  return `${text.slice(0, textMax / 2)} … ${text.slice(-textMax / 4)}`;
}

interface Reread {
  readonly services: ReadonlyMap<string, Reading<ServiceDraft>>;
  /** Those that were read just now; undefined when files came or went. */
  readonly changed: readonly Reading<ServiceDraft>[] | undefined;
}

function rereadServices(
  files: ReadonlyMap<string, string>,
  paths: readonly string[],
  memory: ParseMemory,
): Reread {
  const isSameFiles =
    paths.length === memory.services.size && paths.every((path) => memory.services.has(path));
  const services = forkMap(isSameFiles ? memory.services : undefined);
  const changed: Reading<ServiceDraft>[] = [];
  for (const path of paths) {
    const before = memory.services.get(path);
    const reading = reread(before, path, files.get(path) ?? '', readServiceFile);
    if (reading !== before) changed.push(reading);
    if (reading !== before || !isSameFiles) services.set(path, reading);
  }
  return { services, changed: isSameFiles ? changed : undefined };
}

/** The paths of services, sorted, and a warning for each file that is nearly one. */
function sortPaths(
  files: ReadonlyMap<string, string>,
  { services }: ParseMemory,
): { readonly paths: readonly string[]; readonly stray: Finding[] } {
  const paths: string[] = [];
  const stray: Finding[] = [];
  for (const path of files.keys()) {
    if (services.has(path) || /^services\/[^/]+\.yaml$/.test(path)) paths.push(path);
    else if (/^services\/[^/]+\.yml$/.test(path)) stray.push(ignored(path));
  }
  return { paths: isSorted(paths) ? paths : paths.sort(), stray };
}

function reread<Draft>(
  known: Reading<Draft> | undefined,
  path: string,
  text: string,
  read: (file: YamlFile) => Draft | undefined,
): Reading<Draft> {
  if (known?.text === text) return known;
  const file = new YamlFile(path, text);
  const draft = file.root == null ? reportEmpty(file) : read(file);
  return { path, text, draft, findings: file.findings };
}

function byFile(findings: readonly Finding[]): ReadonlyMap<string | undefined, Finding[]> {
  return Map.groupBy(findings, ({ at }) => at?.file);
}

/** A reader goes down the file once: what it has by itself and what it has because of others, by place. */
function inFile(
  { findings }: Reading<unknown>,
  across: readonly Finding[] = [],
): readonly Finding[] {
  if (findings.length + across.length === 0) return findings;
  const key = ({ at }: Finding): number => (at?.line ?? 0) * 100_000 + (at?.column ?? 0);
  return [...findings, ...across].sort((a, b) => key(a) - key(b));
}

/** A look is cheaper than a sort, and a tree of Git mostly is in order. */
function isSorted(paths: readonly string[]): boolean {
  return paths.every((path, index) => index === 0 || (paths[index - 1] ?? '') < path);
}

function nameDrafts(
  services: Reread['services'],
  changed: Reread['changed'],
  { services: before, named }: ParseMemory,
): NamedDrafts {
  const isSameNames = changed?.every(({ path, draft }) => {
    const name = before.get(path)?.draft?.name;
    return name !== undefined && draft?.name === name;
  });
  if (changed === undefined || isSameNames !== true || named.misnamed.length > 0)
    return nameAll(services.values());
  const fresh = changed.flatMap(({ draft }) => draft ?? []);
  if (fresh.length === 0) return { ...named, fresh };
  const drafts = forkMap(named.drafts);
  for (const draft of fresh) drafts.set(draft.name, draft);
  return { drafts, misnamed: [], fresh };
}

function nameAll(readings: Iterable<Reading<ServiceDraft>>): NamedDrafts {
  const drafts = new Map<ServiceName, ServiceDraft>();
  const misnamed: Finding[] = [];
  for (const { path, draft } of readings) {
    if (draft === undefined) continue;
    const other = drafts.get(draft.name);
    const expected = path.slice('services/'.length, -'.yaml'.length);
    if (other !== undefined) misnamed.push(twoOfOneName(draft, other));
    else if (draft.name !== expected) misnamed.push(otherName(draft, expected));
    if (other === undefined) drafts.set(draft.name, draft);
  }
  return { drafts, misnamed, fresh: undefined };
}

/** A file without content; where YAML itself was broken, that was said already. */
function reportEmpty(file: YamlFile): undefined {
  if (file.findings.length === 0) {
    file.report('CH1011', undefined, 'the file is empty', { expected: 'a map of fields' });
  }
  return undefined;
}

function twoOfOneName(draft: ServiceDraft, other: ServiceDraft): Finding {
  return {
    code: 'CH1021',
    severity: 'error',
    message: `there are two services "${draft.name}"`,
    at: draft.at,
    related: [{ at: other.at, message: 'the other one' }],
  };
}

function otherName(draft: ServiceDraft, expected: string): Finding {
  return {
    code: 'CH1020',
    severity: 'error',
    message: 'the service has another name than its file',
    at: draft.at,
    expected,
    found: draft.name,
    help: `rename the file to services/${draft.name}.yaml, or the service to ${expected}`,
  };
}

function noMesh(): Finding {
  return {
    code: 'CH1005',
    severity: 'error',
    message: 'the intent folder has no mesh.yaml',
    help: 'chancery init DIR writes one',
  };
}

function noServices(): Finding {
  return {
    code: 'CH1006',
    severity: 'error',
    message: 'the intent folder has no services',
    expected: 'files such as services/payments.yaml',
    help: 'chancery init DIR writes two to start from',
  };
}

function ignored(path: string): Finding {
  return {
    code: 'CH1007',
    severity: 'warning',
    message: `"${path}" is passed over`,
    at: { file: path, line: 1, column: 1, length: 1 },
    help: `rename it to ${path.replace(/\.yml$/, '.yaml')}`,
  };
}

function tooMany(count: number): Finding {
  return {
    code: 'CH1008',
    severity: 'error',
    message: `the intent folder has ${count} services`,
    expected: `at most ${servicesMax}`,
  };
}
