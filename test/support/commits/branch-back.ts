import { sleep } from '../../../src/base/clock.ts';
import { err } from '../../../src/base/result.ts';
import { remoteUnreachable } from '../../../src/git/remote-findings.ts';
import type { ServerParts } from './server.ts';
import type { CommitsWorld } from './world.ts';

/** The commit that brings the branch back says again what the one says that it goes back to. */
export function branchBack(world: CommitsWorld, wayMs: () => number): ServerParts['takeBack'] {
  const { history, said } = world;
  return async (request, clock) => {
    await sleep(clock, wayMs());
    if (world.pushFails || world.remote?.isAway === true)
      return err(remoteUnreachable('https://git.test/', 'it is away'));
    const { head } = history;
    const done = history.takeBack(request);
    const [from, to] = [request.from.slice(0, 8), request.to.slice(0, 8)];
    world.say(`  taken back ${from} to ${to}: ${JSON.stringify(done).slice(0, 90)}`);
    const before = said.get(request.to);
    if (history.head !== head && before !== undefined) said.set(history.head.id, before);
    return done;
  };
}
