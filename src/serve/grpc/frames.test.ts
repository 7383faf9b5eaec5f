import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrameReader, frame } from './frames.ts';
import { GrpcError, grpcStatus } from './status.ts';

/** A small seeded generator (mulberry32), so that a failing split can be repeated. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function codeOf(run: () => void): number | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof GrpcError);
    return error.code;
  }
}

describe('FrameReader', () => {
  it('gives back the messages whatever the boundaries of the chunks', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const below = seeded(seed);
      const messages = Array.from({ length: below(6) }, () =>
        Buffer.from(Array.from({ length: below(below(2) === 0 ? 4 : 300) }, () => below(256))),
      );
      const wire = Buffer.concat(messages.map((message) => frame(message)));
      const reader = new FrameReader(1_000);
      const read: Buffer[] = [];
      for (let at = 0; at < wire.length; ) {
        const next = Math.min(wire.length, at + below(40));
        read.push(...reader.push(wire.subarray(at, next)));
        at = next;
      }
      assert.deepEqual(read, messages, `seed ${seed}`);
      assert.equal(reader.isBetweenMessages, true, `seed ${seed}`);
    }
  });

  it('knows that a stream was cut inside a message', () => {
    const reader = new FrameReader(10);
    assert.deepEqual(reader.push(frame(Buffer.from('abc')).subarray(0, 7)), []);
    assert.equal(reader.isBetweenMessages, false);
  });

  it('refuses a compressed message as UNIMPLEMENTED', () => {
    const wire = frame(Buffer.from('abc'));
    wire[0] = 1;
    assert.equal(
      codeOf(() => new FrameReader(10).push(wire)),
      grpcStatus.unimplemented,
    );
  });

  it('refuses a message over the limit by its length alone, before its bytes come', () => {
    const prefix = Buffer.from([0, 0, 0, 0, 11]);
    assert.equal(
      codeOf(() => new FrameReader(10).push(prefix)),
      grpcStatus.resourceExhausted,
    );
    assert.deepEqual(new FrameReader(11).push(prefix), []);
  });

  it('joins a message of many chunks once', () => {
    const message = Buffer.alloc(4_000_000, 7);
    const wire = frame(message);
    const reader = new FrameReader(4_000_000);
    const read: Buffer[] = [];
    for (let at = 0; at < wire.length; at += 1_000) {
      read.push(...reader.push(wire.subarray(at, at + 1_000)));
    }
    assert.equal(read.length, 1);
    assert.equal(read[0]?.equals(message), true);
  });
});
