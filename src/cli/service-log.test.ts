import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lossyLog } from './service-log.ts';

describe('the log of a service', () => {
  it('what could not be written ends nothing, is counted, and said when it can be written again', () => {
    const written: string[] = [];
    let isFull = true;
    const log = lossyLog('server', (line) => {
      if (isFull) throw new Error('ENOSPC');
      written.push(line);
    });
    for (const message of ['one', 'two', 'three']) log.info(message);
    assert.deepEqual(written, []);
    isFull = false;
    log.error('four');
    log.info('five');
    const [lost, ...rest] = written.map((line) => JSON.parse(line));
    assert.deepEqual(
      [lost.message, lost.lines, lost.component],
      [...['lines of this log were lost', 3, 'server']],
    );
    assert.deepEqual(
      rest.map(({ message }) => message),
      ['four', 'five'],
    );
    // A line that was cut short is before it.
    assert.match(written.join(''), /^\n\{/);
  });
});
