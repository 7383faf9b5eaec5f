import type { RolloutStep } from '../../rollout/rollout.ts';
import { type ApiReply, type ApiRequest, refused } from '../../serve/api/server.ts';
import { paths, type RevisionStepRequest } from '../../serve/api/wire.ts';
import type { Rollouts } from './rollouts.ts';

/** What operators ask about revisions; undefined when the request is about something else. */
export async function rolloutApi(
  { rollouts }: { readonly rollouts: Rollouts },
  { method, path, body }: ApiRequest,
): Promise<ApiReply | undefined> {
  if (method === 'GET' && path === paths.revisions) return list(rollouts);
  if (method === 'POST' && path === paths.revisionSteps) {
    return step(rollouts, body as RevisionStepRequest);
  }
  return undefined;
}

function list(rollouts: Rollouts): ApiReply {
  return { kind: 'json', body: { revisions: rollouts.all } };
}

async function step(
  rollouts: Rollouts,
  { step, commit, by }: RevisionStepRequest,
): Promise<ApiReply> {
  const current = rollouts.current;
  if (commit !== undefined && current?.commit.startsWith(commit) !== true) {
    return refused(409, {
      code: 'CH4222',
      message: `the revision ${commit} is not under way`,
      expected: current === undefined ? 'no revision is under way' : current.commit,
    });
  }
  const result = await rollouts.step(stepOf(step, by));
  if (!result.ok) {
    const help =
      current === undefined && step === 'rollback'
        ? 'what is live already is taken back in Git: git revert COMMIT'
        : 'chancery revision list shows where each one stands';
    return refused(409, { code: 'CH4222', message: result.error, help });
  }
  return list(rollouts);
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
