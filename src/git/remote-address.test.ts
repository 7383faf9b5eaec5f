import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBranch, parseFolder, parseRemoteAddress } from './remote-address.ts';

test('the four kinds of address are known', () => {
  const cases = {
    'ssh://git@git.test:22/a/b.git': 'ssh',
    'git@git.test:a/b.git': 'ssh',
    'git.test:a/b.git': 'ssh',
    'https://git.test/a/b.git': 'https',
    'https://ci@git.test/a/b.git': 'https',
    'file:///srv/a.git': 'file',
    '/srv/a.git': 'file',
  };
  for (const [text, transport] of Object.entries(cases)) {
    const address = parseRemoteAddress(text);
    assert.ok(address.ok, text);
    assert.deepEqual(address.value, { transport, url: text });
  }
});

test('programs, options, plain text and passwords are no address', () => {
  for (const text of [
    'http://git.test/a.git',
    'git://git.test/a.git',
    'ext::sh -c id',
    'ext::id',
    'fd::1',
    '--upload-pack=id',
    '-oProxyCommand=id:x',
    'ssh://-oProxyCommand=id/x',
    'ssh://-x@host/x',
    'git@host:-x',
    'a.git',
    '',
    'https://git.test/a b',
    'https://',
  ]) {
    const address = parseRemoteAddress(text);
    assert.ok(!address.ok, text);
    assert.equal(address.error.code, 'CH5315');
  }
});

test('a password in an address is refused and not shown', () => {
  const address = parseRemoteAddress('https://ci:hunter2@git.test/a.git');
  assert.ok(!address.ok);
  assert.equal(JSON.stringify(address.error).includes('hunter2'), false);
});

test('a branch cannot be an option or a refspec', () => {
  for (const name of ['main', 'release/1.2', 'a-b_c', 'x@y'])
    assert.equal(checkBranch(name), undefined);
  for (const name of [
    '',
    '-x',
    '+main',
    'a:b',
    'a..b',
    'a b',
    'a/',
    '/a',
    'a//b',
    'x.lock',
    '@{1}',
    'a~1',
    '*',
    'a/.b',
  ]) {
    assert.equal(checkBranch(name)?.code, 'CH5315', name);
  }
});

test('a sub-folder stays below the top', () => {
  for (const [text, prefix] of Object.entries({ '': '', '.': '', a: 'a/', './a//b/': 'a/b/' })) {
    assert.deepEqual(parseFolder(text), { ok: true, value: prefix });
  }
  for (const text of ['/a', '..', 'a/../b', 'a\0']) assert.equal(parseFolder(text).ok, false, text);
});
