import type { Rollout } from '../../src/rollout/rollout.ts';
import { callApi } from '../../src/serve/api/client.ts';
import { paths, type RevisionsReply } from '../../src/serve/api/wire.ts';
import { eventually } from './running-mesh.ts';

/** Waits until the rollout of a commit is so; a control plane that does not answer is asked again. */
export async function rolloutBecomes(
  controlSocket: string,
  commit: string,
  is: (rollout: Rollout) => boolean,
  { withinMs = 25_000, more = (): string => '' } = {},
): Promise<Rollout> {
  let last: Rollout | undefined;
  const look = async (): Promise<boolean> => {
    const reply = callApi(controlSocket, { method: 'GET', path: paths.revisions });
    const { revisions } = (await reply.catch(() => ({ revisions: [] }))) as RevisionsReply;
    last = revisions.find((one) => one.commit === commit);
    return last !== undefined && is(last);
  };
  await eventually(look, withinMs, () => `${commit}: ${JSON.stringify(last)}${more()}`);
  if (last === undefined) throw new Error(`no rollout of ${commit}`);
  return last;
}
