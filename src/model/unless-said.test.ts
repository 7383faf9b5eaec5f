import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FieldTable } from './field-spec.ts';
import { breakglassFields, caFields, defaultsFields, retryFields, routeFields } from './fields.ts';
import { awsIidFields, hostsFields, joinTokenFields } from './hosts-fields.ts';
import { parseIntent } from './parse.ts';
import { ruleFields } from './rule-fields.ts';
import type { Intent } from './types.ts';

type Where = 'mesh.yaml' | 'services/shop.yaml';

/** Each table whose fields have a value unless they are said, and how to say one of them. */
const places: readonly (readonly [FieldTable, Where, (field: string) => string])[] = [
  [defaultsFields, 'mesh.yaml', (field) => `defaults: { ${field} }`],
  [caFields, 'mesh.yaml', (field) => `ca: { ${field} }`],
  [breakglassFields, 'mesh.yaml', (field) => `breakglass: { ${field} }`],
  [hostsFields, 'mesh.yaml', (field) => `hosts: { ${field} }`],
  [joinTokenFields, 'mesh.yaml', (field) => `hosts: { join_token: { ${field} } }`],
  [ruleFields, 'services/shop.yaml', (field) => `allow: [{ from: shop, to: GET /, ${field} }]`],
  [routeFields, 'services/shop.yaml', (field) => `routes: [{ to: v1, ${field} }]`],
  [
    retryFields,
    'services/shop.yaml',
    (field) => `routes: [{ to: v1, retry: { attempts: 2, ${field} } }]`,
  ],
];

describe('what a field is unless it is said', () => {
  for (const [table, where, say] of places) {
    for (const [name, { unlessSaid }] of Object.entries(table)) {
      if (unlessSaid === undefined) continue;
      const field = `${name}: ${unlessSaid}`;
      // As long, so that all that stands around it has the same place.
      const nothing = ' '.repeat(field.length);
      it(`is what the parser makes of it: ${say(field)}`, () => {
        assert.deepEqual(parsed(where, say(field)), parsed(where, say(nothing)));
      });
    }
  }

  it('is told of no table that is not held to the parser', () => {
    const held = new Set<FieldTable>(places.map(([table]) => table));
    assert.ok([...held].every((table) => Object.values(table).some(hasDefault)));
    // Its parser has a test of its own, as a document needs certificates of AWS.
    assert.equal(awsIidFields['max_age']?.unlessSaid, '1h');
  });
});

function hasDefault({ unlessSaid }: FieldTable[string]): boolean {
  return unlessSaid !== undefined;
}

const files: Readonly<Record<Where, string>> = {
  'mesh.yaml': 'mesh: m\ntrust_domain: m.test\n',
  'services/shop.yaml':
    'service: shop\nowner: team\nprotocol: http\nport: 8080\nrun: node shop.ts\n',
};

function parsed(where: Where, line: string): Intent {
  const tree = { ...files, [where]: `${files[where]}${line}\n` };
  const { intent, findings } = parseIntent(new Map(Object.entries(tree)));
  assert.ok(intent, findings.map(({ message }) => message).join('; '));
  return intent;
}
