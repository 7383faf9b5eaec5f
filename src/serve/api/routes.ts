import type { OperatorRole } from '../../model/types.ts';
import {
  type BodyShape,
  caller,
  flag,
  number,
  optional,
  pemBytesMax,
  type ShapeOf,
  self,
  text,
  word,
  wordsBytesMax,
} from './body-shape.ts';
import type { ApiTokenRequest, ApiTokenRevokeRequest } from './operator-wire.ts';
import { numberParameter, type QueryShape, textParameter, timeParameter } from './query-shape.ts';
import {
  type CaImportRequest,
  type CaRequestBody,
  type CaStepRequest,
  type FederationRefreshRequest,
  type HostStepRequest,
  type JoinTokenRequest,
  paths,
  type RevisionStepRequest,
} from './wire.ts';
import type { BreakglassRequest, BreakglassStepRequest } from './wire-breakglass.ts';
import type { ApprovalRequest } from './wire-gate.ts';
import type { ShadowRequest, ShadowStopRequest } from './wire-shadow.ts';

/** One call of the operators' API. What is not in the table is not served, and the OpenAPI document is made from it. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** `{name}` stands for one segment. */
  readonly path: string;
  readonly role: OperatorRole;
  readonly summary: string;
  readonly query: QueryShape;
  /** Without one, whatever comes with the request is let go by. */
  readonly body: BodyShape | undefined;
  /** A type of wire.ts or operator-wire.ts, `text`, `document`, or `lines of` a type as they come. */
  readonly reply: string;
}

/** A grant names what is needed now. */
const operationsBytesMax = 8_192;
/** Of a packed intent in base64: with what is around it below what a call may bring. */
export const shadowFilesBytesMax = 3 * 1024 * 1024;
/** What is longer is a mistake. */
const secondsMax = 10 * 365 * 86_400;

const hostStep: ShapeOf<HostStepRequest> = { by: caller, reason: text(wordsBytesMax) };
const joinToken: ShapeOf<JoinTokenRequest> = {
  host: text(wordsBytesMax),
  ttlSeconds: number(secondsMax),
  replaces: flag,
  by: caller,
};
const caStep: ShapeOf<CaStepRequest> = {
  step: word('prepare', 'activate', 'taint', 'revoke', 'abandon'),
  what: optional(word('root', 'intermediate', 'own-root')),
  driven: optional(word('auto', 'hand')),
  force: optional(flag),
  by: caller,
};
const caRequest: ShapeOf<CaRequestBody> = { replace: flag, by: caller };
const caImport: ShapeOf<CaImportRequest> = {
  chain: text(pemBytesMax),
  root: optional(text(pemBytesMax)),
  key: optional(text(pemBytesMax)),
  driven: word('auto', 'hand'),
  by: caller,
};
const refresh: ShapeOf<FederationRefreshRequest> = { trustDomain: text(wordsBytesMax) };
const apiToken: ShapeOf<ApiTokenRequest> = {
  name: text(wordsBytesMax),
  role: word('viewer', 'operator', 'admin'),
  ttlSeconds: number(secondsMax),
  by: caller,
};
const apiTokenRevoke: ShapeOf<ApiTokenRevokeRequest> = { by: caller };

const revisionStep: ShapeOf<RevisionStepRequest> = {
  step: word('halt', 'resume', 'rollback'),
  commit: optional(text(wordsBytesMax)),
  by: caller,
};
const approval: ShapeOf<ApprovalRequest> = { commit: text(wordsBytesMax), by: caller };

const breakglass: ShapeOf<BreakglassRequest> = {
  who: text(wordsBytesMax),
  callee: text(wordsBytesMax),
  operations: optional(text(operationsBytesMax)),
  forMs: number(secondsMax * 1_000),
  reason: text(wordsBytesMax),
  ticket: optional(text(wordsBytesMax)),
  by: self,
};
const breakglassStep: ShapeOf<BreakglassStepRequest> = { by: self };
const shadow: ShapeOf<ShadowRequest> = {
  branch: text(wordsBytesMax),
  commit: text(wordsBytesMax),
  subject: text(wordsBytesMax),
  files: optional(text(shadowFilesBytesMax)),
  forMs: number(secondsMax * 1_000),
  by: caller,
};
const shadowStop: ShapeOf<ShadowStopRequest> = { by: caller };

/** Entries in one answer: below a megabyte, and read from the store in a few milliseconds. */
export const ledgerPageMax = 1_000;

const at: QueryShape = { at: timeParameter('as it was then, as far as the ledger holds it') };
const ledgerQuery: QueryShape = {
  kind: textParameter('only of these kinds', true),
  subject: textParameter('only of this proxy, commit, host or SPIFFE ID'),
  by: textParameter('only what this person or program did'),
  since: timeParameter('not before'),
  until: timeParameter('not after'),
  beforeMs: timeParameter('with beforeSeq, the page after the entry of this time'),
  beforeSeq: numberParameter('and of this number', 0, Number.MAX_SAFE_INTEGER),
  limit: numberParameter('at most so many', 1, ledgerPageMax),
};
const intentQuery: QueryShape = { ...at, commit: textParameter('that commit; by its whole id') };
const flowsQuery: QueryShape = {
  service: textParameter('only of this service'),
  since: timeParameter('only what came since'),
};
const resourceQuery: QueryShape = { id: textParameter('type, version and name') };

