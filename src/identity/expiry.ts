import type { Finding } from '../base/finding.ts';
import { timeText } from '../base/time-text.ts';

/** Something that ends: a certificate, a key, a token. */
export interface Expiring {
  /** As the subject of a sentence: "the intermediate of the CA". */
  readonly what: string;
  /** When it became ours. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** The exact command, or the words, that mend it. */
  readonly command: string;
}

interface ExpiryWarning extends Expiring {
  readonly level: 'soon' | 'ended';
}

/** Everything renews itself at half of its life; what comes to its last third needs a person. */
const soonFraction = 1 / 3;

/** What has ended, and what is in the last third of its life; what ends first comes first. */
export function expiryWarnings(
  items: readonly Expiring[],
  nowMs: number,
): readonly ExpiryWarning[] {
  return items
    .flatMap((item): readonly ExpiryWarning[] => {
      const leftMs = item.notAfterMs - nowMs;
      if (leftMs <= 0) return [{ ...item, level: 'ended' }];
      const isSoon = leftMs < (item.notAfterMs - item.notBeforeMs) * soonFraction;
      return isSoon ? [{ ...item, level: 'soon' }] : [];
    })
    .sort((a, b) => a.notAfterMs - b.notAfterMs);
}

/** The same words as long as the level is the same, so that it is said once. */
export function expiryFinding({ what, notAfterMs, command, level }: ExpiryWarning): Finding {
  switch (level) {
    case 'soon':
      return {
        code: 'CH3011',
        severity: 'warning',
        message: `${what} ends soon, at ${timeText(notAfterMs)}`,
        help: command,
      };
    case 'ended':
      return {
        code: 'CH3012',
        severity: 'error',
        message: `${what} has ended, at ${timeText(notAfterMs)}`,
        help: command,
      };
  }
}
