import { type Finding, hasErrors } from '../base/finding.ts';
import { findClashes } from './clashes.ts';
import { type MeshDraft, readMeshFile } from './mesh-file.ts';
import { resolveOperators } from './operators-file.ts';
import { resolveRoles } from './roles.ts';
import { buildService } from './service-build.ts';
import { readServiceFile, type ServiceDraft } from './service-file.ts';
import type { Intent, ServiceName } from './types.ts';
import { YamlFile } from './yaml-file.ts';

export interface ParsedIntent {
  /** Undefined when any finding is an error: the tree is taken whole or not at all. */
  readonly intent: Intent | undefined;
  /** Of the whole tree at once, by file and place. */
  readonly findings: readonly Finding[];
}

const servicesMax = 10_000;
const findingsMax = 1_000;

/** `files`: path relative to the intent folder, with slashes, to text. Other files than the intent's are passed over. */
export function parseIntent(files: ReadonlyMap<string, string>): ParsedIntent {
  const stray: Finding[] = [];
  const meshText = files.get('mesh.yaml');
  const paths = [...files.keys()].filter((path) => /^services\/[^/]+\.yaml$/.test(path)).sort();
  for (const path of files.keys())
    if (/^services\/[^/]+\.yml$/.test(path)) stray.push(ignored(path));
  if (meshText === undefined) stray.push(noMesh());
  if (paths.length === 0) stray.push(noServices());
  if (paths.length > servicesMax) return { intent: undefined, findings: [tooMany(paths.length)] };

  const yamlFiles: YamlFile[] = [];
  const open = (path: string): YamlFile => {
    const file = new YamlFile(path, files.get(path) ?? '');
    yamlFiles.push(file);
    return file;
  };
  const meshFile = meshText === undefined ? undefined : open('mesh.yaml');
  const mesh = meshFile?.root == null ? reportEmpty(meshFile) : readMeshFile(meshFile);
  const drafts = readServices(paths.map(open));
  const intent = mesh === undefined ? undefined : build(mesh, drafts);
  const findings = [...stray, ...yamlFiles.flatMap((file) => byPlace(file.findings))].slice(
    0,
    findingsMax,
  );
  return { intent: hasErrors(findings) ? undefined : intent, findings };
}

/** A reader goes down the file once. */
function byPlace(findings: readonly Finding[]): readonly Finding[] {
  const key = ({ at }: Finding): number => (at?.line ?? 0) * 100_000 + (at?.column ?? 0);
  return [...findings].sort((a, b) => key(a) - key(b));
}

function readServices(files: readonly YamlFile[]): ReadonlyMap<ServiceName, ServiceDraft> {
  const drafts = new Map<ServiceName, ServiceDraft>();
  for (const file of files) {
    const draft = file.root == null ? reportEmpty(file) : readServiceFile(file);
    if (draft === undefined) continue;
    const other = drafts.get(draft.name);
    const expected = file.file.slice('services/'.length, -'.yaml'.length);
    if (other !== undefined) {
      file.report('CH1021', draft.nameNode, `there are two services "${draft.name}"`, {
        related: [{ at: other.at, message: 'the other one' }],
      });
    } else if (draft.name !== expected) {
      file.report('CH1020', draft.nameNode, 'the service has another name than its file', {
        expected,
        found: draft.name,
        help: `rename the file to services/${draft.name}.yaml, or the service to ${expected}`,
      });
    }
    if (other === undefined) drafts.set(draft.name, draft);
  }
  return drafts;
}

/** A file without content; where YAML itself was broken, that was said already. */
function reportEmpty(file: YamlFile | undefined): undefined {
  if (file !== undefined && file.findings.length === 0) {
    file.report('CH1011', undefined, 'the file is empty', { expected: 'a map of fields' });
  }
  return undefined;
}

function build(mesh: MeshDraft, drafts: ReadonlyMap<ServiceName, ServiceDraft>): Intent {
  const known = new Set<string>(drafts.keys());
  const roles = resolveRoles(mesh, known);
  const operators = resolveOperators(mesh, known);
  findClashes([...drafts.values()]);
  const tree = { mesh, roles, drafts };
  const services = [...drafts.values()]
    .map((draft) => buildService(draft, tree))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const { at, name, trustDomain, defaults, hosts, ca, peers } = mesh;
  return {
    mesh: { at, name, trustDomain, roles, defaults, hosts, ca, peers, operators },
    services: new Map(services.map((service) => [service.name, service])),
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
