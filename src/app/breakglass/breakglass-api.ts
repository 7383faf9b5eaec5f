import type { Refusal } from '../../base/finding.ts';
import type { Random } from '../../base/random.ts';
import type { Result } from '../../base/result.ts';
import { denialsOver } from '../../breakglass/denials.ts';
import { type Grant, grantAt, newGrant } from '../../breakglass/grant.ts';
import { resolveScope } from '../../breakglass/grant-rule.ts';
import type { BreakglassRules } from '../../model/types.ts';
import { numberOf } from '../../serve/api/query-shape.ts';
import { type ApiReply, type ApiRequest, refused } from '../../serve/api/server.ts';
import { paths } from '../../serve/api/wire.ts';
import type {
  BreakglassReply,
  BreakglassRequest,
  BreakglassStepReply,
  BreakglassStepRequest,
  GrantInfo,
} from '../../serve/api/wire-breakglass.ts';
import type { Store } from '../../store/store.ts';
import { allEntries } from '../ledger-page.ts';
import { type Grants, noGrant } from './grants.ts';
import { awaitReach, type ReachParts } from './reach.ts';
import { type GrantUses, useKind } from './uses.ts';

export interface BreakglassApiParts extends ReachParts {
  readonly grants: Grants;
  readonly uses: GrantUses;
  readonly store: Store;
  readonly random: Random;
}

const idBytes = 4;
/** Less is over before it is live. */
const forMsMin = 1_000;

/** Access beside Git; undefined when the request is about something else. */
export async function breakglassApi(
  parts: BreakglassApiParts,
  { method, path, query, body }: ApiRequest,
): Promise<ApiReply | undefined> {
  const atMs = numberOf(query, 'at');
  if (path === paths.breakglass) {
    if (method === 'POST') return grant(parts, body as BreakglassRequest);
    return atMs === undefined
      ? listed(parts, parts.grants.all)
      : listedAt(parts, parts.grants.all, atMs);
  }
  if (!path.startsWith(`${paths.breakglass}/`)) return undefined;
  const [name = '', step] = path.slice(paths.breakglass.length + 1).split('/');
  const id = decodeURIComponent(name);
  const known = parts.grants.get(id);
  if (known === undefined) return refused(404, noGrant(id));
  if (method === 'GET') {
    return atMs === undefined ? listed(parts, [known]) : oneAt(parts, known, atMs);
  }
  const { by } = body as BreakglassStepRequest;
  return step === 'approve' ? approve(parts, known, by) : revoke(parts, known, by);
}

function listed({ uses }: BreakglassApiParts, grants: readonly Grant[]): ApiReply {
  const infos = grants.map((one): GrantInfo => {
    const { uses: count, lastMs } = uses.of(one.id);
    return { grant: one, uses: count, lastUseMs: count === 0 ? undefined : lastMs };
  });
  const body: BreakglassReply = { grants: infos };
  return { kind: 'json', body };
}

/** A grant that is kept says itself when it was what; how often it had been used by then the ledger says. */
async function listedAt(
  { store }: BreakglassApiParts,
  kept: readonly Grant[],
  atMs: number,
): Promise<ApiReply> {
  const grants = kept.flatMap((one) => grantAt(one, atMs) ?? []);
  const sinceMs = Math.min(...grants.map(({ askedMs }) => askedMs), atMs);
  const told = await allEntries(store, { kind: useKind, sinceMs, untilMs: atMs });
  const usesOf = Map.groupBy(told, ({ subject }) => subject);
  const infos = grants.map((one): GrantInfo => {
    const uses = (usesOf.get(one.id) ?? []).map(({ facts }) => facts);
    const lastMs = uses.map(({ lastMs: last }) => Number(last));
    return {
      grant: one,
      uses: uses.reduce((sum, { uses: more }) => sum + Number(more), 0),
      lastUseMs: uses.length === 0 ? undefined : Math.max(...lastMs),
    };
  });
  const body: BreakglassReply = { grants: infos };
  return { kind: 'json', body };
}

function oneAt(
  parts: BreakglassApiParts,
  known: Grant,
  atMs: number,
): Promise<ApiReply> | ApiReply {
  return known.askedMs > atMs ? refused(404, noGrant(known.id)) : listedAt(parts, [known], atMs);
}

