import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseTraceparent } from './traceparent.ts';

const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];

it('a traceparent is taken as W3C writes it, of later versions too', () => {
  for (const text of [`00-${traceId}-${spanId}-01`, `cc-${traceId}-${spanId}-03-what-comes`]) {
    assert.deepEqual(parseTraceparent(text), { traceId, spanId, traceFlags: 1, isRemote: true });
  }
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-00`)?.traceFlags, 0);
});

it('one that is malformed is no parent', () => {
  const wrong = [
    undefined,
    '',
    `ff-${traceId}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-01 `,
    `00-${traceId}-${spanId}-01more`,
  ];
  for (const text of wrong) assert.equal(parseTraceparent(text), undefined, String(text));
});
