import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { accessLog, adminSocket, layoutOf } from './layout.ts';
import { rotateAccessLogs } from './log-rotation.ts';

describe('the access log of a proxy of this machine', () => {
  let base = '';
  let file = '';
  let clock = new FakeClock();
  let server: Server;
  let asked = 0;
  let stop = (): void => {};
  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), 'rotation-'));
    const layout = layoutOf(base, { XDG_RUNTIME_DIR: join(base, 'run') });
    file = accessLog(layout, 'web-1');
    const socket = adminSocket(layout, 'web-1');
    for (const path of [file, socket]) mkdirSync(dirname(path), { recursive: true });
    writeFileSync(file, 'one\n');
    asked = 0;
    // As Envoy does: it makes the file anew.
    server = createServer((_request, response) => {
      asked += 1;
      writeFileSync(file, '', { flag: 'a' });
      response.end('OK\n');
    });
    await new Promise<void>((open) => server.listen(socket, open));
    clock = new FakeClock();
    stop = rotateAccessLogs(layout, clock, () => ['web-1']);
  });
  afterEach(async () => {
    stop();
    await new Promise((gone) => server.close(gone));
    rmSync(base, { recursive: true });
  });

  async function look(): Promise<number> {
    const before = asked;
    clock.advance(10_000);
    for (let turn = 0; turn < 50; turn += 1) await new Promise((wake) => setTimeout(wake, 1));
    return asked - before;
  }

  it('is made anew when somebody removed it or put it aside, and the proxy is told of nothing else', async () => {
    assert.equal(await look(), 0);
    assert.equal(await look(), 0);
    rmSync(file);
    assert.equal(await look(), 1);
    assert.equal(await look(), 0);
    renameSync(file, `${file}-aside`);
    writeFileSync(file, '');
    assert.equal(await look(), 1);
    assert.equal(await look(), 0);
  });
});
