import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, afterEach, before, describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { eventually, presentedSerial, RunningMesh, startLoad } from '../support/running-mesh.ts';

const entry = resolve('bin/chancery.js');
const preload = pathToFileURL(resolve('test/support/shifted-clock.ts')).href;
const hour = 3_600_000;

describe('clocks that are set while the mesh runs', () => {
  const clocks = mkdtempSync(join(tmpdir(), 'clocks-'));
  const mesh = new RunningMesh('examples/shop');
  before(async () => {
    Object.assign(mesh.env, {
      NODE_OPTIONS: `--import ${preload}`,
      CHANCERY_TEST_CLOCKS: clocks,
    });
    mesh.edit('mesh.yaml', (text) => text.replace(/svid_ttl:.*/, 'svid_ttl: 40s'));
    mesh.commit('short lives');
    await mesh.up();
  });
  after(async () => {
    await mesh.remove();
    rmSync(clocks, { recursive: true });
  });

  const set = (role: 'server' | 'agent', offMs: number): void =>
    writeFileSync(join(clocks, role), String(offMs));

  async function chancery(...args: readonly string[]): Promise<string> {
    return new Promise((done) => {
      execFile(process.execPath, [entry, ...args, mesh.dir], { timeout: 60_000 }, (_, out, err) =>
        done(`${out}${err}`.replaceAll(/\s+/g, ' ')),
      );
    });
  }

  function load(t: TestContext) {
    const running = startLoad({
      ...{ everyMs: 50, requestsMax: 20_000, key: () => 'ok' },
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
    });
    t.after(() => running.stop());
    return running;
  }

  async function renewsFrom(serial: string): Promise<void> {
    await eventually(
      async () =>
        (await presentedSerial(mesh.ports('payments-v1').ingressPort).catch(() => serial)) !==
        serial,
      45_000,
      () => 'it is not renewed',
    );
  }

  afterEach(() => {
    for (const role of ['server', 'agent'] as const) set(role, 0);
  });

  const serial = (): Promise<string> => presentedSerial(mesh.ports('payments-v1').ingressPort);

  for (const [what, offMs, code] of [
    ['ahead', hour, 'CH3117'],
    ['back', -hour, 'CH3014'],
  ] as const) {
    it(`that of the control plane ${what} by an hour: certificates that are good stay, it is told, and they are renewed when it is right`, async (t) => {
      await renewsFrom(await serial());
      const running = load(t);
      const before = await serial();
      set('server', offMs);
      let said = '';
      await eventually(
        async () => {
          said = await chancery('status');
          return said.includes('CH3117') && said.includes(code);
        },
        30_000,
        () => `it is not told: ${said}`,
      );
      assert.equal(await serial(), before);
      set('server', 0);
      await renewsFrom(before);
      assert.deepEqual((await running.stop()).failures, []);
    });
  }

  it('that of an agent by an hour, there and back: it goes on renewing, and a commit passes its waves', async (t) => {
    const running = load(t);
    for (const offMs of [hour, -hour, 0]) {
      const before = await serial();
      set('agent', offMs);
      await renewsFrom(before);
    }
    mesh.edit('services/payments.yaml', (text) => text.replace('v1: 90, v2: 10', 'v1: 70, v2: 30'));
    mesh.commit('with clocks that are right again');
    await mesh.live();
    assert.deepEqual((await running.stop()).failures, []);
  });

  it('that of the control plane back by ten minutes while a wave is watched: it passes in its time', async (t) => {
    const running = load(t);
    mesh.edit('services/payments.yaml', (text) => text.replace('v1: 70, v2: 30', 'v1: 60, v2: 40'));
    mesh.commit('while the clock is set');
    await new Promise((wake) => setTimeout(wake, 3_000));
    set('server', -600_000);
    await mesh.live();
    set('server', 0);
    assert.deepEqual((await running.stop()).failures, []);
  });
});
