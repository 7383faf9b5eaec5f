import { fstatSync, writeSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { jsonLog, type Log } from '../base/log.ts';

const stderrFd = 2;

/** The log of a service, on standard error. */
export function serviceLog(component: string): Log {
  return lossyLog(component, writeOf());
}

/**
 * No service ends, or waits, for its log. What does not find its way is counted, and said as soon as something does again, as
 * after a disk was full.
 */
export function lossyLog(component: string, write: (line: string) => void): Log {
  let lost = 0;
  const own = jsonLog(component, systemClock, (line) => write(lost > 0 ? `\n${line}` : line));
  return jsonLog(component, systemClock, (line) => {
    try {
      if (lost > 0) {
        own.warn('lines of this log were lost', { lines: lost });
        lost = 0;
      }
      write(line);
    } catch {
      lost += 1;
    }
  });
}

/** A stream of Node to a file is over with its first failure. A pipe whose reader left is over in any case. */
function writeOf(): (line: string) => void {
  const stat = fstatSync(stderrFd);
  const isStream = stat.isFIFO() || stat.isSocket() || process.stderr.isTTY === true;
  return isStream ? (line) => void process.stderr.write(line) : writeWhole;
}

function writeWhole(line: string): void {
  if (writeSync(stderrFd, line) < Buffer.byteLength(line)) throw new Error('cut short');
}
