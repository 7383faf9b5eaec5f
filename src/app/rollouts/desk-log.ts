import type { Finding } from '../../base/finding.ts';
import type { HostReport } from '../../serve/api/wire.ts';

/** What a desk is known to decide by. */
type DeskStanding = Pick<HostReport, 'policy' | 'policyRefused'>;

/** What is shown at once; with more of them it is not the hosts that are wrong. */
const shownMax = 20;

/** Which policy the desk of each host has taken, and which one it could not read. */
export class DeskLog {
  readonly #hosts = new Map<string, DeskStanding>();

  take(host: string, report: DeskStanding | undefined): void {
    if (report === undefined) this.#hosts.delete(host);
    else {
      const { policy, policyRefused } = report;
      this.#hosts.set(host, {
        ...(policy === undefined ? {} : { policy }),
        ...(policyRefused === undefined ? {} : { policyRefused }),
      });
    }
  }

  /**
   * How the desk of a host stands to the policy that it is to have. `unknown`: it has told nothing, or is of before and tells
   * nothing of it.
   */
  of(
    host: string,
    wanted: string | undefined,
  ): 'unknown' | 'taken' | 'behind' | { readonly refused: string } {
    const told = this.#hosts.get(host);
    if (told === undefined || wanted === undefined) return 'unknown';
    if (told.policyRefused?.version === wanted) return { refused: told.policyRefused.problem };
    if (told.policy === undefined) return 'unknown';
    return told.policy === wanted ? 'taken' : 'behind';
  }

  /** The policy by which the desk of a host said last that it decides. */
  policyOf(host: string): string | undefined {
    return this.#hosts.get(host)?.policy;
  }

  /** Said for as long as it lasts. */
  get findings(): readonly Finding[] {
    return [...this.#hosts]
      .flatMap(([host, { policyRefused }]): Finding[] =>
        policyRefused === undefined ? [] : [refusedFinding(host, policyRefused.problem)],
      )
      .slice(0, shownMax);
  }
}

function refusedFinding(host: string, problem: string): Finding {
  return {
    code: 'CH5427',
    severity: 'error',
    message: `the desk of the host ${host} cannot read the policy, and decides by the last one: ${problem}`,
    help: 'see whether its agent is of an older version than the control plane; restart it with the present one',
  };
}
