import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import {
  eventually,
  presentedSerial,
  processesOf,
  RunningMesh,
  startLoad,
} from '../support/running-mesh.ts';

describe('certificates that live 20 s and a commit every second', () => {
  let mesh: RunningMesh;
  before(async () => {
    mesh = new RunningMesh('examples/shop');
    mesh.edit('mesh.yaml', (text) =>
      /svid_ttl:.*/.test(text)
        ? text.replace(/svid_ttl:.*/, 'svid_ttl: 20s')
        : `${text}\ndefaults:\n  svid_ttl: 20s\n`,
    );
    mesh.commit('short lives');
    await mesh.up();
  });
  after(() => mesh.remove());

  it('no request fails and the serial presented changes', async (t) => {
    const serials = new Set<string>();
    const load = startLoad({
      everyMs: 5,
      requestsMax: 10_000,
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: () => 'ok',
    });
    t.after(() => load.stop());
    for (let round = 0; round < 22; round += 1) {
      const share = 50 - (round % 2) * 40;
      mesh.edit('services/payments.yaml', (text) =>
        text.replace(/v1: \d+, v2: \d+/, `v1: ${100 - share}, v2: ${share}`),
      );
      mesh.commit(`round ${round}`);
      serials.add(await presentedSerial(mesh.ports('payments-v1').ingressPort));
      await new Promise((wake) => setTimeout(wake, 1_000));
    }
    const { counts, failures } = await load.stop();
    assert.deepEqual(failures, []);
    assert.ok((counts.get('ok') ?? 0) > 3_000);
    assert.ok(serials.size >= 3, `${serials.size} serials were presented`);
  });

  it('SIGTERM ends up with nothing left', async () => {
    await mesh.end('SIGTERM');
    assert.deepEqual(processesOf(mesh.dir), []);
  });
});

describe('what up refuses to start', () => {
  let mesh: RunningMesh;
  before(() => {
    mesh = new RunningMesh('examples/shop');
  });
  after(() => mesh.remove());

  it('a port in use is named with its owner', async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(8_082, '127.0.0.1', listening));
    const exitCode = await exitOf(mesh);
    server.close();
    assert.equal(exitCode, 1);
    assert.match(mesh.output.join(''), /error\[CH5410\]: port 8082.*\(pid \d+\)/);
  });

  it('a missing program is named with its service', async () => {
    mesh.output.length = 0;
    mesh.edit('services/ledger.yaml', (text) => text.replace(/run: *\S+/, 'run: no-such-program'));
    mesh.commit('a program that is not there');
    assert.equal(await exitOf(mesh), 1);
    assert.match(mesh.output.join(''), /error\[CH5411\].*no-such-program.*ledger/);
  });

  it('a folder that is not in Git is refused with the way out', async () => {
    mesh.output.length = 0;
    const { rmSync } = await import('node:fs');
    rmSync(`${mesh.dir}/.git`, { recursive: true });
    assert.equal(await exitOf(mesh), 1);
    assert.match(mesh.output.join(''), /error\[CH53\d\d\]/);
    assert.match(mesh.output.join(''), /--dev/);
  });
});

describe('up --check', () => {
  it('sends every test of the shop through its proxies and ends with 0', async () => {
    const mesh = new RunningMesh('examples/shop');
    try {
      assert.equal(await exitOf(mesh, '--check'), 0);
      assert.match(mesh.output.join(''), /\d\d passed, 0 failed/);
    } finally {
      await mesh.remove();
    }
  });
});

async function exitOf(mesh: RunningMesh, ...flags: readonly string[]): Promise<number | null> {
  const child = mesh.start(...flags);
  await eventually(
    () => child.exitCode !== null,
    60_000,
    () => mesh.output.join(''),
  );
  return child.exitCode;
}
