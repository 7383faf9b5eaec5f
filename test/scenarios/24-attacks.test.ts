import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { seeded } from '../../src/base/seeded.fixture.ts';
import { canonicalPath } from '../../src/policy/canonical-path.ts';
import { randomTarget } from '../../src/policy/random-path.fixture.ts';
import { certificateAttacks } from './attacks/certificates.ts';
import { framingAttacks, get, smuggled } from './attacks/framing.ts';
import { type Fields, request } from './attacks/h2-frames.ts';
import { headerAttacks } from './attacks/headers.ts';
import { hostAttacks } from './attacks/hosts.ts';
import { http2Attacks } from './attacks/http2.ts';
import { pathAttacks, queryMethods } from './attacks/paths.ts';
import { forMore, isRefused, leftOf, Siege, verdictOf } from './attacks/world.ts';

/** Longer than the application takes at its slowest. */
const slowMs = 1_500;
const shown = (text: string): string => JSON.stringify(text.slice(0, 80));

describe('what a compromised caller sends past its own proxy', () => {
  const siege = new Siege();
  before(() => siege.begin());
  after(() => siege.end());

  describe('as a path', () => {
    for (const { target, web, wide, http2, egress } of pathAttacks) {
      it(`${shown(target)} is one path to policy and application, or refused`, async () => {
        assert.equal(verdictOf(await siege.http1('web', get(target))), web, 'HTTP/1.1 of web');
        assert.equal(verdictOf(await siege.http1('wide', get(target))), wide, 'HTTP/1.1 of wide');
        const frames = request(fieldsOf('vault', target));
        sameVerdict(verdictOf(await siege.http2('wide', frames)), http2 ?? wide, 'HTTP/2');
        sameVerdict(verdictOf(await siege.egress('wide', get(target))), egress ?? wide, 'egress');
      });
    }
  });

  describe('as a method in the query', () => {
    for (const [target, verdict] of queryMethods) {
      it(`${shown(target)} is refused where that method is`, async () => {
        const bytes = `POST ${target} HTTP/1.1\r\nhost: vault\r\ncontent-length: 0\r\n\r\n`;
        assert.equal(verdictOf(await siege.http1('wide', bytes)), verdict);
        const frames = request([
          ...fieldsOf('vault', target).map(
            ([name, value]) => [name, name === ':method' ? 'POST' : value] as const,
          ),
        ]);
        sameVerdict(verdictOf(await siege.http2('wide', frames)), verdict, 'HTTP/2');
      });
    }
  });

  describe('as the destination of a copy', () => {
    for (const [method, to, verdict] of [
      ['COPY', '/admin/x', '403 CH2130'],
      ['MOVE', 'http://vault/public/%2e%2e/admin', '403 CH2130'],
      ['MOVE', 'http://vault/public/y', 'MOVE /public/x'],
      ['PUT', '/admin/x', 'PUT /public/x'],
    ] as const) {
      it(`${method} to ${to} is refused where that path is`, async () => {
        const bytes = `${method} /public/x HTTP/1.1\r\nhost: vault\r\ndestination: ${to}\r\ncontent-length: 0\r\n\r\n`;
        assert.equal(verdictOf(await siege.http1('wide', bytes)), verdict);
      });
    }
  });

  describe('as a host', () => {
    for (const [host, http1, http2] of hostAttacks) {
      it(`${host === undefined ? 'none' : shown(host)} names this service, or is refused`, async () => {
        const line = host === undefined ? '' : `host: ${host}\r\n`;
        const bytes = `GET /plain HTTP/1.1\r\n${line}\r\n`;
        assert.equal(verdictOf(await siege.http1('web', bytes)), http1);
        const frames = request(fieldsOf(host, '/plain'));
        assert.equal(verdictOf(await siege.http2('web', frames)), http2);
      });
    }
  });

  describe('as headers', () => {
    for (const [lines, verdict, left = ''] of headerAttacks) {
      it(`${shown(lines)} says nothing in the mesh's name`, async () => {
        const outcome = await siege.http1('web', get('/plain', `${lines}\r\n`));
        assert.equal(verdictOf(outcome), verdict);
        assert.equal(leftOf(outcome), left);
      });
    }

    for (const [lines, path, verdict] of [
      ['x-envoy-upstream-rq-timeout-ms: 1', '/slow', 'GET /slow'],
      ['x-envoy-upstream-rq-per-try-timeout-ms: 50', '/slow', 'GET /slow'],
      ['x-envoy-upstream-stream-duration-ms: 1', '/slow', 'GET /slow'],
      ['x-envoy-expected-rq-timeout-ms: 1', '/slow', 'GET /slow'],
      [
        'x-envoy-upstream-rq-timeout-alt-response: 1\r\nx-envoy-upstream-rq-timeout-ms: 1',
        '/slow',
        'GET /slow',
      ],
      ['grpc-timeout: 1m', '/slow', 'GET /slow'],
      ['x-envoy-retry-on: 5xx\r\nx-envoy-max-retries: 4', '/fail', 'GET /fail: 503'],
      ['x-envoy-retry-on: gateway-error\r\nx-envoy-max-retries: 4', '/fail', 'GET /fail: 503'],
      [
        'x-envoy-retry-on: retriable-status-codes\r\nx-envoy-retriable-status-codes: 503\r\nx-envoy-max-retries: 4',
        '/fail',
        'GET /fail: 503',
      ],
      ['x-envoy-retry-grpc-on: unavailable\r\nx-envoy-max-retries: 4', '/fail', 'GET /fail: 503'],
      [
        'x-envoy-hedge-on-per-try-timeout: true\r\nx-envoy-upstream-rq-per-try-timeout-ms: 50',
        '/slow',
        'GET /slow',
      ],
    ] as const) {
      it(`${shown(lines)} changes nothing in how the proxy of the callee behaves`, async () => {
        const bytes = get(path, `${lines}\r\n`);
        assert.equal(verdictOf(await siege.http1('web', bytes)), verdict);
        const http2 = request([...fieldsOf('vault', path), ...fieldsIn(lines)]);
        assert.equal(verdictOf(await siege.http2('web', http2, slowMs)), verdict);
      });
    }

    it('forged words of the mesh do not come through the own proxy of a caller either', async () => {
      const lines =
        'x-chancery-caller: admin\r\nx-envoy-original-path: /admin\r\nx-envoy-retry-on: 5xx\r\n';
      const outcome = await siege.egress('web', get('/fail', lines));
      assert.equal(verdictOf(outcome), 'GET /fail: 503');
      assert.doesNotMatch(leftOf(outcome), /chancery|original|retry/);
    });
  });

  describe('as framing of HTTP/1.1', () => {
    for (const [name, bytes, verdict] of framingAttacks) {
      it(`${name} smuggles no request`, async () => {
        const outcome = await siege.http1('wide', bytes, forMore);
        assert.equal(verdictOf(outcome), verdict);
        for (const { url } of outcome.reached) assert.doesNotMatch(url, /internal|admin/);
      });
    }

    it('a head that is sent by halves for too long is cut off', async () => {
      const startMs = performance.now();
      const outcome = await siege.http1('wide', 'GET /plain HTTP/1.1\r\nhost: va', {
        quietMs: 15_000,
        settleMs: 0,
      });
      assert.match(verdictOf(outcome), /^408/);
      assert.ok(performance.now() - startMs < 14_000);
    });
  });

  describe('as frames of HTTP/2', () => {
    for (const [name, frames, verdict] of http2Attacks) {
      it(`${name} smuggles no request`, async () => {
        const outcome = await siege.http2(name.includes('gRPC') ? 'web' : 'wide', frames);
        assert.equal(verdictOf(outcome), verdict);
      });
    }
  });

  describe('as an upgrade that the application does not take', () => {
    for (const path of ['/public/no', '/public/slow']) {
      for (const delayMs of [0, 50, 500]) {
        it(`${path} lets no further request through after ${delayMs} ms`, async () => {
          const lines = 'connection: upgrade\r\nupgrade: websocket\r\n';
          await sendInTwo(siege, get(path, lines), smuggled, delayMs);
          const { raw } = await siege.http1('wide', get('/plain'));
          assert.match(raw, new RegExp(`GET ${path} `));
          assert.doesNotMatch(raw, /internal/);
        });
      }
      it(`${path} lets no further request through over HTTP/2`, async () => {
        const head: Fields = [...fieldsOf('vault', path, 'CONNECT'), [':protocol', 'websocket']];
        const { raw } = await siege.http2(
          'wide',
          request(head, { body: smuggled, open: true }),
          slowMs,
        );
        assert.match(raw, new RegExp(`GET ${path} `));
        assert.doesNotMatch(raw, /internal/);
      });
    }
  });

  describe('as a certificate', () => {
    for (const [name, wanted, verdict] of certificateAttacks) {
      it(`with ${name} is who it is, or nobody`, async () => {
        const outcome = await siege.http1(siege.sign(wanted(siege)), get('/plain'));
        assert.equal(verdictOf(outcome), verdict);
      });
    }

    it('none at all is nobody', async () => {
      assert.equal(verdictOf(await siege.http1({ cert: '', key: '' }, get('/plain'))), 'closed');
    });

    it('of a service that no rule names reaches only what is open to all', async () => {
      assert.equal(verdictOf(await siege.http1('stranger', get('/plain'))), '403 CH2101');
      assert.equal(verdictOf(await siege.http1('stranger', get('/open/x'))), 'GET /open/x');
    });
  });

  it('of 300 random paths the canonical one is the same before and after the proxy normalised it', async () => {
    const random = seeded(24);
    let taken = 0;
    for (let at = 0; at < 300; at += 1) {
      const target = randomTarget(random, 6);
      const { reached } = await siege.http1('wide', get(target));
      const url = reached[0]?.url;
      if (url === undefined) continue;
      const after = canonicalPath(url);
      assert.ok(after.ok, `${target} reached the application as ${url}`);
      const raw = canonicalPath(target);
      if (!raw.ok) continue;
      assert.equal(raw.value, after.value, `${target} reached the application as ${url}`);
      assert.doesNotMatch(after.value, /^\/(?:admin|internal)(?:\/|$)/);
      taken += 1;
    }
    assert.ok(taken > 100, `only ${taken} were taken`);
  });
});

function fieldsOf(authority: string | undefined, path: string, method = 'GET'): Fields {
  return [
    [':method', method],
    [':scheme', 'https'],
    ...(authority === undefined ? [] : [[':authority', authority] as const]),
    [':path', path],
  ];
}

function fieldsIn(lines: string): Fields {
  return lines.split('\r\n').map((line) => {
    const [name = '', value = ''] = line.split(': ');
    return [name, value];
  });
}

/** Which proxy refuses, and at which step, may differ. */
function sameVerdict(found: string, expected: string, way: string): void {
  if (isRefused(found) && isRefused(expected)) return;
  assert.equal(found, expected, way);
}

async function sendInTwo(
  siege: Siege,
  first: string,
  then: string,
  delayMs: number,
): Promise<void> {
  const socket = tls.connect({
    host: '127.0.0.1',
    port: siege.ingressPort,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    ...siege.certificate('wide'),
  });
  socket.on('error', () => {});
  await new Promise((ready) => socket.once('secureConnect', ready));
  socket.write(first);
  if (delayMs > 0) await sleep(delayMs);
  socket.write(then);
  await sleep(450);
  socket.destroy();
}
