import assert from 'node:assert/strict';
import { it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  Matcher_MatcherTree_MatchMapSchema as MatchMapSchema,
  Matcher_OnMatchSchema as OnMatchSchema,
} from '../gen/xds/type/matcher/v3/matcher_pb.js';
import { encodedMap } from './caller-map.ts';

/** Lengths around those at which a length takes a byte more. */
const lengths = [0, 1, 100, 127, 128, 200, 16_300, 16_383, 16_384];

it('the bytes of a map of encoded values are those that its encoder makes', () => {
  const plain = Object.fromEntries(
    lengths.flatMap((length) => {
      const name = 'n'.repeat(length);
      const value = create(OnMatchSchema, {
        onMatch: { case: 'action', value: { name, typedConfig: { typeUrl: 'type/of' } } },
      });
      return [
        [`spiffe://m.test/${name}`, value],
        [`ä ${length}`, value],
      ];
    }),
  );
  const encoded = encodedMap(new Map(Object.entries(plain)), (value) =>
    toBinary(OnMatchSchema, value),
  );
  assert.ok(encoded);
  const bytes = Uint8Array.from(encoded);
  assert.deepEqual(bytes, toBinary(MatchMapSchema, create(MatchMapSchema, { map: plain })));
  assert.equal(Object.keys(fromBinary(MatchMapSchema, bytes).map).length, 2 * lengths.length);
});

it('a map without entries is none: Envoy takes no empty one', () => {
  assert.equal(
    encodedMap(new Map<string, Uint8Array>(), (value) => value),
    undefined,
  );
});
