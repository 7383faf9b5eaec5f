import type { Conditions, TokenMatch } from '../model/condition-types.ts';

/** What a rule wants beside who asks for what, each part in words. */
export function conditionTexts(conditions: Conditions | undefined): readonly string[] {
  const { headers = [], hosts = [], token, when } = conditions ?? {};
  return [
    ...(hosts.length === 0 ? [] : [`host ${hosts.join(' or ')}`]),
    ...headers.map(({ name, value }) =>
      value.kind === 'exact' ? `header ${name}: ${value.text}` : `header ${name}`,
    ),
    ...(token === undefined ? [] : [tokenText(token)]),
    ...(when === undefined ? [] : [when.text.trim()]),
  ];
}

function tokenText({ issuers, audiences, scopes, claims }: TokenMatch): string {
  const parts = [
    ...(issuers.length === 0 ? [] : [`of ${issuers.join(' or ')}`]),
    ...(audiences.length === 0 ? [] : [`for ${audiences.join(' or ')}`]),
    ...(scopes.length === 0 ? [] : [`with ${scopes.join(', ')}`]),
    ...claims.map(({ name, values }) => `with ${name} ${values.join(' or ')}`),
  ];
  return ['a token', ...parts].join(' ');
}
