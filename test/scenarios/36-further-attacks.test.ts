import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { canonicalPath } from '../../src/policy/canonical-path.ts';
import type { Certificate } from '../support/peer.ts';
import { eventually } from '../support/running-mesh.ts';
import { fortress, hall, token, vault } from './attacks/fortress.ts';
import { get, post } from './attacks/framing.ts';
import { type Fields, request } from './attacks/h2-frames.ts';
import { harmlessHeaders, harmlessMethods, harmlessTargets } from './attacks/harmless.ts';
import {
  addressAttacks,
  egressAttacks,
  fields,
  hallAttacks,
  personAttacks,
  queryAttacks,
  spaced,
  to,
  tokenAttacks,
  upgradeAttacks,
} from './attacks/later.ts';
import { forMore, leftOf, Siege, verdictOf } from './attacks/world.ts';

const shown = (text: string): string => JSON.stringify(text.slice(0, 80));
const secretLines =
  'cookie: a=geheim\r\nauthorization: Bearer geheim\r\nreferer: http://a/?geheim\r\nx-tenant: geheim\r\n';
/** A request that Envoy refuses over HTTP/2 gets no answer; sooner than that a good one has its own. */
const refusedMs = 150;

describe('what else a compromised caller tries', () => {
  const siege = new Siege(fortress, vault);
  before(() => siege.begin());
  after(() => siege.end());

  describe('with bytes that are no part of a URL', () => {
    for (const code of [
      0, 9, 0xa, 0xd, 0x1f, 0x20, 0x22, 0x23, 0x25, 0x5c, 0x7f, 0x80, 0xc3, 0xff,
    ]) {
      it(`0x${code.toString(16)} in a query is to everybody what "why" says of it`, async () => {
        const target = `/public/x?a${String.fromCharCode(code)}b`;
        const isTaken = canonicalPath(target).ok;
        const one = await siege.http1('web', get(target));
        const two = await siege.http2('web', request(fields(target)), refusedMs);
        for (const { reached } of [one, two]) {
          assert.deepEqual(
            reached.map(({ url }) => url),
            isTaken ? [target] : [],
          );
        }
      });
    }
  });

  describe('with white space around the value of a header', () => {
    for (const value of spaced) {
      it(`${shown(value)} is what the application takes it for`, async () => {
        const head = fields('/public/mode');
        const denied = await siege.http2('web', request([...head, ['x-mode', value]]));
        assert.equal(verdictOf(denied), '403 CH2102');
        if (value.includes(',')) return;
        const step = value.replace('banned', 'down');
        const byCel = await siege.http2(
          'web',
          request([...fields('/public/step'), ['x-step', step]]),
        );
        assert.equal(verdictOf(byCel), '403 CH2102');
      });
    }
  });

  describe('with queries that read in two ways', () => {
    for (const [query, verdict] of queryAttacks) {
      it(`${shown(query)} has the one value that is wanted, or is refused`, async () => {
        assert.equal(verdictOf(await siege.http1('web', get(`/query?${query}`))), verdict);
      });
    }
  });

  describe('with tokens', () => {
    for (const [what, lines, verdict] of tokenAttacks) {
      it(`${what} is a token, or none`, async () => {
        const outcome = await siege.http1('web', get('/token', `${lines()}\r\n`));
        assert.equal(verdictOf(outcome), verdict);
      });
    }
    for (const [claims, verdict] of personAttacks) {
      it(`${JSON.stringify(claims)} names a person, or nobody`, async () => {
        const lines = `authorization: Bearer ${token(claims)}\r\n`;
        assert.equal(verdictOf(await siege.http1('stranger', get('/person', lines))), verdict);
      });
    }
  });

  describe('with what HTTP/2 calls its request line', () => {
    for (const line of [':path: /plain', ':method: POST', ':authority: web', ':scheme: http']) {
      it(`${line} as a header of HTTP/1.1 is refused`, async () => {
        const outcome = await siege.http1('web', get('/nothing', `${line}\r\n`));
        assert.equal(verdictOf(outcome), '400 CH4110');
      });
    }
  });

  describe('with an address', () => {
    for (const lines of addressAttacks) {
      it(`${shown(lines)} says nothing of where it comes from`, async () => {
        const outcome = await siege.http1('web', get('/address', `${lines}\r\n`));
        assert.equal(verdictOf(outcome), '403 CH2101');
      });
    }
  });

  describe('with another handshake', () => {
    const client = () => ({ ...siege.certificate('stranger') });
    for (const [what, more] of [
      ['no protocol', { ALPNProtocols: [] }],
      ['the protocol of TCP services', { ALPNProtocols: ['chancery-tcp'] }],
      ['HTTP/3', { ALPNProtocols: ['h3'] }],
      ['the name of another service', { servername: 'stranger' }],
    ] as const) {
      it(`that names ${what} the rules are the same`, async () => {
        const socket = await connect(siege.ingressPort, { ...client(), ...more }, []);
        assert.match(await answerOn(socket), /^HTTP\/1\.1 403[\s\S]*CH2101/);
        socket.destroy();
      });
    }
    it('TLS 1.2 is not spoken', async () => {
      const old = { maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' } as const;
      await assert.rejects(connect(siege.ingressPort, { ...client(), ...old }, []), /version/);
    });
  });

  describe('with upgrades', () => {
    for (const [what, bytes] of upgradeAttacks) {
      it(`that bring ${what} smuggle no request`, async () => {
        const { reached, raw } = await siege.http1('web', bytes, forMore);
        for (const { url } of reached) assert.equal(url, '/public/no');
        assert.doesNotMatch(raw, /internal/);
      });
    }
  });

  describe('with a certificate that has run out', () => {
    let client: Certificate;
    let open: tls.TLSSocket;
    const sessions: Buffer[] = [];
    const endsInMs = 2_000;
    before(async () => {
      const uris = ['spiffe://siege.test/web'];
      client = siege.sign({ uris, notAfterMs: Date.now() + endsInMs });
      open = await connect(siege.ingressPort, client, sessions);
      assert.match(await answerOn(open), /^HTTP\/1\.1 200/);
      await sleep(endsInMs);
      // What came before is told, and forgotten.
      await siege.http1('web', get('/plain'));
    });
    after(() => void open.destroy());

    it('no session is resumed, for none was given', () => {
      assert.deepEqual(sessions, []);
    });
    it('no new connection is made', async () => {
      assert.equal(verdictOf(await siege.http1(client, get('/plain'))), 'closed');
    });
  });

  describe('against an application of HTTP/2', () => {
    before(() => siege.turnTo(hall));
    after(() => siege.turnTo(vault));
    for (const [what, frames, verdict] of hallAttacks) {
      it(`${what} is what a rule allows, or refused`, async () => {
        const outcome = await siege.http2('web', frames, 600);
        assert.equal(verdictOf(outcome).replace(/: closed$/, ''), verdict);
        const forged = outcome.reached[0]?.headers.find(([name]) => name === 'host');
        assert.equal(forged, undefined);
      });
    }

    const kept: Fields = [
      ['x-amz-checksum-crc32', 'AAAA'],
      ['x-a-bin', 'AAE='],
    ];
    it('trailers name no caller, and ask for no other request', async () => {
      const trailers: Fields = [
        ['x-forwarded-client-cert', 'URI=spiffe://siege.test/wide'],
        ['x-forwarded-for', '127.0.0.1'],
        ['x-chancery-caller', 'wide'],
        ['x-envoy-original-path', '/admin'],
        ['authorization', 'Bearer x'],
        ['x-http-method-override', 'DELETE'],
        ['x-original-url', '/admin'],
        ['host', 'stranger'],
        ['content-length', '3'],
        ...kept,
      ];
      const frames = request(to('/public/x', 'POST'), { body: 'abc', trailers });
      const { reached } = await siege.http2('web', frames);
      assert.deepEqual(reached[0]?.trailers, kept);
    });

    it('metadata of gRPC goes through as it is', async () => {
      const metadata: Fields = [
        ['te', 'trailers'],
        ['content-type', 'application/grpc+proto'],
        ['grpc-timeout', '5S'],
        ['grpc-accept-encoding', 'gzip, identity'],
        ['x-trace-bin', '/+8AAQID'],
        ['x-trace-bin', 'AA=='],
      ];
      const head = [...to('/pkg.Svc/Method', 'POST'), ...metadata];
      const { reached } = await siege.http2('web', request(head, { body: '\0\0\0\0\0' }));
      const got = reached[0]?.headers.filter(([name]) => metadata.some(([one]) => one === name));
      assert.deepEqual(got, metadata);
    });
  });

  describe('at the door for the own application', () => {
    for (const [head, verdict] of egressAttacks) {
      it(`${shown(head)} goes where the own rules say, whatever page sends it`, async () => {
        assert.equal(verdictOf(await siege.egress('web', `${head}\r\n\r\n`)), verdict);
      });
    }
  });

  describe('refuses nobody who means no harm', () => {
    for (const target of harmlessTargets) {
      it(`${shown(target)} arrives as it is`, async () => {
        const outcomes = [
          await siege.http1('web', get(target)),
          await siege.egress('web', get(target)),
          await siege.http2('web', request(fields(target))),
        ];
        for (const { answer, reached } of outcomes) {
          assert.deepEqual([answer, reached.map(({ url }) => url)], ['200', [target]]);
        }
      });
    }
    for (const [lines, left] of harmlessHeaders) {
      it(`${shown(lines)} arrives as it is`, async () => {
        const outcome = await siege.http1('web', get('/public/x', `${lines}\r\n`));
        assert.equal(verdictOf(outcome), 'GET /public/x');
        assert.equal(leftOf(outcome), left ?? lines.replaceAll('\r\n', ' | '));
      });
    }
    for (const method of harmlessMethods) {
      it(`${method} arrives`, async () => {
        const bytes = `${method} /public/x HTTP/1.1\r\nhost: vault\r\n\r\n`;
        assert.equal(verdictOf(await siege.http1('web', bytes)), `${method} /public/x`);
        assert.equal(verdictOf(await siege.egress('web', bytes)), `${method} /public/x`);
      });
    }
    it('a body of 2 MiB arrives whole, by length, in chunks and in trailers', async () => {
      const body = '0123456789abcdef'.repeat(131_072);
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\nx-sum: a\r\n\r\n`;
      for (const bytes of [
        post(`content-length: ${body.length}\r\n`, body),
        post(`expect: 100-continue\r\ncontent-length: ${body.length}\r\n`, body),
        post('trailer: x-sum\r\ntransfer-encoding: chunked\r\n', chunk),
      ]) {
        const { answer, reached } = await siege.http1('web', bytes);
        assert.equal(answer, '200');
        assert.equal(reached[0]?.body.length, body.length);
      }
    });
    it('a WebSocket opens, and carries bytes', async () => {
      const lines =
        'connection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n';
      const { text, raw } = await siege.egress('web', `${get('/ws/x', lines)}\x81\x02hi`, forMore);
      assert.match(text, /^HTTP\/1\.1 101/);
      assert.ok(raw.endsWith('\x81\x02hi') || raw.includes('\x81\x02hi'));
    });
  });

  it('an open route is as closed as any while the desk answers', async () => {
    assert.equal(verdictOf(await siege.http1('web', get('/news/1'))), '401 CH2108');
    const forged = 'x-envoy-auth-failure-mode-allowed: true\r\n';
    assert.equal(verdictOf(await siege.http1('web', get('/news/1', forged))), '401 CH2108');
  });

  describe('while the desk does not answer', () => {
    const asked = '503 CH2190';
    const attacks: readonly (readonly [what: string, bytes: () => string, verdict: string])[] = [
      ['what is allowed goes on', () => get('/plain'), 'GET /plain'],
      ['what is denied stays so', () => get('/admin'), '403 CH2102'],
      ['what needs a token waits', () => get('/token', bearerLine()), asked],
      ['what no rule allows is not let in', () => get('/nothing'), asked],
      ['a second reading is not let in', () => get('/plain', 'x-original-url: /admin\r\n'), asked],
      ['nor are two credentials', () => get('/plain', `${bearerLine()}${bearerLine()}`), asked],
      ['nor a path that reads in two ways', () => get('/public/..;/x;'), asked],
      ['an open route lets in what only a desk can decide', () => get('/news/1'), 'GET /news/1'],
      ['but by no other method', () => post('content-length: 0\r\n', '', '/news/1'), asked],
      ['nor what a denial may be about', () => get('/news/shut'), asked],
      ['nor two readings', () => get('/news/1', 'x-original-url: /admin\r\n'), asked],
    ];
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
      describe(`after ${signal}`, () => {
        before(() => {
          process.kill(siege.mesh.pidOf('chancery.js agent'), signal);
        });
        after(async () => {
          if (signal === 'SIGSTOP') process.kill(siege.mesh.pidOf('chancery.js agent'), 'SIGCONT');
          await eventually(
            async () => verdictOf(await siege.http1('web', get('/nothing'))) === '403 CH2101',
            10_000,
            () => 'the desk does not come back',
          );
        });
        it('what an open route let in is counted, and in the log', async () => {
          const { reached } = await siege.http1('web', get('/news/2'));
          const header = 'x-envoy-auth-failure-mode-allowed';
          assert.ok(
            reached[0]?.headers.some(([name, value]) => name === header && value === 'true'),
          );
          await eventually(
            () => siege.mesh.log('vault-v1').some((line) => line['desk_away'] === 'true'),
            15_000,
            () => 'the log does not say it',
          );
          const counted = await siege.mesh.stats('vault-v1', 'ext_authz.open.failure_mode_allowed');
          assert.ok([...counted.values()].some((count) => count > 0));
        });
        for (const [what, bytes, verdict] of signal === 'SIGSTOP' ? attacks : attacks.slice(0, 4)) {
          it(what, async () => {
            assert.equal(verdictOf(await siege.http1('web', bytes())), verdict);
          });
        }
      });
    }
  });

  it('every line of the logs can be read, whatever was sent, and holds no query or header', async () => {
    const lines =
      'x-request-id: \xff\xfe"},{"a\\\r\nuser-agent: \xc0\x80\r\ntraceparent: \xed\xa0\x80\r\n';
    await siege.http1('web', get('/plain', lines));
    await siege.http1('web', get('/nothing', lines));
    for (const target of ['/plain', '/admin', '/nothing', '/query', '/public/..;/x;']) {
      const query = '?key=geheim&a=geheim';
      await siege.http1('web', get(`${target}${query}`, secretLines));
      await siege.egress('web', get(`${target}${query}`, secretLines));
    }
    const { stateDir } = siege.mesh.layout;
    const files = [join(stateDir, 'logs', 'decisions.jsonl')].concat(
      ...['vault-v1', 'hall-v1', 'web-v1'].map((one) =>
        join(stateDir, 'proxies', one, 'access.jsonl'),
      ),
    );
    // Envoy writes its log out every second.
    await sleep(1_500);
    for (const file of files) {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
      for (const line of text.split('\n').slice(0, -1)) JSON.parse(line);
      assert.doesNotMatch(text, /geheim/, `${file} holds what may be secret`);
    }
  });
});

function bearerLine(): string {
  return `authorization: Bearer ${token()}\r\n`;
}

function connect(
  port: number,
  client: tls.ConnectionOptions,
  sessions: Buffer[],
): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      ...client,
    });
    socket.on('session', (session: Buffer) => sessions.push(session));
    socket.once('error', reject);
    socket.once('secureConnect', () => resolve(socket));
  });
}

function answerOn(socket: tls.TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1')));
    socket.once('close', () => resolve('closed'));
    socket.write(get('/plain'));
  });
}
