import type { Code, Finding } from '../base/finding.ts';
import {
  agentCluster,
  allTrustSecret,
  controlPlaneCluster,
  ownSecret,
  trustSecret,
} from './names.ts';
import { type Reference, referencesBeside, referencesOf } from './references.ts';
import { type Resource, type Snapshot, type TypeUrl, typeUrls } from './resource.ts';

interface Kind {
  readonly code: Code;
  readonly typeUrl: TypeUrl;
  readonly what: string;
  /** What is there without being in a snapshot: from the bootstrap, or from the agent. */
  readonly always: readonly string[];
}

const kinds: Readonly<Record<Reference['to'], Kind>> = {
  cluster: {
    code: 'CH1101',
    typeUrl: typeUrls.cluster,
    what: 'cluster',
    always: [agentCluster, controlPlaneCluster],
  },
  endpoints: {
    code: 'CH1102',
    typeUrl: typeUrls.endpoints,
    what: 'endpoint assignment',
    always: [],
  },
  routes: { code: 'CH1103', typeUrl: typeUrls.routes, what: 'route configuration', always: [] },
  secret: {
    code: 'CH1104',
    typeUrl: typeUrls.secret,
    what: 'secret',
    always: [ownSecret, trustSecret, allTrustSecret],
  },
  extension: { code: 'CH1105', typeUrl: typeUrls.extension, what: 'extension', always: [] },
};

/**
 * What of a snapshot names something that its proxy would not have (rule K2). Each resource is read once, however
 * many proxies have it. `sound`: what the proxy was to have before, in which nothing was found; only what differs from it
 * is read.
 */
export function crossReferences(snapshot: Snapshot, sound?: Snapshot): readonly Finding[] {
  const findings: Finding[] = [];
  const known = sound !== undefined && hasAllOf(snapshot, sound) ? sound : undefined;
  for (const [typeUrl, resources] of snapshot) {
    const before = known?.get(typeUrl);
    if (before === resources) continue;
    for (const one of resources.values()) {
      const old = before?.get(one.name);
      if (old === one) continue;
      const { found, unknownTypes } =
        old === undefined ? referencesOf(one) : referencesBeside(one, old);
      const missing = found.filter(({ to, name }) => !isThere(snapshot, to, name));
      for (const key of new Set(missing.map(({ to, name }) => `${to} ${name}`))) {
        const reference = missing.find(({ to, name }) => `${to} ${name}` === key);
        if (reference !== undefined) findings.push(missingFinding(snapshot, one, reference));
      }
      for (const type of new Set(unknownTypes)) findings.push(unknownFinding(one, type));
    }
  }
  return findings;
}

/** Whether whatever was there is still there, by type and name. */
function hasAllOf(snapshot: Snapshot, before: Snapshot): boolean {
  for (const [typeUrl, resources] of before) {
    const now = snapshot.get(typeUrl);
    if (now === resources) continue;
    for (const name of resources.keys()) if (now?.has(name) !== true) return false;
  }
  return true;
}

function isThere(snapshot: Snapshot, to: Reference['to'], name: string): boolean {
  const { typeUrl, always } = kinds[to];
  return snapshot.get(typeUrl)?.has(name) === true || always.includes(name);
}

/** A message names the nearest of many; a proxy may have thousands. */
const shownMax = 5;

function missingFinding(snapshot: Snapshot, by: Resource, { to, name }: Reference): Finding {
  const { code, typeUrl, what, always } = kinds[to];
  const names = [...(snapshot.get(typeUrl)?.keys() ?? []), ...always];
  const more = names.length > shownMax ? `, … (${names.length} in all)` : '';
  return {
    code,
    severity: 'error',
    message: `${label(by)} names the ${what} "${name}", which its proxy would not have`,
    ...placeOf(by),
    expected:
      names.length === 0
        ? 'nothing: there is none'
        : `one of ${names.slice(0, shownMax).join(', ')}${more}`,
    found: name,
    help: 'this is a fault of Chancery; nothing was sent, please report it with the file',
  };
}

function unknownFinding(by: Resource, type: string): Finding {
  return {
    code: 'CH1106',
    severity: 'error',
    message: `${label(by)} holds a message that cannot be checked`,
    ...placeOf(by),
    expected: 'a type whose references are known',
    found: type,
    help: 'this is a fault of Chancery; nothing was sent, please report it with the file',
  };
}

function label({ typeUrl, name }: Resource): string {
  return `${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} "${name}"`;
}

function placeOf({ from }: Resource): Pick<Finding, 'at' | 'related'> {
  const [at, ...others] = from;
  if (at === undefined) return {};
  if (others.length === 0) return { at };
  return {
    at,
    related: others.slice(0, shownMax).map((one) => ({ at: one, message: 'made from this too' })),
  };
}
