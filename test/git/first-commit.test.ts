import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '../../src/git/temporary-repository.fixture.ts';
import { freePort } from '../support/free-port.ts';
import { meshFile, serviceFile } from '../support/gate-world.ts';
import { repoServer } from '../support/repo-server.ts';
import { eventually } from '../support/running-mesh.ts';

test('without a first commit the server says what is missing, on its socket and its ports, and goes on by itself', async (t) => {
  const folder = temporaryFolder(t);
  folder.git(['init', '-q']);
  folder.write('mesh.yaml', meshFile);
  folder.write('services/a.yaml', serviceFile('a', 'allow:\n  - { from: nobody, to: GET /x }\n'));
  const bad = folder.commitAll('Bad');
  const port = await freePort();
  const plane = await repoServer(t, folder.dir, ['--metrics-address', `${port}`]);
  plane.start();
  await plane.until('it is refused', ({ commit, refused }) => {
    return commit === '' && refused?.commit === bad;
  });
  const ready = async (): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
    return { status: answer.status, text: await answer.text() };
  };
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
  const { status, text } = await ready();
  assert.equal(status, 503);
  assert.match(text, new RegExp(`${bad.slice(0, 12)} is refused: CH\\d{4} .*services/a.yaml:6`));
  await assert.rejects(plane.get('/readyz'));
  assert.match(plane.said(), /"a commit was refused","commit":"[0-9a-f]{40}","code":"CH/);
  folder.write('services/a.yaml', serviceFile('a'));
  const mended = folder.commitAll('Mended');
  await plane.until('the mended one runs', ({ commit, refused }) => {
    return commit === mended && refused === undefined;
  });
  await eventually(
    async () => (await ready()).status === 200,
    20_000,
    () => plane.said(),
  );
});
