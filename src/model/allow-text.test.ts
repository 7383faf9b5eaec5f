import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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
      { line: 7, from: ['checkout'], to: undefined },
      { line: undefined, from: ['reports'], to: ['GET /v1/charges', 'GET /v1/charges/*'] },
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

  it('none at all is an empty list, and a file without the section gets one', () => {
    assert.match(replaceAllow(file, []), /port: {3}8082\n\nallow: \[\]\n\n# Never\./);
    const bare = 'service: a\nport: 1\n';
    const rule = { line: undefined, from: ['b'], to: [] };
    assert.equal(replaceAllow(bare, [rule]), `${bare}\nallow:\n  - from: b\n`);
  });
});
