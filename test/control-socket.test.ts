import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LoneControlPlane } from './support/control-plane.ts';
import { eventually } from './support/running-mesh.ts';

const files = {
  'mesh.yaml': 'mesh: one\ntrust_domain: one.test\n',
  'services/web.yaml': 'service: web\nowner: team\nprotocol: http\nport: 8080\n',
};

/** What a cleaner of temporary files does to a control plane that runs for weeks. */
describe('a control plane whose socket is removed', () => {
  const plane = new LoneControlPlane(files);
  before(() => plane.start());
  after(() => plane.remove());
  const status = () => plane.chancery('status', plane.intentDir, '--json');
  const isBack = () =>
    eventually(
      () =>
        status().then(
          () => true,
          () => false,
        ),
      10_000,
      () => 'the socket does not come back',
    );

  it('answers again by itself, also where its folder is gone', async () => {
    for (const path of [plane.controlSocket, dirname(plane.controlSocket)]) {
      rmSync(path, { recursive: true });
      await isBack();
    }
  });

  it('is not to be started, as whoever asks meanwhile is told; one that was killed is', async () => {
    const { pid } = plane;
    process.kill(pid, 'SIGSTOP');
    try {
      rmSync(plane.controlSocket);
      await assert.rejects(status(), (error: Error) => {
        assert.match(
          error.message,
          new RegExp(`CH5402.*ENOENT.*; it runs, as process ${pid}`, 's'),
        );
        assert.doesNotMatch(error.message, /start it with/);
        return true;
      });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await isBack();
    await plane.kill();
    await assert.rejects(status(), /CH5402.*start it with: chancery up/s);
  });
});
