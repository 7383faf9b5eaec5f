import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LoneControlPlane } from './support/control-plane.ts';
import { freePort } from './support/free-port.ts';

const files = {
  'mesh.yaml': 'mesh: one\ntrust_domain: one.test\n',
  'services/web.yaml': 'service: web\nowner: team\nprotocol: http\nport: 8080\n',
};

/** What somebody does at night who does not know that it runs. */
describe('a second control plane', () => {
  const plane = new LoneControlPlane(files);
  before(() => plane.start());
  after(() => plane.remove());
  const ports = async () => [
    '--port',
    `${await freePort()}`,
    '--agent-port',
    `${await freePort()}`,
  ];

  it('of the same folder is told which process runs, and takes nothing from it', async () => {
    const flags = ['--dev', '--dir', plane.intentDir, ...(await ports())];
    const again = plane.chancery('server', ...flags);
    await assert.rejects(again, new RegExp(`CH5403.* as process ${plane.pid}`));
    await assert.rejects(plane.chancery('up', '--dev', plane.intentDir), /CH5403/);
    const status = await plane.chancery('status', plane.intentDir, '--json');
    const { replicas } = JSON.parse(status) as { replicas: { leadsSinceMs?: number }[] };
    assert.equal(typeof replicas[0]?.leadsSinceMs, 'number');
  });

  it('of the same SQLite store is told, too', async () => {
    const other = new LoneControlPlane(files);
    const store = join(plane.dir, 'shared.db');
    try {
      await other.start('--store', store);
      const third = new LoneControlPlane(files);
      const flags = ['--dev', '--dir', third.intentDir, '--store', store, ...(await ports())];
      await assert.rejects(plane.chancery('server', ...flags), /CH5403.*shared\.db\.lock/s);
      await third.remove();
    } finally {
      await other.remove();
    }
  });

  it('starts at once where the first one was killed', async () => {
    await plane.kill();
    await plane.start();
  });

  it('that finds a port taken says which flag, and ends', async () => {
    const [flag = '', port = ''] = await ports();
    const other = new LoneControlPlane(files);
    const flags = ['--dev', '--dir', other.intentDir, flag, port, '--agent-port', port];
    await assert.rejects(plane.chancery('server', ...flags), /CH5410.*--agent-port/);
    await other.remove();
  });
});
