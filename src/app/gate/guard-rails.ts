import type { Finding } from '../../base/finding.ts';
import type { Inventory, WorkloadId } from '../../compile/inventory.ts';
import { type Snapshot, typeUrls } from '../../compile/resource.ts';
import { calleesOf } from '../../model/tree.ts';
import type { Intent, ServiceName } from '../../model/types.ts';
import { isWorkingTree } from '../intent-source.ts';
import type { Base, Candidate } from './candidate.ts';
import { lostWays, type TrafficEvidence } from './lost-ways.ts';
import { replacedBundles } from './replaced-bundles.ts';

/** A larger part of what a proxy has is more likely a mistake than a plan (rule K1). */
const removedShareMax = 0.2;
/** In a small proxy one edge is more than that share already. */
const removedCountMin = 3;
/** Half of it is what every proxy has left when no control plane answers: less than that ends traffic before a person is awake. */
const svidTtlSecondsMin = 600;

/** What a commit takes away that somebody may still need. A person lets it pass, or the commit says that it is meant. */
export function guardFindings(candidate: Candidate, evidence: TrafficEvidence): readonly Finding[] {
  const { base, tree, intent, inventory } = candidate;
  if (base === undefined) return [];
  return [
    ...goneServices(base.intent, intent, inventory),
    ...changedWires(base.intent, intent, inventory),
    // Files that are followed as they lie are somebody's own try, who sees at once what it does.
    ...(isWorkingTree(tree)
      ? []
      : [
          ...lostWays(base.intent, intent, evidence),
          ...shorterCertificates(base.intent, intent),
          ...replacedBundles(base.intent, intent),
        ]),
    ...goneResources(base, candidate),
  ];
}

function goneServices(before: Intent, after: Intent, inventory: Inventory): Finding[] {
  return [...before.services.keys()].flatMap((name) => {
    if (after.services.has(name)) return [];
    const ready = readyOf(name, inventory);
    if (ready.length === 0) return [];
    return [
      held(
        'CH4207',
        `the service ${name} is removed, and ${plural(ready.length, 'workload')} of it ${ready.length === 1 ? 'is' : 'are'} ready`,
        {
          found: named(ready.map(({ id }) => id)),
          help: 'stop its workloads first, or approve the removal',
        },
      ),
    ];
  });
}

/** Callers reach tcp in another way than requests, and no two proxies take a commit at the same moment. */
function changedWires(before: Intent, after: Intent, inventory: Inventory): Finding[] {
  return [...after.services.values()].flatMap(({ name, protocol, at }) => {
    const was = before.services.get(name)?.protocol ?? protocol;
    const isSame = (was === 'tcp') === (protocol === 'tcp');
    if (isSame || readyOf(name, inventory).length === 0) return [];
    return [
      held('CH4219', `${name} runs, and its protocol becomes ${protocol} where it was ${was}`, {
        at,
        found: named(readyOf(name, inventory).map(({ id }) => id)),
        help: 'make it another service and move its callers there, or approve the gap in between',
      }),
    ];
  });
}

/** No wave can tell: it hurts when the control plane is away, and then everywhere. */
function shorterCertificates(before: Intent, after: Intent): Finding[] {
  const [was, is] = [before, after].map(({ mesh }) => mesh.defaults.svidTtlSeconds);
  if (was === undefined || is === undefined || is >= Math.min(was, svidTtlSecondsMin)) return [];
  return [
    held('CH4220', `certificates would live ${is}s where they lived ${was}s`, {
      at: after.mesh.at,
      expected: `a svid_ttl of ${svidTtlSecondsMin}s or more`,
      found: `without a control plane for ${Math.floor(is / 2)}s, traffic ends everywhere`,
      help: 'let them live longer, or approve it',
    }),
  ];
}

function readyOf(name: ServiceName, inventory: Inventory): Inventory {
  return inventory.filter(({ service, state }) => service === name && state === 'ready');
}

/** All workloads of a service have the same; one that runs now tells of all. */
function goneResources(base: Base, candidate: Candidate): Finding[] {
  const looked = new Set<ServiceName>();
  return candidate.inventory.flatMap(({ id, service }) => {
    const before = base.snapshots.get(id);
    const after = candidate.snapshots.get(id);
    if (before === undefined || after === undefined || looked.has(service)) return [];
    looked.add(service);
    const kinds = [
      ...kindsOfResources(before, after),
      callees(service, base.intent, candidate.intent),
    ];
    return kinds.flatMap(({ kind, had, has }) => {
      const gone = had === has ? [] : [...had].filter((name) => !has.has(name));
      if (gone.length < removedCountMin || gone.length <= had.size * removedShareMax) return [];
      return [goneFinding({ candidate, service, id, kind, gone, had: had.size })];
    });
  });
}

function goneFinding(what: {
  readonly candidate: Candidate;
  readonly service: ServiceName;
  readonly id: WorkloadId;
  readonly kind: string;
  readonly gone: readonly string[];
  readonly had: number;
}): Finding {
  const { candidate, service, kind, gone, had } = what;
  const at = candidate.intent.services.get(service)?.at;
  return held('CH4206', `proxies of ${service} would lose ${gone.length} of ${had} ${kind}`, {
    ...(at === undefined ? {} : { at }),
    expected: `at most ${removedShareMax * 100} % of them in one commit`,
    found: `without ${named(gone)}`,
    help: 'take them away in smaller steps, or approve the removal',
  });
}

interface Kind {
  readonly kind: string;
  readonly had: ReadonlySet<string>;
  readonly has: ReadonlySet<string>;
}

function kindsOfResources(before: Snapshot, after: Snapshot): Kind[] {
  const kindOf = (kind: string, type: keyof typeof typeUrls): Kind => {
    const [was, is] = [before, after].map((snapshot) => snapshot.get(typeUrls[type]));
    const had = new Set(was?.keys());
    return { kind, had, has: was === is ? had : new Set(is?.keys()) };
  };
  return [kindOf('clusters', 'cluster'), kindOf('listeners', 'listener')];
}

function callees(service: ServiceName, before: Intent, after: Intent): Kind {
  const [had, has] = [new Set(calleesOf(before, service)), new Set(calleesOf(after, service))];
  return { kind: 'destinations', had, has };
}

function held(code: Finding['code'], message: string, rest: Partial<Finding>): Finding {
  return { code, severity: 'error', message, ...rest };
}

const namesShown = 5;

function named(names: readonly string[]): string {
  const more = names.length - namesShown;
  return `${names.slice(0, namesShown).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