async function grant(parts: BreakglassApiParts, request: BreakglassRequest): Promise<ApiReply> {
  const { plane, grants, clock, random } = parts;
  const rules = plane.mesh?.breakglass;
  const { intent } = plane;
  if (rules === undefined || intent.kind !== 'running') return refused(409, nothingRuns());
  const operations = operationsIn(request.operations);
  const { who, callee, forMs, reason, ticket, by } = request;
  const problem = notOneOf(rules, by) ?? requestProblem(request, rules);
  if (problem !== undefined) return problem;
  const scope = resolveScope(intent.intent, { who, callee, operations });
  if (!scope.ok) return refused(400, scope.error);
  const asked = {
    ...{ id: Buffer.from(random.bytes(idBytes)).toString('hex'), who, callee, operations },
    ...{ forMs, reason, by, askedMs: clock.nowMs() },
    ...(isEmpty(ticket) ? {} : { ticket }),
  };
  return stepReply(parts, () => grants.add(newGrant(asked, rules)));
}

/** An empty text is a mistake, such as an unset variable of a script, and not a wish for everything: it names no operation. */
function operationsIn(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.length === 0 ? [''] : lines;
}

/** By the rules of now: since it was asked for they may have become narrower, or the asker nobody who may. */
async function approve(parts: BreakglassApiParts, known: Grant, by: string): Promise<ApiReply> {
  const { grants, plane, clock } = parts;
  const rules = plane.mesh?.breakglass;
  const problem =
    rules === undefined || known.state.kind !== 'waiting'
      ? undefined
      : (notOneOf(rules, by) ?? notOneOf(rules, known.by) ?? requestProblem(known, rules));
  if (problem !== undefined) return problem;
  const step = { kind: 'approve', by, atMs: clock.nowMs() } as const;
  return stepReply(parts, () => grants.step(known.id, step));
}

/** Any operator may: what is closed too early is opened again more easily than the other way round. */
async function revoke(parts: BreakglassApiParts, known: Grant, by: string): Promise<ApiReply> {
  const { grants, clock } = parts;
  const step = { kind: 'revoke', by, atMs: clock.nowMs() } as const;
  return stepReply(parts, () => grants.step(known.id, step));
}

/** Takes a step, and tells of it once it is live. */
async function stepReply(
  parts: BreakglassApiParts,
  take: () => Promise<Result<Grant, Refusal>>,
): Promise<ApiReply> {
  const beganMs = parts.clock.monotonicMs();
  const taken = await take();
  if (!taken.ok) return refused(409, taken.error);
  const after = taken.value;
  const { intent } = parts.plane;
  const scope = intent.kind === 'running' ? resolveScope(intent.intent, after) : undefined;
  const denials = scope?.ok ? denialsOver(scope.value) : [];
  const body: BreakglassStepReply = {
    grant: after,
    reach: after.state.kind === 'waiting' ? undefined : await awaitReach(parts, beganMs),
    denials: denials.map(({ id, at: { file, line } }) => ({ rule: id, at: { file, line } })),
  };
  return { kind: 'json', body };
}

function notOneOf({ who }: BreakglassRules, by: string): ApiReply | undefined {
  if (who === undefined || who.some(({ name }) => name === by)) return undefined;
  return refused(403, {
    code: 'CH4235',
    message: `${by} may not grant access beside Git`,
    expected: `one of ${who.map(({ name }) => name).join(', ')} (\`breakglass\` in mesh.yaml)`,
    found: by,
  });
}

function requestProblem(
  { forMs, reason, ticket }: Pick<BreakglassRequest, 'forMs' | 'reason' | 'ticket'>,
  rules: BreakglassRules,
): ApiReply | undefined {
  const wrong = (message: string, more: Partial<Refusal>): ApiReply =>
    refused(400, { code: 'CH4232', message, ...more });
  if (!(forMs >= forMsMin && forMs <= rules.forMsMax)) {
    return wrong('a break-glass grant cannot last that long', {
      expected: `from 1s to ${rules.forMsMax / 1_000}s (\`breakglass: { max }\` in mesh.yaml)`,
      found: `${forMs / 1_000}s`,
    });
  }
  if (isEmpty(reason)) return wrong('a break-glass grant needs a reason', { expected: 'a text' });
  if (!isOneLine(reason) || !isOneLine(ticket)) {
    return wrong('the reason or ticket of a break-glass grant holds control characters', {
      expected: 'one line of text: it is shown wherever the grant is',
    });
  }
  if (rules.ticket === 'required' && isEmpty(ticket)) {
    return wrong('a break-glass grant needs a ticket', {
      expected: 'the ticket that it is for (`breakglass: { ticket: required }` in mesh.yaml)',
    });
  }
  return undefined;
}

function isEmpty(text: string | undefined): boolean {
  return text === undefined || text.trim() === '';
}

/** No line end, and nothing that a terminal would obey. */
function isOneLine(text = ''): boolean {
  return !/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(text);
}

function nothingRuns(): Refusal {
  return { code: 'CH4232', message: 'nothing runs yet to which access could be granted' };
}
