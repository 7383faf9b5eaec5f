import { generateKeyPairSync } from 'node:crypto';
import type { WhyQuestion } from '../../explain/why.ts';
import { ecJwk, signJwt } from '../../identity/jws.ts';
import type { Intent, ServiceName } from '../../model/types.ts';
import type { RequestFacts, TokenFacts } from '../../policy/facts.ts';
import { unknown } from '../../policy/facts.ts';

/** A token that is made for the request ends this long after it. */
const tokenSeconds = 300;
const loopback = '127.0.0.1';
const loopbackAddress = /^127(?:\.\d{1,3}){3}$/;
/** Where the question does not say another. */
const ownHeaders = [['x-request-id', 'verify']] as const;
const grpcHeaders = [
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
] as const;

/** A question as a request that is sent, and what was filled in for that. */
export interface SentRequest {
  /** Its own, with another key for the issuer whose token was made up. */
  readonly intent: Intent;
  readonly host: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly address: string;
  readonly timeMs: number;
  /** What the request lacks, since it is not known. Where nothing hangs on it, nobody need hear of it. */
  readonly without: readonly string[];
  /** Said in the question, and sent otherwise. */
  readonly otherwise: readonly string[];
  /** The name of the issuer whose keys were replaced. */
  readonly signedFor: string | undefined;
}

/** `bearer`: the token itself, where it is known. */
export function sentRequest(
  intent: Intent,
  { to, facts }: WhyQuestion,
  given: { readonly nowMs: number; readonly bearer: string | undefined },
): SentRequest {
  const timeMs = facts.timeMs === unknown ? given.nowMs : facts.timeMs;
  const lines = facts.headers === unknown ? [] : facts.headers;
  const token = sentToken(intent, facts, { timeMs, bearer: given.bearer, lines });
  const isLocal = facts.address !== unknown && loopbackAddress.test(facts.address);
  const isElsewhere = facts.address !== unknown && !isLocal;
  const isGrpc = intent.services.get(to as ServiceName)?.protocol === 'grpc';
  const always = isGrpc ? [...ownHeaders, ...grpcHeaders] : ownHeaders;
  return {
    intent: token.intent,
    host: facts.host === unknown ? to : facts.host,
    headers: [
      ...always.filter(([name]) => !lines.some(([other]) => other === name)),
      ...lines,
      ...(token.text === undefined ? [] : [['authorization', `Bearer ${token.text}`] as const]),
    ],
    address: isLocal ? String(facts.address) : loopback,
    timeMs,
    without: [
      ...(facts.headers === unknown ? ['headers'] : facts.moreHeaders ? ['further headers'] : []),
      ...(facts.token === unknown ? ['a token'] : []),
    ],
    otherwise: [
      ...(isElsewhere ? [`from ${loopback}, for nothing else is an address of this machine`] : []),
      ...token.otherwise,
    ],
    signedFor: token.signedFor,
  };
}

/** What a rule sees of it in the proxy, which adds some lines of its own. */
export function factsSent(
  sent: SentRequest,
  path: string,
  token: RequestFacts['token'],
): RequestFacts {
  const query = path.indexOf('?');
  const { host, headers, timeMs, address } = sent;
  const forwarded = headers.flatMap(([name, value]) => (name === 'x-forwarded-for' ? value : []));
  const own = ['x-forwarded-for', 'x-forwarded-proto'];
  return {
    ...{ host, timeMs, address, token, scheme: 'https' },
    query: query === -1 ? '' : path.slice(query + 1),
    id: headers.find(([name]) => name === 'x-request-id')?.[1] ?? '',
    headers: [
      ...headers.filter(([name]) => !own.includes(name)),
      ['x-forwarded-for', [...forwarded, address].join(',')],
      ['x-forwarded-proto', 'https'],
    ],
  };
}

interface SentToken extends Pick<SentRequest, 'intent' | 'otherwise' | 'signedFor'> {
  readonly text: string | undefined;
}

function sentToken(
  intent: Intent,
  { token }: RequestFacts,
  given: {
    readonly timeMs: number;
    readonly bearer: string | undefined;
    readonly lines: SentRequest['headers'];
  },
): SentToken {
  const none = { intent, text: given.bearer, otherwise: [], signedFor: undefined };
  if (token === unknown || token.kind === 'none') return none;
  if (given.lines.some(([name]) => name === 'authorization')) {
    const otherwise = ['with the given authorization header in the place of the token'];
    return { ...none, text: undefined, otherwise };
  }
  if (given.bearer !== undefined || token.kind === 'invalid') return none;
  return signedToken(intent, token.token, given.timeMs);
}

/** Nobody has the issuer's key, so the verified policy believes another one. */
function signedToken(intent: Intent, token: TokenFacts, timeMs: number): SentToken {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = ecJwk(publicKey.export({ type: 'spki', format: 'der' }));
  const kid = 'throw-away';
  const jwks = JSON.stringify({ keys: [{ ...jwk, kid, alg: 'ES256' }] });
  const { claims, subject, audiences, scopes, issuer } = token;
  const exp = claims['exp'] ?? Math.floor(timeMs / 1_000) + tokenSeconds;
  const text = signJwt(
    { kid, privateKey },
    {
      ...{ ...claims, iss: issuer, aud: audiences, exp, sub: subject || 'somebody' },
      ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    },
  );
  const issuers = new Map(
    [...intent.mesh.issuers].map(([name, one]) => [
      name,
      name === token.issuerName ? { ...one, jwks } : one,
    ]),
  );
  return {
    intent: { ...intent, mesh: { ...intent.mesh, issuers } },
    text,
    otherwise: subject === '' ? ['with the subject "somebody", for a token has one'] : [],
    signedFor: token.issuerName,
  };
}
