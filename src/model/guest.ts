import type { Position } from '../base/finding.ts';
import { nearestName } from '../base/nearest.ts';
import type { Guest, TokenIssuer } from './condition-types.ts';
import type { MeshDraft } from './mesh-file.ts';
import type { Report } from './roles.ts';
import { parseSpiffeId, trustDomainOf } from './spiffe-id.ts';

const spiffeScheme = 'spiffe://';
const personPrefix = 'person:';
/** All of a trust domain. */
const everyone = '/**';
/** What an issuer names people by: a login, an address or an id; before it the issuer, where only that one counts. */
const personShape = /^(?:([a-z0-9-]+)\/)?[A-Za-z0-9][A-Za-z0-9._%+@|:-]{0,254}$/;

export function isGuest(text: string): boolean {
  return text.startsWith(spiffeScheme) || text.startsWith(personPrefix);
}

/** Undefined with a finding: not the name of anybody who could show it here. */
export function readGuest(
  { text, at }: { readonly text: string; readonly at: Position },
  mesh: Pick<MeshDraft, 'peers' | 'trustDomain' | 'issuers'>,
  report: Report,
): Guest | undefined {
  if (text.startsWith(personPrefix)) return readPerson({ text, at }, mesh, report);
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

function readPerson(
  { text, at }: { readonly text: string; readonly at: Position },
  { issuers }: Pick<MeshDraft, 'issuers'>,
  report: Report,
): Guest | undefined {
  const shape = personShape.exec(text.slice(personPrefix.length));
  const issuer = shape?.[1];
  const naming = issuersOfPeople(issuers);
  if (shape === null || (issuer !== undefined && !naming.has(issuer))) {
    const nearest = issuer === undefined ? undefined : nearestName(issuer, naming.keys());
    report({
      code: 'CH1038',
      severity: 'error',
      message:
        shape === null
          ? `"${text}" names no person`
          : `"${text}" names no person: no issuer "${issuer}" says who somebody is`,
      at,
      expected:
        shape === null
          ? 'person: and what the issuer of tokens calls somebody, such as person:alice@acme.test'
          : 'an entry of `issuers` in mesh.yaml with `person`',
      ...(nearest === undefined ? {} : { nearest }),
    });
    return undefined;
  }
  if (issuer === undefined && naming.size > 1) {
    report({
      code: 'CH1141',
      severity: 'warning',
      message: `${text} may be said by ${[...naming.keys()].join(' or ')}`,
      at,
      help: `write person:ISSUER/NAME, such as person:${[...naming.keys()][0]}/${shape[0]}`,
    });
  }
  return text as Guest;
}

/** Those whose tokens name people. */
function issuersOfPeople(
  issuers: ReadonlyMap<string, TokenIssuer>,
): ReadonlyMap<string, TokenIssuer> {
  return new Map([...issuers].filter(([, { personClaim }]) => personClaim !== undefined));
}

/** Who may say that it is this person; undefined: it is none. */
export function namersOf(
  guest: Guest,
  issuers: ReadonlyMap<string, TokenIssuer>,
): readonly TokenIssuer[] | undefined {
  if (!guest.startsWith(personPrefix)) return undefined;
  const slash = guest.indexOf('/');
  const issuer = slash === -1 ? undefined : guest.slice(personPrefix.length, slash);
  const naming = [...issuersOfPeople(issuers).values()];
  return naming.filter(({ name }) => issuer === undefined || issuer === name);
}

export function isPerson(guest: string): boolean {
  return guest.startsWith(personPrefix);
}

/** Whether `wide` is everybody who `narrow` is: all of a trust domain, or a person whoever says so. */
export function coversGuest(wide: Guest, narrow: Guest): boolean {
  if (wide === narrow) return true;
  if (wide.endsWith(everyone)) return narrow.startsWith(wide.slice(0, 1 - everyone.length));
  const slash = narrow.indexOf('/');
  return narrow.startsWith(personPrefix) && wide === `${personPrefix}${narrow.slice(slash + 1)}`;
}
