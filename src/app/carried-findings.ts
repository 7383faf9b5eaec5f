import type { Finding } from '../base/finding.ts';
import { asItStands, type Contained } from '../model/contained.ts';
import type { CarriedCommit } from './intent-state.ts';

/** For a screen; `chancery check` has all. */
const shownMax = 20;

/** What this version would refuse of what runs, and what each comes to until a commit mends it. The worst first. */
export function carriedFindings(commits: readonly CarriedCommit[]): readonly Finding[] {
  return commits.flatMap(({ tree, carried }) => {
    const closed = carried.filter((error) => !goesOn(error));
    const shown = [...closed, ...carried.filter(goesOn)].slice(0, shownMax);
    const more = carried.length - shown.length;
    return shown.map((error, index): Finding => {
      const isLast = more > 0 && index === shown.length - 1;
      return carriedFinding(tree.commit, error, isLast ? [`and ${more} more like it`] : []);
    });
  });
}

export function goesOn({ meanwhile }: Contained): boolean {
  return meanwhile === asItStands;
}

function carriedFinding(commit: string, error: Contained, notes: readonly string[]): Finding {
  const { code, message, meanwhile, at } = error;
  const runs = `the commit that runs, ${commit.slice(0, 12)}`;
  const said: Pick<Finding, 'code' | 'severity' | 'message'> = goesOn(error)
    ? {
        code: 'CH4246',
        severity: 'warning',
        message: `${runs}, would be refused by this version: ${code}, ${message}`,
      }
    : {
        code: 'CH4247',
        severity: 'error',
        message: `of ${runs}, this version does not understand a part: ${code}, ${message}`,
      };
  return {
    ...said,
    ...(at === undefined ? {} : { at }),
    found: meanwhile,
    ...(notes.length === 0 ? {} : { notes }),
    help: 'commit what mends it: what comes is judged by the rules of this version; chancery check says all of them',
  };
}

/** Of the first error, with the others counted. */
export function unreadFinding(commit: string, findings: readonly Finding[]): Finding {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  const why =
    first === undefined ? 'the store does not have it' : `${first.code}, ${first.message}`;
  return {
    code: 'CH4248',
    severity: 'error',
    message: `the commit that the mesh runs, ${commit.slice(0, 12)}, cannot be read by this version: ${why}`,
    ...(first?.at === undefined ? {} : { at: first.at }),
    ...(errors.length > 1 ? { notes: [`and ${errors.length - 1} more errors`] } : {}),
    help: 'start the version that accepted it, or commit what this version takes',
  };
}
