import { messageOf } from '../../base/error.ts';
import type { Code } from '../../base/finding.ts';
import type { OperatorRole } from '../../model/types.ts';
import { type BodyShape, isText, readBody, wordsBytesMax } from './body-shape.ts';
import { checkQuery, nameBytesMax } from './query-shape.ts';
import { findRoute, mayAct, type Route } from './routes.ts';
import {
  type ApiHandler,
  type ApiPeer,
  type ApiReply,
  type ApiRequest,
  type RefusedReply,
  refused,
} from './server.ts';

/** A call that was let in, and how it ended; for the audit and the counters. */
export interface ApiUse {
  readonly route: Route;
  readonly path: string;
  readonly by: string;
  readonly role: OperatorRole;
  /** Where it came from: an address, or this machine's socket and the user at its other end. */
  readonly from: string;
  /** What was asked for, in words; without certificates and keys. */
  readonly what: string;
  readonly status: number;
  /** Of the refusal, where it was one. */
  readonly code: Code | undefined;
}

interface Caller {
  readonly name: string;
  readonly role: OperatorRole;
  readonly from: string;
  /** Whether it may say on whose behalf it asks: only who is this machine's operator anyway. */
  readonly mayName: boolean;
}

/**
 * Lets through only calls of the route table, from who has the role, with a body of the right shape. The handler behind it
 * sees in `by` who asks.
 */
export function guarded(
  handler: ApiHandler,
  onUse: (use: ApiUse) => void,
  /** Calls of strangers and of what is not there are counted, and no more: they cost whoever makes them nothing. */
  onUnserved: (status: number) => void = () => {},
  faultOf: FaultOf = unexplained,
): ApiHandler {
  const unserved = (reply: RefusedReply): ApiReply => {
    onUnserved(reply.status);
    return reply;
  };
  return async (asked) => {
    // Node leaves the body out.
    const request = { ...asked, method: asked.method === 'HEAD' ? 'GET' : asked.method };
    const found = isReadable(request.path)
      ? findRoute(request.method, request.path)
      : ({ kind: 'none' } as const);
    const who = callerOf(request.peer);
    // Strangers do not learn what is there.
    if (who === undefined) return unserved(notKnown(request.peer));
    if (found.kind !== 'route') return unserved(notThere(asked, found));
    if (asked.method === 'HEAD' && isStream(found.route)) {
      return unserved(notThere(asked, { kind: 'other method', methods: [found.route.method] }));
    }
    const { route } = found;
    const ends = (reply: ApiReply, body?: unknown): ApiReply => {
      onUse({ route, path: request.path, ...useOf(who, route, body), ...outcomeOf(reply) });
      return reply;
    };
    if (!mayAct(who.role, route.role)) return ends(notAllowed(who, route));
    const wrong = wrongParameter(route, request);
    if (wrong !== undefined) return ends(wrong);
    const body = bodyFor(route, request, who);
    if (!body.ok) return ends(body.reply);
    const call = { ...request, body: body.value };
    return ends(await answered(handler, call, faultOf), body.value);
  };
}

/** A fault of ours is answered, counted and noted like any other outcome. */
async function answered(
  handler: ApiHandler,
  request: ApiRequest,
  faultOf: FaultOf,
): Promise<ApiReply> {
  try {
    return await handler(request);
  } catch (error) {
    return faultOf(error, request);
  }
}

/** What is answered where a handler throws. */
type FaultOf = (error: unknown, request: ApiRequest) => RefusedReply;

function unexplained(error: unknown): RefusedReply {
  return refused(500, { code: 'CH5400', message: messageOf(error) });
}

function useOf(
  { name, role, from }: Caller,
  { body: shape }: Route,
  body: unknown,
): Pick<ApiUse, 'by' | 'role' | 'from' | 'what'> {
  const read = (body ?? {}) as Readonly<Record<string, unknown>>;
  const by = typeof read['by'] === 'string' ? read['by'] : name;
  return { by, role, from, what: wordsOf(shape ?? {}, read) };
}

