import type { Intent, IntentTest, TestToken } from '../model/types.ts';
import { assumedToken } from '../policy/assumed-token.ts';
import type { CanonicalRequest } from '../policy/canonical.ts';
import { noToken, type RequestFacts, type TokenStanding, unknown } from '../policy/facts.ts';
import { requestFacts } from '../policy/request-facts.ts';

/** What conditions see of a request of an intent test. When it is, and from which address, a test leaves open. */
export function testFacts(
  intent: Intent,
  test: IntentTest,
  request: CanonicalRequest,
): RequestFacts {
  const raw = { path: test.path, headers: test.headers };
  const token = test.token === undefined ? noToken : tokenOf(intent, test.token);
  const more = { token, timeMs: unknown, address: unknown, id: unknown, scheme: 'http' } as const;
  return requestFacts(raw, request, more);
}

/** As if the issuer had signed it and none of its times mattered. */
function tokenOf(intent: Intent, token: TestToken): TokenStanding {
  const { issuers } = intent.mesh;
  const issuer =
    token.issuer === undefined ? issuers.values().next().value : issuers.get(token.issuer);
  if (issuer === undefined) {
    return { kind: 'invalid', code: 'CH2109', reason: 'no such issuer is in mesh.yaml' };
  }
  const claims: Record<string, string> = Object.fromEntries(token.claims);
  if (token.subject !== undefined) claims['sub'] = token.subject;
  const { subject = '', audiences, scopes } = token;
  const expiresMs = Number.MAX_SAFE_INTEGER;
  return assumedToken(issuer, { subject, audiences, scopes, claims, expiresMs });
}
