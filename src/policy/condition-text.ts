import type { ClaimMatch, Conditions, TokenMatch } from '../model/condition-types.ts';
import type { ValueMatch } from '../model/types.ts';
import type { MissingPart } from './conditions.ts';

/** What a rule wants beside who asks for what, each part in words. */
export function conditionTexts(conditions: Conditions | undefined): readonly string[] {
  const { headers = [], hosts = [], token, when } = conditions ?? {};
  return [
    ...(hosts.length === 0 ? [] : [hostText(hosts)]),
    ...headers.map(headerText),
    ...(token === undefined ? [] : [tokenText(token)]),
    ...(when === undefined ? [] : [when.text.trim()]),
  ];
}

export function conditionsText(conditions: Conditions | undefined): string {
  return conditionTexts(conditions).join(', and ');
}

export function hostText(hosts: readonly string[]): string {
  return `the host ${anyOf(hosts)}`;
}

export function headerText({ name, value }: ValueMatch): string {
  return value.kind === 'exact' ? `the header ${name}: ${value.text}` : `the header ${name}`;
}

export function tokenText({ issuers, audiences, scopes, claims }: TokenMatch): string {
  const carried = [
    ...(scopes.length === 0 ? [] : [scopeText(scopes)]),
    ...claims.map((claim) => claimText(claim)),
  ];
  return [
    'a token',
    ...(issuers.length === 0 ? [] : [`of ${anyOf(issuers)}`]),
    ...(audiences.length === 0 ? [] : [`for ${anyOf(audiences)}`]),
    ...(carried.length === 0 ? [] : [`with ${carried.join(' and ')}`]),
  ].join(' ');
}

/** A token that a rule does not take, by the first part of what it wants that is not there. */
export function lackingTokenText(missing: MissingPart): string {
  switch (missing.kind) {
    case 'issuer':
      return `a token that is not of ${anyOf(missing.issuers)}`;
    case 'audience':
      return `a token that is not for ${anyOf(missing.audiences)}`;
    case 'audience of the mesh':
      return 'a token that is not for this mesh';
    case 'scope':
      return `a token without ${scopeText([missing.scope])}`;
    case 'claim':
      return `a token without ${claimText(missing.claim)}`;
  }
}

function scopeText(scopes: readonly string[]): string {
  return `the ${scopes.length === 1 ? 'scope' : 'scopes'} ${scopes.join(', ')}`;
}

function claimText({ name, values }: ClaimMatch): string {
  return `the claim ${name}: ${anyOf(values)}`;
}

function anyOf(names: readonly string[]): string {
  return names.join(' or ');
}
