import type { Finding } from '../../base/finding.ts';
import { hostFits } from '../../identity/hosts/host-record.ts';
import type { Selector } from '../../model/types.ts';
import type { Candidate } from './candidate.ts';

/** What a host shows of itself; undefined: no such host was admitted. */
export type HostShows = (host: string) => readonly Selector[] | undefined;

/** Every certificate, and the CA itself, is of the trust domain that the mesh began with. */
export function trustDomainFindings({ base, intent }: Candidate): readonly Finding[] {
  const was = base?.intent.mesh.trustDomain;
  const { trustDomain, at } = intent.mesh;
  if (was === undefined || was === trustDomain) return [];
  return [
    {
      code: 'CH4217',
      severity: 'error',
      message: `the trust domain of a mesh that runs cannot become ${trustDomain}`,
      at,
      expected: was,
      found: trustDomain,
      help: 'leave it as it is; another trust domain is another mesh, which `peers` can join to this one',
    },
  ];
}

/**
 * Processes that would be the service no more: an agent knows them by what they show, and all agents hear of it at once. A
 * wave could not tell, for what a process has of its identity it keeps until that ends.
 */
export function processFindings({ base, intent }: Candidate): readonly Finding[] {
  return [...intent.services.values()].flatMap(({ name, identity }) => {
    const was = base?.intent.services.get(name)?.identity.selectors ?? [];
    const shown = new Set(was.map(textOf));
    const { at, selectors } = identity;
    const wanted = selectors.map(textOf);
    const isKept = selectors.length > 0 && wanted.every((one) => shown.has(one));
    if (was.length === 0 || isKept) return [];
    const finding: Finding = {
      code: 'CH4225',
      severity: 'error',
      message: `a process that is ${name} now is it no more, unless it shows something else`,
      at,
      expected: `at most ${[...shown].join(', ')}`,
      found: wanted.join(', ') || 'nothing that a process could show',
      help: 'start the processes so that they show it first, or approve it',
    };
    return [finding];
  });
}

function textOf({ kind, value }: Selector): string {
  return `${kind} ${value}`;
}

/** Workloads that run on a host which the commit no longer lets have them: it could renew nothing there, and tell nothing. */
export function hostFindings(
  { intent, inventory }: Candidate,
  showsOf: HostShows,
): readonly Finding[] {
  const running = Map.groupBy(inventory, ({ service }) => service);
  return [...intent.services.values()].flatMap(({ name, identity }) => {
    const cut = (running.get(name) ?? []).filter(({ host }) => {
      const shown = showsOf(host);
      return shown !== undefined && !hostFits(identity.hostSelectors, shown);
    });
    const [first] = cut;
    if (first === undefined) return [];
    const { at, hostSelectors } = identity;
    const others = cut.length === 1 ? '' : `, and ${cut.length - 1} more of its workloads`;
    const finding: Finding = {
      code: 'CH4218',
      severity: 'error',
      message: `${first.id} runs on the host ${first.host}, which may not run ${name} any more${others}`,
      at,
      expected: 'a host that runs it now',
      found: hostSelectors.map(textOf).join(', '),
      help: 'move the workloads first, or approve it',
    };
    return [finding];
  });
}
