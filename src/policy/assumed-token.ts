import type { TokenIssuer } from '../model/condition-types.ts';
import type { TokenFacts, TokenStanding } from './facts.ts';

/** As if the issuer had signed it: for what is asked of a token that nobody has sent. Its issuer's audiences unless said. */
export function assumedToken(
  issuer: TokenIssuer,
  given: Pick<TokenFacts, 'subject' | 'audiences' | 'scopes' | 'claims' | 'expiresMs'>,
): TokenStanding {
  const person = issuer.personClaim === undefined ? undefined : given.claims[issuer.personClaim];
  const audiences = given.audiences.length === 0 ? issuer.audiences : given.audiences;
  const isForMesh = audiences.some((one) => issuer.audiences.includes(one));
  return {
    kind: 'valid',
    token: {
      ...given,
      issuerName: issuer.name,
      issuer: issuer.issuer,
      person: isForMesh && typeof person === 'string' ? person : undefined,
      audiences,
      ...(isForMesh ? {} : { onlyForRules: true }),
    },
  };
}
