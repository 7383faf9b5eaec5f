import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { EnvoyAdmin } from '../envoy/admin.ts';
import { keepAdminSockets } from './admin-sockets.ts';
import { adminSocket, layoutOf } from './layout.ts';

describe('the admin sockets of the proxies of this machine', () => {
  let base = '';
  let path = '';
  let clock = new FakeClock();
  let workloads: readonly string[] = [];
  let servers: Server[] = [];
  let stop = (): void => {};
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'admin-'));
    const layout = layoutOf(base, { XDG_RUNTIME_DIR: join(base, 'run') });
    path = adminSocket(layout, 'web-1');
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    clock = new FakeClock();
    workloads = ['web-1'];
    stop = keepAdminSockets(layout, clock, () => workloads);
  });
  afterEach(async () => {
    stop();
    for (const server of servers) await new Promise((gone) => server.close(gone));
    servers = [];
    rmSync(base, { recursive: true });
  });

  /** An Envoy takes the place of whatever is there, and takes its socket nowhere when it ends. */
  async function envoy(says: string): Promise<Server> {
    rmSync(path, { force: true });
    const server = createServer((_request, response) => response.end(says));
    servers.push(server);
    await new Promise<void>((open) => server.listen(path, open));
    clock.advance(2_000);
    return server;
  }

  async function answer(): Promise<string | undefined> {
    const state = await new EnvoyAdmin({ kind: 'socket', path }).ready();
    return state.ok ? state.value.state : state.error.kind;
  }

  it('are found again after they were removed with their folder, as often as that is', async () => {
    await envoy('LIVE');
    for (let times = 0; times < 3; times += 1) {
      rmSync(dirname(path), { recursive: true });
      assert.equal(await answer(), 'absent');
      clock.advance(2_000);
      assert.equal(await answer(), 'LIVE');
    }
  });

  it('are those of the proxy that runs now, and none where there is none', async () => {
    await envoy('the first');
    rmSync(path);
    clock.advance(2_000);
    await envoy('the second');
    rmSync(path);
    clock.advance(2_000);
    assert.equal(await answer(), 'the second');
    workloads = [];
    clock.advance(2_000);
    rmSync(path);
    clock.advance(2_000);
    assert.equal(existsSync(path), false);
  });
});
