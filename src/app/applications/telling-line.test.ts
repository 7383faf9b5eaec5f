import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { saysInUse, tellingLine, whyEnded } from './telling-line.ts';

describe('the line that says why a program ended', () => {
  it('is the one with the error, not what a runtime prints around it', () => {
    const node = [
      'node:internal/modules/cjs/loader:1423',
      '  throw err;',
      "Error: Cannot find module '/x/nothing.js'",
      '    at Function._resolveFilename (node:internal/errors:12:3)',
      "  code: 'MODULE_NOT_FOUND',",
      '}',
      'Node.js v26.0.0',
    ].join('\n');
    assert.equal(tellingLine(node), "Error: Cannot find module '/x/nothing.js'");
    const python = 'Traceback:\n  File "x.py", line 1\nModuleNotFoundError: No module\n';
    assert.equal(tellingLine(python), 'ModuleNotFoundError: No module');
  });

  it('of a service of ours is the error of its log, with the way on', () => {
    const log = [
      '{"level":"info","message":"this replica leads"}',
      '{"level":"error","message":"the service ended","code":"CH5211","problem":"the key is open to others","help":"chmod 600"}',
      '{"level":"info","message":"this replica follows"}',
      '',
    ].join('\n');
    assert.equal(whyEnded(log), 'CH5211 the key is open to others: chmod 600');
    assert.equal(whyEnded('{"level":"inf\nError: no such file\n'), 'Error: no such file');
    assert.equal(whyEnded(''), undefined);
  });

  it('is the last one where none speaks of an error; nothing where there is none', () => {
    assert.equal(tellingLine('one\ntwo\n\n'), 'two');
    assert.equal(tellingLine('\n'), undefined);
  });

  it('names an address in use in the words of several runtimes', () => {
    assert.ok(saysInUse('Error: listen EADDRINUSE: address already in use :::80'));
    assert.ok(saysInUse('OSError: [Errno 98] Address already in use'));
    assert.ok(saysInUse('listen tcp :80: bind: address already in use'));
    assert.ok(!saysInUse('Error: Cannot find module'));
  });
});
