import type { TokenMatch } from '../../model/condition-types.ts';
import type { CompiledPolicy } from '../../policy/compiled-policy.ts';
import { missingOf } from '../../policy/conditions.ts';
import type { Deny, NearMiss } from '../../policy/decision.ts';
import type { TokenStanding } from '../../policy/facts.ts';

/** RFC 6749 section 3.3. What has other characters cannot be said in the header. */
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/**
 * The `www-authenticate` of a denial (RFC 6750 section 3), with the scopes that are wanted only for members of the mesh:
 * they are part of a rule. Undefined: another token would not help.
 */
export function bearerChallenge(options: {
  readonly policy: CompiledPolicy;
  readonly service: string;
  readonly decision: Deny;
  readonly token: TokenStanding;
  readonly isMember: boolean;
}): string | undefined {
  const { policy, service, decision, token, isMember } = options;
  const match = tokenMatchOf(policy, decision.closest[0]);
  const scope = isMember ? scopeText(match) : [];
  const realm = `realm="${service}"`;
  switch (decision.code) {
    // Without an error: nothing was wrong with what was sent (section 3.1).
    case 'CH2108':
      return challenge(realm, ...scope);
    case 'CH2109': {
      const what = token.kind === 'invalid' ? [`error_description="${token.reason}"`] : [];
      return challenge(realm, 'error="invalid_token"', ...what, ...scope);
    }
    case 'CH2101': {
      const isScopeMissing =
        match !== undefined &&
        token.kind === 'valid' &&
        missingOf(token.token, match)?.kind === 'scope';
      return isScopeMissing ? challenge(realm, 'error="insufficient_scope"', ...scope) : undefined;
    }
    default:
      return undefined;
  }
}

function challenge(...parameters: readonly string[]): string {
  return `Bearer ${parameters.join(', ')}`;
}

function tokenMatchOf(policy: CompiledPolicy, miss: NearMiss | undefined): TokenMatch | undefined {
  if (miss?.clause !== 'token') return undefined;
  const rules = policy.services.get(miss.rule.service)?.policy.rules;
  return rules?.find(({ id }) => id === miss.rule.id)?.conditions?.token;
}

function scopeText(match: TokenMatch | undefined): readonly string[] {
  const scopes = match?.scopes ?? [];
  const isSayable = scopes.length > 0 && scopes.every((one) => scopeToken.test(one));
  return isSayable ? [`scope="${scopes.join(' ')}"`] : [];
}
