import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { replaceAllow } from './allow-text.ts';

const file = `# Payments.
service: payments   # the name
port:   8082

allow:
  # Orders are charged.
  - from: [checkout, cart]
    to: POST /v1/charges
    description: Nobody else.
  - { id: reads, from: "*", to: "* /**" }

# Never.
deny:
  - { from: "*", to: "* /internal/**" }
`;

describe('other rules in a service file', () => {
  it('change the allow section only: comments, other fields and the rest of the file stay', () => {
    const changed = replaceAllow(file, [
      { at: { line: 7, column: 5 }, from: ['checkout'], to: undefined },
      { at: undefined, from: ['reports'], to: ['GET /v1/charges', 'GET /v1/charges/*'] },
    ]);
    assert.equal(
      changed,
      `# Payments.
service: payments   # the name
port:   8082

allow:
  # Orders are charged.
  - from: checkout
    to: POST /v1/charges
    description: Nobody else.
  - from: reports
    to:
      - GET /v1/charges
      - GET /v1/charges/*

# Never.
deny:
  - { from: "*", to: "* /internal/**" }
`,
    );
  });

  it('none at all takes the section out, and a file without one gets it', () => {
    assert.match(replaceAllow(file, []), /port: {3}8082\n\n\n# Never\./);
    const bare = 'service: a\nport: 1\n';
    assert.equal(replaceAllow(bare, []), bare);
    const rule = { at: undefined, from: ['b'], to: [] };
    assert.equal(replaceAllow(bare, [rule]), `${bare}\nallow:\n  - from: b\n`);
  });

  it('several rules on one line are several, and a file that is one flow map stays one', () => {
    const line = 'service: a\nallow: [{ from: b, to: GET /x }, { from: c, to: GET /y }]\n';
    const second = { at: { line: 2, column: 34 }, from: ['d'], to: undefined };
    assert.match(replaceAllow(line, [second]), /\{ from: d, to: GET \/y \}/);
    const json = '{"service": "a", "allow": [{"from": "b"}], "port": 1}\n';
    const rule = { at: { line: 1, column: 28 }, from: ['c'], to: undefined };
    const all = parse(replaceAllow(json, [rule]));
    assert.deepEqual(all, { service: 'a', allow: [{ from: 'c' }], port: 1 });
    assert.deepEqual(parse(replaceAllow(json, [])), { service: 'a', port: 1 });
  });
});
