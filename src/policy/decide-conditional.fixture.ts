import { isDeepStrictEqual } from 'node:util';
import { parseIntent } from '../model/parse.ts';
import { compilePolicy } from './compiled-policy.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import { policyDocument } from './document.ts';
import { parsePolicyDocument } from './document-parse.ts';
import { noToken, type RequestFacts, type TokenFacts } from './facts.ts';

const keys = JSON.stringify({
  keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
});
const mesh = `
mesh: shop
trust_domain: acme
attributes: { team: string, tier: int }
issuers:
  login: { issuer: https://login.test, audience: shop, person: email, jwks: '${keys}' }
peers:
  partner.test: { endpoint: https://bundle.partner.test/, profile: https_web }
roles:
  support: [reports, "person:alice@acme.test", spiffe://partner.test/desk]
`;

let port = 8_000;

function service(name: string, rules: string, more = ''): [string, string] {
  port += 1;
  const text = `service: ${name}\nowner: us\nprotocol: http\nport: ${port}\n${more}${rules}`;
  return [`services/${name}.yaml`, text];
}

export function documentOf(rules: string) {
  const files = new Map([
    ['mesh.yaml', mesh],
    service('payments', rules, 'attributes: { team: money, tier: 1 }\n'),
    service('cart', '', 'attributes: { team: money }\n'),
    service('reports', '', ''),
  ]);
  const { intent, findings } = parseIntent(files);
  if (intent === undefined) throw new Error(JSON.stringify(findings, null, 1));
  return policyDocument(intent);
}

/** Through the parser, the document and its reader, as a desk gets it. */
export function policyOf(rules: string) {
  const own = documentOf(rules);
  const document = parsePolicyDocument(JSON.parse(JSON.stringify(own)));
  if (!document.ok || !isDeepStrictEqual(document.value, own)) {
    throw new Error(`read otherwise than written: ${JSON.stringify(document)}`);
  }
  return compilePolicy(document.value);
}

export const sent: RequestFacts = {
  host: 'payments',
  scheme: 'http',
  query: '',
  headers: [],
  token: noToken,
  timeMs: 1_764_400_000_000,
  address: '10.0.0.7',
  id: 'r-1',
};

export const token: TokenFacts = {
  issuerName: 'login',
  issuer: 'https://login.test',
  subject: 'u-1',
  person: 'alice@acme.test',
  audiences: ['shop'],
  scopes: ['charges.read'],
  claims: { department: 'finance', level: 3 },
  expiresMs: 1_764_500_000_000,
};
export const valid = { kind: 'valid', token } as const;

export interface Sent extends Partial<RequestFacts> {
  readonly from?: string;
  readonly trustDomain?: string;
  readonly path?: string;
}

export function ask(rules: string, given: Sent = {}): Decision {
  const { from = 'cart', trustDomain = 'acme', path = '/v1/charges', ...facts } = given;
  return decide(policyOf(rules), {
    caller: { trustDomain, name: from },
    callee: 'payments',
    action: { kind: 'http', method: 'GET', path },
    facts: { ...sent, ...facts },
  });
}

export function brief(decision: Decision): string {
  switch (decision.kind) {
    case 'allow':
      return `allow ${decision.rule.id}`;
    case 'deny':
      return decision.rule === undefined ? decision.code : `${decision.code} ${decision.rule.id}`;
    case 'depends':
      return `depends on ${decision.on.join(', ')}, else ${brief(decision.otherwise)}`;
  }
}

export function rule(fields: string, effect = 'allow'): string {
  return `${effect}:\n  - { id: r1, from: [cart, reports], ${fields} }\n`;
}
