import type { Clock } from '../../base/clock.ts';
import { nearestName } from '../../base/nearest.ts';
import type { Random } from '../../base/random.ts';
import { apiTokens, createApiToken, revokeApiToken } from '../../identity/api-token.ts';
import type { Authority } from '../../identity/authority.ts';
import type {
  ApiTokenInfo,
  ApiTokenReply,
  ApiTokenRequest,
  ApiTokenRevokeRequest,
  ApiTokensReply,
} from '../../serve/api/operator-wire.ts';
import { type ApiReply, type ApiRequest, refused } from '../../serve/api/server.ts';
import { paths } from '../../serve/api/wire.ts';
import type { Store } from '../../store/store.ts';

export interface TokenApiParts {
  readonly store: Store;
  readonly random: Random;
  readonly clock: Clock;
  readonly authority: Authority;
}

/** A token that nobody replaces within a year is a secret that nobody looks after. */
const ttlSecondsMax = 365 * 86_400;
/** One for each program and person that cannot have a certificate. */
const tokensMax = 1_000;
const tokenName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Tokens for the operators' API; undefined when the request is about something else. */
export async function tokenApi(
  parts: TokenApiParts,
  { method, path, body }: ApiRequest,
): Promise<ApiReply | undefined> {
  if (path === paths.apiTokens) {
    return method === 'GET' ? list(parts) : create(parts, body as ApiTokenRequest);
  }
  if (method !== 'POST' || !path.startsWith(`${paths.apiTokens}/`)) return undefined;
  const [name = '', step] = path.slice(paths.apiTokens.length + 1).split('/');
  return step === 'revoke' ? revoke(parts, name, body as ApiTokenRevokeRequest) : undefined;
}

async function list({ store }: TokenApiParts): Promise<ApiReply> {
  const body: ApiTokensReply = { tokens: (await apiTokens(store)).map(infoOf) };
  return { kind: 'json', body };
}

/** Without the hash: nobody needs it, and what is not shown cannot be searched for. */
function infoOf({ name, role, madeMs, endsMs, by }: ApiTokenInfo): ApiTokenInfo {
  return { name, role, madeMs, endsMs, by };
}

async function create(parts: TokenApiParts, request: ApiTokenRequest): Promise<ApiReply> {
  const { store, random, clock, authority } = parts;
  const { name, role, ttlSeconds, by } = request;
  const problem = requestProblem(request) ?? (await roomProblem(store));
  if (problem !== undefined) return problem;
  const nowMs = clock.nowMs();
  const endsMs = nowMs + ttlSeconds * 1_000;
  const token = await createApiToken({ store, random, nowMs }, { name, role, endsMs, by });
  if (token === undefined) {
    return refused(409, {
      code: 'CH5436',
      message: `there is a token "${name}" already`,
      help: `take another name, or end that one: chancery token revoke ${name}`,
    });
  }
  store.record({ atMs: nowMs, kind: 'api-token', subject: name, facts: { by, role, endsMs } });
  await store.flush();
  const body: ApiTokenReply = { token, endsMs, bundlePem: authority.bundlePem };
  return { kind: 'json', body };
}

function requestProblem({ name, ttlSeconds }: ApiTokenRequest): ApiReply | undefined {
  if (!tokenName.test(name)) {
    return refused(400, {
      code: 'CH5435',
      message: `"${name.slice(0, 100)}" is no name for a token`,
      expected: 'small letters, digits and inner hyphens, at most 63',
    });
  }
  if (ttlSeconds > 0 && ttlSeconds <= ttlSecondsMax) return undefined;
  return refused(400, {
    code: 'CH5435',
    message: 'a token cannot live that long',
    expected: `more than 0 and at most ${ttlSecondsMax} s (365d)`,
    found: `${ttlSeconds} s`,
  });
}

async function roomProblem(store: Store): Promise<ApiReply | undefined> {
  if ((await apiTokens(store)).length < tokensMax) return undefined;
  return refused(409, {
    code: 'CH5435',
    message: `there are ${tokensMax} tokens, and no more are kept`,
    help: 'chancery token list shows them; revoke what is not needed',
  });
}

async function revoke(
  parts: TokenApiParts,
  name: string,
  { by }: ApiTokenRevokeRequest,
): Promise<ApiReply> {
  const { store, clock } = parts;
  if (!(await revokeApiToken(store, name))) {
    const known = (await apiTokens(store)).map((one) => one.name);
    const nearest = nearestName(name, known);
    return refused(404, {
      code: 'CH5437',
      message: `there is no token "${name.slice(0, 100)}"`,
      ...(nearest === undefined ? {} : { nearest }),
      help: 'chancery token list shows all',
    });
  }
  store.record({ atMs: clock.nowMs(), kind: 'api-token-revoked', subject: name, facts: { by } });
  await store.flush();
  return list(parts);
}