export const routes: readonly Route[] = [
  get(paths.live, 'viewer', 'LiveReply', 'whether the process runs'),
  get(paths.ready, 'viewer', 'ReadyReply', 'whether it can serve, and what cannot; 503 if not'),
  get(paths.metrics, 'viewer', 'text', 'metrics of the control plane, for Prometheus'),
  get(paths.openApi, 'viewer', 'document', 'this document'),
  get(
    paths.status,
    'viewer',
    'StatusReply',
    'proxies, workloads, the running commit, warnings',
    at,
  ),
  get(paths.events, 'viewer', 'lines of MeshEvent', 'what happens from now on, one JSON a line'),
  get(
    paths.revisions,
    'viewer',
    'RevisionsReply',
    'revisions and their waves since the control plane started, newest first; with `at` those of the ledger',
    at,
  ),
  post(
    paths.revisionSteps,
    'operator',
    revisionStep,
    'RevisionsReply',
    'halt, resume or take back the revision that is under way',
  ),
  get(paths.verdicts, 'viewer', 'VerdictsReply', 'what became of each commit, newest first', at),
  get(`${paths.verdicts}/{name}`, 'viewer', 'CommitReply', 'whether a commit is live, and where'),
  post(paths.approvals, 'operator', approval, 'CommitVerdict', 'let a commit pass a guard rail'),
  get(paths.flows, 'viewer', 'FlowsReply', 'who came in to services lately', flowsQuery),
  get(paths.shadow, 'viewer', 'ShadowReply', 'what a policy that rides along would do otherwise'),
  post(
    paths.shadow,
    'operator',
    shadow,
    'ShadowReply',
    'let the policy of a commit ride along with live traffic, deciding nothing',
  ),
  post(paths.shadowStop, 'operator', shadowStop, 'ShadowReply', 'end what rides along'),
  get(paths.intent, 'viewer', 'IntentReply', 'what the mesh runs on, file by file', intentQuery),
  get(
    paths.ledger,
    'viewer',
    'LedgerReply',
    'what happened: by subject, kind and time, newest first',
    ledgerQuery,
  ),
  get(
    paths.resources,
    'viewer',
    'MadeReply',
    'what a version of a resource stands for',
    resourceQuery,
  ),
  get(
    `${paths.proxies}/{name}`,
    'viewer',
    'ProxyReply',
    'what a proxy runs or ran, from which lines',
    at,
  ),
  get(paths.hosts, 'viewer', 'HostsReply', 'every host', at),
  get(`${paths.hosts}/{name}`, 'viewer', 'HostsReply', 'one host', at),
  post(`${paths.hosts}/{name}/ban`, 'operator', hostStep, 'HostsReply', 'cut a host off'),
  post(`${paths.hosts}/{name}/evict`, 'operator', hostStep, 'HostsReply', 'forget a host'),
  post(paths.joinTokens, 'operator', joinToken, 'JoinTokenReply', 'a token for one new host'),
  get(paths.ca, 'viewer', 'CaReply', 'what signs, and where a rotation stands', at),
  post(paths.caSteps, 'admin', caStep, 'CaReply', 'one step of a rotation'),
  post(paths.caRequests, 'admin', caRequest, 'CaRequestReply', "a key for the company's CA"),
  post(paths.caImports, 'admin', caImport, 'CaReply', "take what the company's CA signed"),
  get(paths.federation, 'viewer', 'FederationReply', 'trust domains that are believed', at),
  post(paths.federationRefresh, 'operator', refresh, 'PeerReply', 'fetch a bundle now'),
  get(
    paths.apiTokens,
    'admin',
    'ApiTokensReply',
    'tokens for this API; their secrets are not kept',
    at,
  ),
  post(paths.apiTokens, 'admin', apiToken, 'ApiTokenReply', 'make a token for this API'),
  post(
    `${paths.apiTokens}/{name}/revoke`,
    'admin',
    apiTokenRevoke,
    'ApiTokensReply',
    'end a token now',
  ),
  get(paths.breakglass, 'viewer', 'BreakglassReply', 'access that was granted beside Git', at),
  get(`${paths.breakglass}/{name}`, 'viewer', 'BreakglassReply', 'one such grant', at),
  post(
    paths.breakglass,
    'operator',
    breakglass,
    'BreakglassStepReply',
    'grant access beside Git, for a time; answers when it is live',
  ),
  post(
    `${paths.breakglass}/{name}/approve`,
    'operator',
    breakglassStep,
    'BreakglassStepReply',
    'let a grant of somebody else take effect',
  ),
  post(
    `${paths.breakglass}/{name}/revoke`,
    'operator',
    breakglassStep,
    'BreakglassStepReply',
    'end a grant now',
  ),
];

function get(
  path: string,
  role: OperatorRole,
  reply: string,
  summary: string,
  query: QueryShape = {},
): Route {
  return { method: 'GET', path, role, summary, query, body: undefined, reply };
}

function post(
  path: string,
  role: OperatorRole,
  body: BodyShape,
  reply: string,
  summary: string,
): Route {
  return { method: 'POST', path, role, summary, query: {}, body, reply };
}

export type FoundRoute =
  | { readonly kind: 'route'; readonly route: Route }
  /** The path is there, with these methods. */
  | { readonly kind: 'other method'; readonly methods: readonly string[] }
  | { readonly kind: 'none' };

export function findRoute(method: string, path: string): FoundRoute {
  const there = routes.filter((route) => matches(route.path, path));
  const route = there.find((one) => one.method === method);
  if (route !== undefined) return { kind: 'route', route };
  if (there.length === 0) return { kind: 'none' };
  return { kind: 'other method', methods: there.map((one) => one.method) };
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length &&
    wanted.every((part, at) => (part === '{name}' ? given[at] !== '' : part === given[at]))
  );
}

const ranks: Readonly<Record<OperatorRole, number>> = { viewer: 0, operator: 1, admin: 2 };

/** Each role may do what those before it may. */
export function mayAct(role: OperatorRole, wanted: OperatorRole): boolean {
  return ranks[role] >= ranks[wanted];
}
