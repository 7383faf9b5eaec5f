import { reached } from '../../../src/rollout/rollout.ts';
import type { SimSides } from './applications.ts';
import { type SimService, services } from './intent.ts';
import type { CommitsWorld } from './world.ts';

/** Has all hosts run what the commit says that their workloads are on; without a leader all goes on. */
export function followRuns(world: CommitsWorld): void {
  const sides = world.isUp ? sidesOf(world) : undefined;
  if (sides === undefined) return;
  for (const service of services) followVersion(world, sides, service);
  for (const host of world.hosts) {
    host.applications.follow(
      sides,
      [...host.running.values()].map(({ workload }) => workload),
    );
  }
}

function sidesOf(world: CommitsWorld): SimSides | undefined {
  const { plane, told: rollout } = world.server;
  const { revision } = plane;
  if (revision === undefined) return undefined;
  const side = (commit: string) => ({ commit, said: world.saidBy(commit) });
  const { running, next } = revision;
  const isLed = next !== undefined && rollout?.commit === next;
  return {
    base: side(running),
    next: next === undefined ? undefined : side(next),
    ahead: isLed ? reached(rollout) : new Set(),
  };
}

/** What is new is run as soon as it is among those ahead, and what nobody says any more is not. */
function followVersion(
  world: CommitsWorld,
  { base, next, ahead }: SimSides,
  service: SimService,
): void {
  const id = `${service}-v2`;
  const isThere = world.running.some(({ proxy }) => proxy.id === id);
  const isWanted =
    base.said[service].v2 !== undefined ||
    (next?.said[service].v2 !== undefined && ahead.has(id as never));
  if (isWanted && !isThere) world.come(service, 'v2');
  if (!isWanted && isThere) world.leave(id);
}
