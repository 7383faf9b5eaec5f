import type { Clock } from '../../base/clock.ts';
import { ChanceryError } from '../../base/error.ts';
import type { Refusal } from '../../base/finding.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Intent } from '../../model/types.ts';
import { type ApiReply, type ApiRequest, refused } from '../../serve/api/server.ts';
import { paths } from '../../serve/api/wire.ts';
import type { ShadowReply, ShadowRequest, ShadowStopRequest } from '../../serve/api/wire-shadow.ts';
import type { IntentSource } from '../intent-source.ts';
import { readIntent } from '../read-intent.ts';
import { unpackFiles } from './shadow-files.ts';
import type { Shadows } from './shadows.ts';

export interface ShadowApiParts {
  readonly shadows: Shadows;
  readonly source: IntentSource;
  readonly clock: Clock;
}

/** A look at live traffic, not a second policy that stays. */
const shadowForMsMax = 24 * 3_600_000;
const forMsMin = 1_000;

/** What rides along, has it ride, ends it; undefined when the request is about something else. */
export async function shadowApi(
  parts: ShadowApiParts,
  { method, path, body }: ApiRequest,
): Promise<ApiReply | undefined> {
  const { shadows } = parts;
  if (method === 'GET' && path === paths.shadow) return replyOf(shadows);
  if (method !== 'POST') return undefined;
  try {
    if (path === paths.shadow) return await start(parts, body as ShadowRequest);
    if (path !== paths.shadowStop) return undefined;
    const { by } = body as ShadowStopRequest;
    const stopped = await shadows.stop(by);
    return stopped.ok ? replyOf(shadows) : refused(409, stopped.error);
  } catch (error) {
    if (error instanceof ChanceryError) return refused(503, error.finding);
    throw error;
  }
}

function replyOf({ info }: Shadows): ApiReply {
  return { kind: 'json', body: { shadow: info } satisfies ShadowReply };
}

async function start(parts: ShadowApiParts, request: ShadowRequest): Promise<ApiReply> {
  const { branch, commit, subject, forMs, by } = request;
  if (forMs < forMsMin || forMs > shadowForMsMax) {
    return refused(400, {
      code: 'CH5431',
      message: 'a shadow rides for a second at least and a day at most',
      expected: `\`forMs\` from ${forMsMin} to ${shadowForMsMax}`,
      found: String(forMs),
    });
  }
  const files = await filesOf(parts, request);
  if (files === undefined) return refused(404, notHeld(commit));
  const intent = intentOf(files, branch, parts.clock.nowMs());
  if (!intent.ok) return refused(400, intent.error);
  const given = { branch, commit, subject, by, forMs, files, intent: intent.value };
  const started = await parts.shadows.start(given);
  return started.ok ? replyOf(parts.shadows) : refused(409, started.error);
}

/** What the repository says goes before what was sent: then it is that commit for certain. */
async function filesOf(
  { source }: ShadowApiParts,
  { commit, files }: ShadowRequest,
): Promise<ReadonlyMap<string, string> | undefined> {
  const tree = await source.at(commit);
  if (tree !== undefined) return tree.files;
  return files === undefined ? undefined : unpackFiles(Buffer.from(files, 'base64'));
}

/** All of it must hold, as for a commit that is to run. */
function intentOf(
  files: ReadonlyMap<string, string>,
  branch: string,
  nowMs: number,
): Result<Intent, Refusal> {
  const { intent, findings } = readIntent(files, nowMs);
  if (intent !== undefined) return ok(intent);
  const errors = findings.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  return err({
    code: 'CH4241',
    message: `${branch} does not hold, so nothing can be decided by it`,
    ...(first && { found: `${first.code}: ${first.message}` }),
    ...(first?.at && { at: first.at }),
    ...(errors.length < 2 ? {} : { notes: [`and ${errors.length - 1} more`] }),
    help: 'chancery check says what is wrong with it',
  });
}

function notHeld(commit: string): Refusal {
  return {
    code: 'CH4242',
    message: `the control plane does not hold the commit ${commit}, and no files came with the call that can be read`,
    help: 'chancery shadow sends them; or push the branch to the repository that the control plane reads',
  };
}
