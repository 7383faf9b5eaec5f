import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';

/** Crockford's base 32: sorts as its values do, and no two characters look alike. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
/** 45 bits of milliseconds last until the year 3084. */
const timeLength = 9;
/** 35 bits: at 1,000 decisions in one millisecond across a mesh, one clash in some 70,000 such milliseconds. */
const randomLength = 7;
/** One system call for about 600 ids. */
const poolBytes = 4_200;

/** Makes `d-` and 16 characters; ids of later milliseconds sort later. */
export function decisionIds(
  clock: Pick<Clock, 'nowMs'>,
  random: Pick<Random, 'bytes'>,
): () => string {
  let pool: Uint8Array = new Uint8Array();
  let used = 0;
  const randomPart = () => {
    if (used + randomLength > pool.length) {
      pool = random.bytes(poolBytes);
      used = 0;
    }
    let part = '';
    for (const end = used + randomLength; used < end; used += 1) {
      part += alphabet[(pool[used] ?? 0) & 31];
    }
    return part;
  };
  return () => `d-${timePart(clock.nowMs())}${randomPart()}`;
}

function timePart(nowMs: number): string {
  let left = Math.floor(nowMs);
  let part = '';
  for (let at = 0; at < timeLength; at += 1) {
    part = `${alphabet[left % 32]}${part}`;
    left = Math.floor(left / 32);
  }
  return part;
}
