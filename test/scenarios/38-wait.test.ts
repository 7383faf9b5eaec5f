import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { callApi } from '../../src/serve/api/client.ts';
import { paths, type RevisionsReply } from '../../src/serve/api/wire.ts';
import { intentFolder } from '../support/intents.ts';
import { eventually, RunningMesh } from '../support/running-mesh.ts';

const app =
  "require('node:http').createServer((q, s) => s.end()).listen(process.env.PORT, '127.0.0.1');\n";
const service = (name: string, port: number, rest: string): string =>
  `service: ${name}\nowner: t\nprotocol: http\nport: ${port}\nhealth: GET /\n${rest}`;
const rule = 'allow:\n  - { id: first, from: web, to: GET /first }\n';
const split = 'routes:\n  - split: { v1: 50, v2: 50 }\nrun: { v1: node app.js, v2: node app.js }\n';
const files = {
  'mesh.yaml': 'mesh: waits\ntrust_domain: waits.test\n',
  'services/api.yaml': service('api', 15_963, `${rule}${split}`),
  'services/web.yaml': service('web', 15_964, `${rule}run: node app.js\n`),
  'app.js': app,
};

/** Two proxies of api are two waves, in the middle of which another commit can come. */
describe('waiting for a commit that another one replaces', () => {
  let mesh: RunningMesh;
  let removeFolder = (): void => {};
  let first = '';
  before(async () => {
    const [dir, remove] = intentFolder(files);
    removeFolder = remove;
    mesh = new RunningMesh(dir);
    await mesh.up('--watch', '2s');
    first = head();
  });
  after(async () => {
    await mesh.remove();
    removeFolder();
  });

  const head = (): string => mesh.git('rev-parse', 'HEAD').trim();
  const short = (commit: string): string => commit.slice(0, 12);
  function wait(commit: string): Promise<{ code: number; out: string; err: string }> {
    const args = ['bin/chancery.js', 'wait', commit, mesh.dir, '--timeout', '30s'];
    return new Promise((done) => {
      execFile(process.execPath, args, (error, out, err) => {
        done({ code: Number(error?.code ?? 0), out, err });
      });
    });
  }
  /** Lets web do one thing more. */
  function permit(id: string, of = 'api'): string {
    mesh.edit(`services/${of}.yaml`, (text) =>
      text.replace('allow:\n', `allow:\n  - { id: ${id}, from: web, to: GET /${id} }\n`),
    );
    mesh.commit(`permit ${id}`);
    return head();
  }
  async function isInFirstWave(commit: string): Promise<void> {
    const target = mesh.layout.controlSocket;
    await eventually(
      async () => {
        const reply = await callApi(target, { method: 'GET', path: paths.revisions });
        const [newest] = (reply as RevisionsReply).revisions;
        const { state } = newest ?? {};
        return newest?.commit === commit && state?.kind === 'watching' && state.wave === 0;
      },
      10_000,
      () => `${commit} is not in its first wave`,
    );
  }
  async function says(commit: string, code: number, text: string): Promise<void> {
    const said = await wait(commit);
    assert.equal(said.code, code, said.err + said.out);
    assert.match(said.out, new RegExp(text, 's'));
  }

  it('it never was live: it is in the one that is', async () => {
    const older = permit('a');
    await isInFirstWave(older);
    const newer = permit('b');
    const said = await wait(older);
    assert.equal(said.code, 0, said.err);
    const live = `${short(older)} is in ${short(newer)}, which is live on 3 of 3 proxies`;
    assert.equal(said.out, `${live}\n`);
    assert.match(
      said.err,
      /is accepted; \d of the 2 proxies that it changes have it; wave \d of 2/,
    );
  });

  it('it was live: it still is, while the next one is on its way and when that is live', async () => {
    const newer = permit('c');
    await isInFirstWave(newer);
    await says(
      first,
      0,
      `^${short(first)} is live; ${short(newer)}, which contains it, is accepted`,
    );
    await says(newer, 0, `^${short(newer)} is live on 3 of 3`);
    await says(first, 0, `^${short(first)} is in ${short(newer)}, which is live on 3 of 3`);
  });

  it('what it changed was reverted: that is no success, and the revert is', async () => {
    const older = permit('d');
    await says(older, 0, 'is live on 3 of 3');
    mesh.git('revert', '--no-edit', older);
    const revert = head();
    await says(revert, 0, 'is live on 3 of 3');
    await says(older, 2, `is taken out again: ${short(revert)} is live on 3 of 3 .*, without`);
  });

  it('the newer one is refused: the older one is what is live', async () => {
    const older = permit('e');
    mesh.edit('services/web.yaml', (text) => `${text}nonsense: 1\n`);
    await isInFirstWave(older);
    mesh.commit('nonsense');
    const refused = head();
    await says(refused, 2, `the last good commit goes on\n${short(older)} is`);
    await says(older, 0, `^${short(older)} is live on 3 of 3`);
    mesh.git('reset', '--quiet', '--hard', older);
  });

  it('the newer one is taken back: the older one went with it', async () => {
    const older = permit('f');
    await isInFirstWave(older);
    const newer = permit('g');
    await isInFirstWave(newer);
    const body = { step: 'rollback', by: 'ann' };
    await callApi(mesh.layout.controlSocket, { method: 'POST', path: paths.revisionSteps, body });
    await says(older, 2, `was superseded by ${short(newer)}|is taken out again`);
    await says(newer, 2, 'taken back|refused');
    await eventually(
      () => head() !== newer,
      10_000,
      () => 'the branch does not follow',
    );
    const back = head();
    await says(back, 0, `^${short(back)} is live on 3 of 3`);
    await says(older, 2, `is taken out again: ${short(back)} is live on 3 of 3 proxies, without`);
    await says(first, 0, `^${short(first)} is in ${short(back)}, which is live on 3 of 3`);
  });
});
