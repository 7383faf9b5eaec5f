import assert from 'node:assert/strict';
import { it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { HeaderValueOptionSchema } from '../gen/envoy/config/core/v3/base_pb.js';
import { embedded, embeddedText, joined } from './encoded.ts';
import { templated } from './template.ts';

/** Around those at which a length takes a byte more. */
const lengths = [1, 100, 127, 128, 200, 16_300, 16_383, 16_384];

it('a message put together of its parts has the bytes that its encoder makes, however deep it is', () => {
  const { header } = HeaderValueOptionSchema.field;
  const key = templated((text) => Buffer.from(text));
  for (const length of lengths) {
    for (const text of ['n'.repeat(length), 'ä'.repeat(length)]) {
      const made = joined([
        embedded(header.number, [embedded(1, [key(text)]), embeddedText(2, text)]),
      ]);
      const message = create(HeaderValueOptionSchema, { header: { key: text, value: text } });
      assert.deepEqual(Uint8Array.from(made), toBinary(HeaderValueOptionSchema, message));
      const whole = joined([
        embeddedText(AnySchema.field.typeUrl.number, text),
        embedded(AnySchema.field.value.number, [made]),
      ]);
      const around = create(AnySchema, { typeUrl: text, value: made });
      assert.deepEqual(Uint8Array.from(whole), toBinary(AnySchema, around));
    }
  }
});
