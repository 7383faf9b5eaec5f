import type { RolloutStep } from '../../rollout/rollout.ts';
import { type ApiReply, type ApiRequest, refused } from '../../serve/api/server.ts';
import { paths, type RevisionStepRequest, type RevisionsReply } from '../../serve/api/wire.ts';
import type { ControlPlane } from '../control-plane.ts';
import { upgradeReply } from '../upgrade/upgrade-report.ts';
import type { Upgrades } from '../upgrade/upgrades.ts';
import type { Rollouts } from './rollouts.ts';

export interface RolloutApiParts {
  readonly rollouts: Rollouts;
  readonly upgrades: Upgrades;
  readonly plane: Pick<ControlPlane, 'publisher'>;
}

/** What operators ask about revisions; undefined when the request is about something else. */
export async function rolloutApi(
  parts: RolloutApiParts,
  { method, path, body }: ApiRequest,
): Promise<ApiReply | undefined> {
  if (method === 'GET' && path === paths.revisions) return list(parts);
  if (method === 'POST' && path === paths.revisionSteps) {
    return step(parts, body as RevisionStepRequest);
  }
  return undefined;
}

function list({ rollouts, upgrades, plane }: RolloutApiParts): ApiReply {
  const upgrade = upgradeReply({ publisher: plane.publisher, upgrades });
  const body: RevisionsReply = {
    revisions: rollouts.all,
    ...(upgrade === undefined ? {} : { upgrade }),
  };
  return { kind: 'json', body };
}

async function step(
  parts: RolloutApiParts,
  { step, commit, by }: RevisionStepRequest,
): Promise<ApiReply> {
  const { rollouts, upgrades } = parts;
  const isUpgrade = rollouts.current === undefined && upgrades.isOpen;
  const current = isUpgrade ? upgrades.rollout : rollouts.current;
  if (commit !== undefined && current?.commit.startsWith(commit) !== true) {
    return refused(409, {
      code: 'CH4222',
      message: `the revision ${commit} is not under way`,
      expected: current === undefined ? 'no revision is under way' : current.commit,
    });
  }
  const result = await (isUpgrade ? upgrades : rollouts).step(stepOf(step, by));
  if (!result.ok) {
    const help =
      current === undefined && step === 'rollback'
        ? 'what is live already is taken back in Git: git revert COMMIT'
        : 'chancery revision list shows where each one stands';
    return refused(409, { code: 'CH4222', message: result.error, help });
  }
  return list(parts);
}

function stepOf(step: RevisionStepRequest['step'], by: string): RolloutStep {
  switch (step) {
    case 'halt':
      return { kind: 'halt', by };
    case 'resume':
      return { kind: 'resume' };
    case 'rollback':
      return { kind: 'roll-back', by };
  }
}
