import { it } from 'node:test';
import { AtRest } from '../../test/support/commits/at-rest.ts';
import { CommitEvents } from '../../test/support/commits/events.ts';
import { Invariants } from '../../test/support/commits/invariants.ts';
import { CommitsWorld } from '../../test/support/commits/world.ts';
import { drawFrom } from '../compile/random-mesh.fixture.ts';
import { isUnderWay } from '../rollout/rollout.ts';

/** `CHANCERY_COMMITS=1000` for a night, `CHANCERY_FROM=500` to go on; `CHANCERY_SEED` for one of them. */
const runs = Number(process.env['CHANCERY_COMMITS'] ?? 12);
const from = Number(process.env['CHANCERY_FROM'] ?? 1);
const only = process.env['CHANCERY_SEED'];
const steps = 30;
const restMinMs = 60_000;
const restMaxMs = 3 * 3_600_000;

/** Nothing comes any more, everything is there, and time goes by. */
async function rest(world: CommitsWorld): Promise<void> {
  world.say('rest');
  world.pushFails = false;
  world.storeIsAway = false;
  world.slowGate(0);
  if (world.remote !== undefined) {
    Object.assign(world.remote, { isAway: false, isBranchGone: false, fetchMs: 0 });
  }
  world.crashAfter(undefined);
  world.slowStore(0);
  for (const { proxy } of world.running) proxy.hang(0);
  await world.pass(20_000);
  void world.server.rollouts.step({ kind: 'resume' });
  await world.pass(restMinMs);
  for (let passedMs = 0; isOpen(world) && passedMs < restMaxMs; passedMs += 60_000) {
    await world.pass(60_000);
  }
}

function isOpen({ server, head }: CommitsWorld): boolean {
  const { rollouts, verdicts, plane } = server;
  // A repository that was away for long is asked again after minutes.
  if (verdicts.get(head.id) === undefined && plane.revision?.running !== head.id) return true;
  const state = rollouts.all[0]?.state;
  if (plane.revision?.next !== undefined) return true;
  if (state === undefined) return false;
  return isUnderWay(state) || (state.kind === 'taken-back' && state.branch.kind === 'open');
}

async function ride(seed: number): Promise<void> {
  const draw = drawFrom(seed);
  const world = await CommitsWorld.open(draw, {
    ...{ replicas: seed % 3 === 0 ? 2 : 1, isRemote: seed % 6 < 2 },
    approvals: seed % 4 === 0 ? 2 : 1,
  });
  const [events, invariants] = [new CommitEvents(world, draw), new Invariants(world, draw)];
  try {
    await world.pass(10_000);
    for (let step = 0; step < steps; step += 1) {
      await events.happen();
      await world.idle();
      await world.pass(draw(6) === 0 ? 8_000 : draw(20) * 100, () => {
        events.grants.check();
        invariants.check();
      });
    }
    await rest(world);
    invariants.check();
    await new AtRest(world).check();
    await events.grants.atRest();
    if (world.isTimeClear) await invariants.probes.check(world.server.store);
  } catch (error) {
    const { message, stack } = error as Error;
    const now = world.isUp ? world.server.rollouts.all.slice(0, 4) : [];
    const said = [...world.lines, ...now.map((one) => JSON.stringify(one))].join('\n');
    throw new Error(`CHANCERY_SEED=${seed} ${message}\n${said}\n${stack}`);
  } finally {
    world.end();
  }
}

it('whatever commits come in which order, whoever waits for one is told its end, and what runs is what it is said to be', async () => {
  if (only !== undefined) return ride(Number(only));
  for (let seed = from; seed < from + runs; seed += 1) await ride(seed);
});
