import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeProxy, meantBy } from './harmless/alike.ts';
import { answers } from './harmless/answers.ts';
import { clients, isInstalled } from './harmless/clients.ts';
import { changed, refused } from './harmless/refused.ts';
import { asTheyAre, plain } from './harmless/requests.ts';
import { call, calls, rpcPort } from './harmless/rpc.ts';
import { targets } from './harmless/targets.ts';
import { appPort, Peace } from './harmless/world.ts';

/** What reaches an application and its caller without a mesh is what reaches them through both proxies. */
describe('requests that real software sends', () => {
  const peace = new Peace();
  before(() => peace.begin());
  after(() => peace.end());

  const alike = async (bytes: string, answer?: string): Promise<void> => {
    const direct = await peace.pass(bytes, answer, appPort);
    const through = await peace.pass(bytes, answer);
    same(through.requests, direct.requests, through.answer);
    assert.equal(meantBy(through.answer), meantBy(direct.answer));
  };

  describe('arrive with the target as it is', () => {
    for (const [from, target] of targets) {
      it(`${from}: ${target.slice(0, 60)}`, async () => {
        const { requests, answer } = await peace.pass(plain(target));
        assert.equal(requests[0]?.split(' ')[1], target, answer);
        assert.match(answer, /^HTTP\/1\.1 200 /);
      });
    }
  });

  describe('arrive as without a mesh', () => {
    for (const [from, bytes] of asTheyAre) it(from, () => alike(bytes));
  });

  describe('are answered as without a mesh', () => {
    for (const [what, request, answer] of answers) it(what, () => alike(request, answer));
  });

  describe('of clients as they are arrive as without a mesh', () => {
    for (const client of clients) {
      it(client.name, { skip: !isInstalled(client) }, async () => {
        const direct = await peace.during(() => client.run(appPort));
        const through = await peace.during(() => client.run(peace.egressPort));
        same(through.requests, direct.requests, through.answer);
        assert.equal(through.answer, direct.answer);
      });
    }
  });

  describe('over HTTP/2 arrive and are answered as without a mesh', () => {
    for (const [what, asked] of calls) {
      it(what, async () => {
        const direct = await call(rpcPort, asked);
        assert.equal(await call(peace.egressPort, asked), direct);
      });
    }
  });

  describe('are changed where two readings were possible', () => {
    for (const [what, bytes, arrives, not] of changed) {
      it(what, async () => {
        const { requests, answer } = await peace.pass(bytes);
        const [arrived = ''] = requests;
        assert.match(arrived, arrives);
        if (not !== undefined) assert.doesNotMatch(arrived, not);
        assert.match(answer, /HTTP\/1\.1 200 /);
      });
    }
  });

  describe('are refused with the reason', () => {
    for (const [what, bytes, expected, says] of refused) {
      it(what, async () => {
        const { requests, answer } = await peace.pass(bytes);
        assert.deepEqual(requests, []);
        const [, status] = answer.split(' ');
        assert.equal(`${status} ${/x-chancery-code: (\S+)/.exec(answer)?.[1]}`, expected);
        assert.match(answer, says);
      });
    }
  });

  it('a crowd of new connections costs no request, and none is sent twice', async () => {
    const busy = crowdedAsks(peace.egressPort, 'GET', '/busy');
    await sleep(100);
    const posts = Array.from({ length: 100 }, () =>
      crowdedAsks(peace.egressPort, 'POST', '/counted'),
    );
    const found = await Promise.all(posts);
    assert.deepEqual(
      found.toSorted((a, b) => Number(a.slice(4)) - Number(b.slice(4))),
      Array.from({ length: 100 }, (_, at) => `200 ${at + 1}`),
    );
    await busy;
  });

  it('a WebSocket outlives the timeout of its route, and a stream of events does not', async () => {
    const socket = net.connect(peace.egressPort, '127.0.0.1');
    let heard = '';
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
    });
    socket.write(
      'GET /ws HTTP/1.1\r\nhost: crowded\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n',
    );
    assert.match(
      await crowdedAsks(peace.egressPort, 'GET', '/events'),
      /^cut (?:data: x\n\n){3,6}$/,
    );
    socket.write('still there');
    await sleep(300);
    socket.destroy();
    assert.match(heard, /^HTTP\/1\.1 101 [\s\S]*still there$/);
  });

  it('of hints ahead of an answer the callers hear nothing', async () => {
    assert.match(await crowdedAsks(peace.egressPort, 'GET', '/hints'), /^200 /);
  });
});

function same(through: readonly string[], direct: readonly string[], answer: string): void {
  assert.notEqual(direct.length, 0);
  const found = through.map((request) => meantBy(beforeProxy(request)));
  assert.deepEqual(found, direct.map(meantBy), answer.slice(0, 2_000));
}

function crowdedAsks(port: number, method: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', method, path, headers: { host: 'crowded' } };
    const call = http.request({ ...options, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.once('error', () => resolve(`cut ${text}`));
      answer.once('end', () => resolve(`${answer.statusCode} ${text}`));
    });
    call.once('information', ({ statusCode }) => resolve(`${statusCode}`));
    call.once('error', reject);
    call.end();
  });
}
