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
      found: hostSelectors.map(({ kind, value }) => `${kind} ${value}`).join(', '),
      help: 'move the workloads first, or approve it',
    };
    return [finding];
  });
}
