import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { CaReply } from '../../src/serve/api/wire.ts';
import { eventually, RunningMesh, startLoad } from '../support/running-mesh.ts';
import { type SoftHsm, softHsmMissing, startSoftHsm } from '../support/softhsm.ts';

const run = promisify(execFile);

describe('a mesh whose CA is sealed anew while it runs', () => {
  let mesh: RunningMesh;
  let hsm: SoftHsm | undefined;
  before(async () => {
    if (softHsmMissing === false) {
      hsm = startSoftHsm('mesh', '4321');
      Object.assign(process.env, hsm.env);
    }
    mesh = new RunningMesh('examples/shop');
    await mesh.up();
  });
  after(async () => {
    await mesh.remove();
    hsm?.remove();
  });

  const ca = async (verb: string, ...flags: readonly string[]): Promise<string> => {
    const words = ['bin/chancery.js', 'ca', verb, mesh.dir, ...flags];
    return (await run(process.execPath, words, { timeout: 60_000 })).stdout;
  };
  const status = async (): Promise<CaReply> => JSON.parse(await ca('status', '--json')) as CaReply;
  const logOf = (name: string): string =>
    readFileSync(join(mesh.layout.logsDir, `${name}.log`), 'utf8');

  async function controlPlaneStartsAgain(): Promise<void> {
    const before = mesh.pidOf('chancery.js server');
    process.kill(before, 'SIGKILL');
    await eventually(
      () =>
        status().then(
          () => true,
          () => false,
        ),
      20_000,
      () => 'the control plane stays away',
    );
  }

  it('under a new key in place: it goes on, starts again, and no request fails', async (t) => {
    const load = startLoad({
      everyMs: 5,
      requestsMax: 20_000,
      send: () => mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges'),
      key: () => 'ok',
    });
    t.after(() => load.stop());
    const { active } = await status();
    assert.match(await ca('rekey'), /sealed under a new key/);
    // The control plane has the version from before, finds the new one, and can read it.
    await assert.rejects(ca('rotate', '--step', 'prepare'), /CH3010.*look again/);
    await ca('rotate', '--step', 'prepare');
    await controlPlaneStartsAgain();
    const now = await status();
    assert.equal(now.active.id, active.id);
    assert.equal(now.rotation.kind, 'prepared');
    await ca('rotate', '--step', 'abandon');
    assert.deepEqual((await load.stop()).failures, []);
  });

  it('the agent says what its memory is bound to', () => {
    assert.match(logOf('agent'), /is kept on disk","sealedBy":"(keyring|file)"/);
  });

  it('in a token: only a control plane with that token starts again', {
    skip: softHsmMissing,
  }, async (t) => {
    const kek = hsm?.uri('kek') ?? '';
    const { active } = await status();
    const said = await ca('rekey', '--to', kek, '--generate');
    assert.match(said, /restart it/);
    process.kill(mesh.pidOf('chancery.js server'), 'SIGKILL');
    await eventually(
      () => /CH3001/.test(logOf('control-plane')),
      20_000,
      () => logOf('control-plane'),
    );
    assert.match(logOf('control-plane'), /"expected":"what it was sealed under: pkcs11:token=mesh/);
    const charges = await mesh.ask('reports-v1', 'payments', 'GET', '/v1/charges');
    assert.equal(charges.status, 200, 'what runs goes on');
    await mesh.end();
    process.env['CHANCERY_KEK'] = kek;
    t.after(() => delete process.env['CHANCERY_KEK']);
    mesh.output.length = 0;
    await mesh.up();
    assert.equal((await status()).active.id, active.id);
    await controlPlaneStartsAgain();
    assert.equal((await status()).active.id, active.id);
  });
});
