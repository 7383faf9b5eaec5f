import type { Position } from '../base/finding.ts';
import { nearestName } from '../base/nearest.ts';
import type { Guest } from './condition-types.ts';
import type { MeshDraft } from './mesh-file.ts';
import type { Report } from './roles.ts';
import { parseSpiffeId, trustDomainOf } from './spiffe-id.ts';

const spiffeScheme = 'spiffe://';
const personPrefix = 'person:';
/** All of a trust domain. */
const everyone = '/**';
/** What an issuer names people by: a login, an address or an id. */
const personShape = /^[A-Za-z0-9][A-Za-z0-9._%+@|:-]{0,254}$/;

export function isGuest(text: string): boolean {
  return text.startsWith(spiffeScheme) || text.startsWith(personPrefix);
}

/** Undefined with a finding: not the name of anybody who could show it here. */
export function readGuest(
  { text, at }: { readonly text: string; readonly at: Position },
  mesh: Pick<MeshDraft, 'peers' | 'trustDomain'>,
  report: Report,
): Guest | undefined {
  if (text.startsWith(personPrefix)) {
    if (personShape.test(text.slice(personPrefix.length))) return text as Guest;
    report({
      code: 'CH1038',
      severity: 'error',
      message: `"${text}" names no person`,
      at,
      expected:
        'person: and what the issuer of tokens calls somebody, such as person:alice@acme.test',
    });
    return undefined;
  }
  const whole = text.endsWith(everyone);
  const id = parseSpiffeId(whole ? `${text.slice(0, -everyone.length)}/any` : text);
  if (!id.ok) {
    report({
      code: 'CH1038',
      severity: 'error',
      message: `"${text}" is no SPIFFE ID: ${id.error}`,
      at,
      expected: 'spiffe://TRUST-DOMAIN/NAME, or spiffe://TRUST-DOMAIN/** for all of it',
    });
    return undefined;
  }
  const trustDomain = trustDomainOf(id.value);
  if (mesh.peers.has(trustDomain)) return text as Guest;
  const isOwn = trustDomain === mesh.trustDomain;
  const nearest = nearestName(trustDomain, mesh.peers.keys());
  report({
    code: 'CH1039',
    severity: 'error',
    message: isOwn
      ? `${text} is of this mesh, whose services go by their names`
      : `identities of "${trustDomain}" are not believed here`,
    at,
    expected: isOwn ? 'the name of a file in services/' : 'a trust domain of `peers` in mesh.yaml',
    ...(nearest === undefined || isOwn ? {} : { nearest }),
  });
  return undefined;
}
