import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { saysInUse, tellingLine } from './telling-line.ts';

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
