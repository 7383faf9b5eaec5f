import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Campaign } from '../../bench/bad-commits/campaign.ts';
import { attemptsOf, edit } from '../../bench/bad-commits/change.ts';
import { goodKinds } from '../../bench/bad-commits/good-commits.ts';
import { meshFiles } from '../../bench/bad-commits/mesh-files.ts';
import { readKinds, store, web } from '../../bench/bad-commits/read-kinds.ts';
import { trafficKinds } from '../../bench/bad-commits/traffic-kinds.ts';
import { intentFolder } from '../support/intents.ts';
import { RunningMesh } from '../support/running-mesh.ts';

/** The first of each of these; `npm run bench -- bad-commits` makes all of all kinds. */
const kinds = [
  ...['unknown field', 'listener clash', 'regex too large', 'another trust domain'],
  ...['deny all', 'edge cut', 'wrong protocol', 'timeout of a millisecond', 'version that fails'],
  ...[
    'version that does not know the path',
    'version that is slow',
    'version that answers nothing',
  ],
];
const watchMs = 4_000;

describe('bad commits under load', () => {
  let mesh: RunningMesh;
  let campaign: Campaign;
  let removeFolder = (): void => {};
  before(async () => {
    const [dir, remove] = intentFolder(meshFiles);
    removeFolder = remove;
    mesh = new RunningMesh(dir);
    await mesh.up('--watch', `${watchMs}ms`);
    campaign = await Campaign.start(mesh, { watchMs, calmMs: 7_000 });
  });
  after(async () => {
    await campaign?.stop();
    await mesh.remove();
    removeFolder();
  });

  const all = attemptsOf({ ...readKinds, ...trafficKinds });
  for (const kind of kinds) {
    it(`${kind}: reaches one proxy of each service at most, and does not stay`, async () => {
      const attempt = all.find((one) => one.kind === kind);
      assert.ok(attempt, `there is no kind ${kind}`);
      const outcome = await campaign.attempt(attempt);
      const told = JSON.stringify(outcome);
      assert.match(outcome.end, /^(refused|waiting|taken-back)$/, told);
      assert.ok(outcome.codes.length > 0, told);
      assert.ok(Math.max(0, ...Object.values(outcome.reached)) <= 1, told);
    });
  }

  it('a command that does not start is tried at one instance of a service, and no request fails', async () => {
    const change = edit(web, /node app\.js/g, 'node nothing.js');
    const outcome = await campaign.attempt({ kind: 'command', change });
    const told = JSON.stringify(outcome);
    assert.deepEqual([outcome.end, outcome.failed], ['taken-back', 0], told);
    assert.match(
      outcome.reason,
      /the application of web-v\d does not come up \(services\/web\.yaml:\d+\): exited with 1: .*nothing\.js/,
    );
    const tried = ['v1', 'v2', 'v3'].filter((version) => {
      const log = readFileSync(join(mesh.layout.logsDir, `app-web-${version}.log`), 'utf8');
      return log.includes('nothing.js');
    });
    assert.equal(tried.length, 1, tried.join());
  });

  it('another command that is good takes the place of the old one, and no request fails', async () => {
    const change = edit(store, /node app\.js/g, 'node --no-warnings app.js');
    const outcome = await campaign.attempt({ kind: 'command', change });
    assert.deepEqual([outcome.end, outcome.failed], ['live', 0], JSON.stringify(outcome));
  });

  it('a good one after all of them is live, and no request fails', async () => {
    const [good] = attemptsOf(goodKinds);
    assert.ok(good);
    const outcome = await campaign.attempt(good);
    assert.deepEqual([outcome.end, outcome.failed], ['live', 0], JSON.stringify(outcome));
  });
});
