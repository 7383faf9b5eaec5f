import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { headersInside, pathInside, proxyRefusal } from '../src/explain/proxy-reading.ts';
import { canonicalPath } from '../src/policy/canonical-path.ts';
import { headerAttacks } from './scenarios/attacks/headers.ts';
import { hostAttacks } from './scenarios/attacks/hosts.ts';
import { pathAttacks } from './scenarios/attacks/paths.ts';

const plain = { method: 'GET', target: '/plain', host: 'vault', headers: [] };

function answerTo(more: Partial<Parameters<typeof proxyRefusal>[0]>): string | undefined {
  const found = proxyRefusal({ ...plain, ...more }, 'http');
  return found && `${found.status} ${found.code}`;
}

/** `400 CH4110`: refused ahead of any rule. */
function isEarly(verdict: string): boolean {
  return /^\d+ CH41(?:10|12)$/.test(verdict);
}

/** What a real Envoy did with each stands in the tables, which a scenario keeps true. */
describe('what a proxy makes of a request ahead of any rule is what the real one was measured to do', () => {
  // Absolute forms have a host of their own, and no shell passes a tab by mistake.
  const targets = pathAttacks.filter(({ target }) => !/^[a-z]+:|\t| HTTP/i.test(target));
  for (const { target, wide } of targets) {
    test(`the target ${JSON.stringify(target)}`, () => {
      assert.equal(answerTo({ target }), isEarly(wide) ? wide : undefined);
      if (isEarly(wide)) return;
      const inside = canonicalPath(pathInside(target));
      const code = inside.ok ? undefined : inside.error.code;
      // What is decoded twice is found out at either step.
      if (wide.startsWith('403 CH212')) assert.match(String(code), /^CH212/);
      else assert.ok(inside.ok, target);
      if (!wide.startsWith('GET ') || !inside.ok) return;
      assert.deepEqual(inside, canonicalPath(wide.slice('GET '.length)));
    });
  }
  for (const [host = '', http1] of hostAttacks.filter(([host]) => !host?.includes('\n'))) {
    test(`the host ${JSON.stringify(host)}`, () => {
      const isMissing = hostAttacks.some(([other, http]) => other === undefined && http === http1);
      if (host === '' && isMissing) return;
      assert.equal(answerTo({ host }), isEarly(http1) ? http1 : undefined);
    });
  }
  const wellFormed = headerAttacks.filter(([lines]) =>
    lines
      .split('\r\n')
      .every((line) => /^[^:\r\n]+: [^\r\n]*$/.test(line) && !/^\s|^host:/.test(line)),
  );
  for (const [lines, verdict] of wellFormed) {
    test(`the headers ${JSON.stringify(lines)}`, () => {
      const headers = lines.split('\r\n').map((line) => {
        const at = line.indexOf(': ');
        return [line.slice(0, at), line.slice(at + 2)] as const;
      });
      assert.equal(answerTo({ headers }), isEarly(verdict) ? verdict : undefined);
    });
  }
});

test('what is no method is refused over HTTP/1.1, and not over HTTP/2', () => {
  for (const method of ['G(T', 'G T', '']) assert.equal(answerTo({ method }), '400 CH4110');
  for (const method of ['PURGE', 'LIST', 'get']) assert.equal(answerTo({ method }), undefined);
  assert.equal(proxyRefusal({ ...plain, method: 'G(T' }, 'grpc'), undefined);
});

test('what is too much is refused as such', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, at) => [`x-${at}`, 'a'] as const);
  assert.equal(answerTo({ headers: many(100) }), undefined);
  assert.equal(answerTo({ headers: many(200) }), '431 CH4110');
  assert.equal(answerTo({ target: `/${'a'.repeat(70_000)}` }), '431 CH4110');
  assert.equal(answerTo({ headers: [['x-a', 'a'.repeat(72_000)]] }), '431 CH4110');
});

test('where a body ends has one reading', () => {
  for (const [headers, answer] of [
    [
      [
        ['content-length', '3'],
        ['transfer-encoding', 'chunked'],
      ],
      '400 CH4110',
    ],
    [[['content-length', '3, 3']], '400 CH4110'],
    [[['content-length', '3']], undefined],
    [[['transfer-encoding', 'Chunked']], undefined],
    [[['transfer-encoding', 'gzip, chunked']], '501 CH4110'],
  ] as const) {
    assert.equal(answerTo({ headers }), answer, JSON.stringify(headers));
  }
});

test('of headers in the name of the mesh rules see none', () => {
  const names = ['x-chancery-a', 'X-Envoy-Internal', 'x-envoy-attempt-count', 'x-a'];
  const left = headersInside(names.map((name) => [name, '1'] as const));
  assert.deepEqual(
    left.map(([name]) => name),
    ['x-envoy-attempt-count', 'x-a'],
  );
});
