import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { callApi, followApi } from '../serve/api/client.ts';
import type { ApiReply, ApiRequest, Send } from '../serve/api/server.ts';
import { makeRunDir } from './layout.ts';
import { type LocalDoor, listenLocally } from './listen-locally.ts';

describe('the socket of operators', () => {
  let base = '';
  let socket = '';
  let door: LocalDoor;
  let clock = new FakeClock();
  let said: string[] = [];
  let tell: Send | undefined;

  const handler = async ({ path }: ApiRequest): Promise<ApiReply> => {
    if (path !== '/stream') return { kind: 'json', body: { path } };
    const open = (send: Send) => {
      tell = send;
      return () => {};
    };
    return { kind: 'stream', open };
  };

  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), 'door-'));
    const runDir = join(base, 'run');
    socket = join(runDir, 'control.sock');
    clock = new FakeClock();
    said = [];
    const note = (message: string, fields: object = {}): void => {
      said.push(`${message} ${JSON.stringify(fields)}`);
    };
    const log = { info: note, warn: note, error: note };
    const makeFolder = (): void => makeRunDir({ runDir });
    makeFolder();
    door = await listenLocally({ socket, makeFolder, clock, log }, handler);
  });
  afterEach(() => {
    door.close();
    rmSync(base, { recursive: true, force: true });
  });

  const answers = (): Promise<unknown> => callApi(socket, { method: 'GET', path: '/v1/x' });

  /** As long as the door needs to look once. */
  async function look(): Promise<void> {
    clock.advance(2_000);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((wake) => setImmediate(wake));
  }

  it('is there again after it was removed, for this user only, and whoever was connected stays', async () => {
    const lines: unknown[] = [];
    const { signal } = new AbortController();
    const followed = followApi(socket, '/stream', (line) => lines.push(line), signal);
    while (tell === undefined) await new Promise((wake) => setImmediate(wake));
    rmSync(socket);
    await assert.rejects(answers(), { code: 'CH5402' });
    await look();
    assert.deepEqual(await answers(), { path: '/v1/x' });
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    assert.match(said.join('\n'), /^the control socket was removed; it is there again [^\n]*$/);
    tell({ kind: 'after' });
    while (lines.length === 0) await new Promise((wake) => setImmediate(wake));
    door.close();
    await assert.rejects(followed);
  });

  it('is there again with its folder, as often as that is removed', async () => {
    for (let times = 0; times < 3; times += 1) {
      rmSync(dirname(socket), { recursive: true });
      await look();
      assert.deepEqual(await answers(), { path: '/v1/x' });
      assert.equal(statSync(dirname(socket)).mode & 0o777, 0o700);
    }
  });

  it('is not made in a folder that others may write to, before that is mended', async () => {
    rmSync(socket);
    chmodSync(dirname(socket), 0o777);
    for (let times = 0; times < 3; times += 1) await look();
    assert.equal(existsSync(socket), false);
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', /cannot be made again yet .*CH5404/);
    chmodSync(dirname(socket), 0o700);
    await look();
    assert.deepEqual(await answers(), { path: '/v1/x' });
  });

  it('takes the place of nothing that somebody else has put there', async () => {
    rmSync(socket);
    writeFileSync(socket, 'mine');
    for (let times = 0; times < 3; times += 1) await look();
    assert.equal(statSync(socket).isFile(), true);
    assert.equal(said.length, 1);
    rmSync(socket);
    await look();
    assert.deepEqual(await answers(), { path: '/v1/x' });
  });

  it('goes with the door, and nothing is looked at any more', async () => {
    rmSync(socket);
    clock.advance(2_000);
    door.close();
    for (let turn = 0; turn < 5; turn += 1) await new Promise((wake) => setImmediate(wake));
    assert.deepEqual([existsSync(socket), clock.timerCount], [false, 0]);
  });
});
