import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServicePolicy } from './document.ts';
import { allowSuggestion } from './suggestion.ts';

function suggested(
  protocol: ServicePolicy['protocol'],
  method: string,
  path: string,
): string | undefined {
  const service = { name: 'stock', file: 'services/stock.yaml', protocol, rules: [] };
  const action = { kind: 'http', method, path } as const;
  return allowSuggestion({ service: service as unknown as ServicePolicy, caller: 'web', action });
}

test('what is suggested names the request, as a rule can say it', () => {
  assert.match(suggested('http', 'GET', '/a/7') ?? '', /to: GET \/a\/\*$/);
  assert.match(suggested('http', 'GET', '/wiki/m\u00fcnchen/a') ?? '', /to: GET \/wiki\/\*\/a$/);
  assert.match(suggested('http', 'GET', '/admin?x') ?? '', /to: GET \/\*$/);
  assert.match(suggested('grpc', 'POST', '/a.B/C') ?? '', /to: a\.B\/C$/);
});

test('what no rule can say is suggested in no form, least of all as a rule for everything', () => {
  assert.equal(suggested('grpc', 'GET', '/a.B/C'), undefined);
  assert.equal(suggested('grpc', 'POST', '/healthz'), undefined);
  assert.equal(suggested('http', 'M-SEARCH', '/a'), undefined);
});