/** The fields of a body that are words, numbers and choices: what is longer is a certificate or a key. */
function wordsOf(shape: BodyShape, body: Readonly<Record<string, unknown>>): string {
  return Object.entries(shape)
    .filter(([, { kind }]) => kind !== 'caller')
    .filter(([, field]) => field.kind !== 'text' || field.bytesMax <= wordsBytesMax)
    .filter(([name]) => body[name] !== undefined && body[name] !== '')
    .map(([name]) => `${name} ${String(body[name])}`)
    .join(', ');
}

function callerOf(peer: ApiPeer): Caller | undefined {
  switch (peer.kind) {
    case 'operator':
      return {
        ...{ name: `uid ${peer.uid}`, role: 'admin', mayName: true },
        from: `this machine, uid ${peer.uid}`,
      };
    case 'caller':
      return {
        ...{ name: peer.name, role: peer.role, mayName: false },
        from: peer.address ?? 'an address that is gone',
      };
    case 'host':
    case 'anonymous':
      return undefined;
  }
}

function bodyFor(
  { body: shape }: Route,
  { body, method, path }: ApiRequest,
  who: Caller,
):
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reply: ApiReply } {
  if (shape === undefined) return { ok: true, value: undefined };
  const read = readBody(shape, body, (said) => (who.mayName ? (said ?? who.name) : who.name));
  if (read.ok) return read;
  const message = `the body of ${method} ${path} is not what it takes`;
  return { ok: false, reply: refused(400, { code: 'CH5431', message, ...read.error }) };
}

function wrongParameter(route: Route, { method, path, query }: ApiRequest): ApiReply | undefined {
  const at = route.path.split('/').indexOf('{name}');
  const name = at === -1 ? '' : decodeURIComponent(path.split('/')[at] ?? '');
  const message = `a parameter of ${method} ${route.path} is not what it takes`;
  if (!isText(name, nameBytesMax)) {
    const expected = `a name: a text of at most ${nameBytesMax} bytes, without NUL`;
    return refused(400, { code: 'CH5471', message, expected });
  }
  const checked = checkQuery(route.query, query);
  return checked.ok ? undefined : refused(400, { code: 'CH5471', message, ...checked.error });
}

function notKnown(peer: ApiPeer): RefusedReply {
  // A token that is good is not to be taken for one that was revoked.
  if (peer.kind === 'anonymous' && peer.notLookedUp !== undefined) {
    return refused(503, {
      code: 'CH5205',
      message: 'who asks cannot be found out now: the store does not answer',
      found: peer.notLookedUp,
      help: 'the same call is right again when the store is back; chancery status on the machine of the control plane says more',
    });
  }
  const reason = peer.kind === 'anonymous' ? peer.reason : 'a host is no operator';
  const reply = refused(401, {
    code: 'CH5432',
    message: `the control plane does not know who asks: ${reason}`,
    expected: 'a token, or a certificate of this mesh that `operators` in mesh.yaml names',
    help: 'chancery token create NAME --role viewer, on the machine of the control plane, makes a token',
  });
  // RFC 9110, 15.5.2.
  return { ...reply, headers: { 'www-authenticate': 'Bearer' } };
}

/** What lasts until either side ends it has no head to be shown. */
function isStream({ reply }: Route): boolean {
  return reply.startsWith('lines of ');
}

function notAllowed(who: Caller, route: Route): ApiReply {
  return refused(403, {
    code: 'CH5433',
    message: `${who.name} may not ${route.method} ${route.path}`,
    expected: `the role ${route.role}`,
    found: `the role ${who.role}`,
  });
}

function notThere(
  { method, path }: ApiRequest,
  found: Exclude<ReturnType<typeof findRoute>, { kind: 'route' }>,
): RefusedReply {
  const message = `there is no ${method} ${path}`;
  if (found.kind === 'none') return refused(404, { code: 'CH5405', message });
  const reply = refused(405, { code: 'CH5405', message, expected: found.methods.join(' or ') });
  // RFC 9110, 15.5.6.
  return { ...reply, headers: { allow: found.methods.join(', ') } };
}

/** What cannot be decoded is the name of nothing, and no handler is to trip over it. */
function isReadable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

function outcomeOf(reply: ApiReply): Pick<ApiUse, 'status' | 'code'> {
  if (reply.kind === 'refused') return { status: reply.status, code: reply.finding.code };
  return { status: reply.kind === 'json' ? (reply.status ?? 200) : 200, code: undefined };
}
