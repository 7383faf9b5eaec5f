import { type Inventory, type WorkloadId, workloadIdOf } from '../compile/inventory.ts';
import { runKey } from '../model/run.ts';
import type { Intent, RunCommand, Service, VersionName } from '../model/types.ts';
import type { TouchedProxy } from './waves.ts';

/**
 * Whose application is run otherwise after a change, or runs only then. What runs no more is not among them: it goes on
 * until all have the change.
 */
export function runChanges(
  before: Intent,
  after: Intent,
  inventory: Inventory,
): readonly TouchedProxy[] {
  return [...after.services.values()].flatMap((service) => {
    const old = before.services.get(service.name);
    if (old === service) return [];
    return [...service.run].flatMap(([version, run]) =>
      touchedOf({ old, service, version, run, inventory }),
    );
  });
}

function touchedOf(given: {
  readonly old: Service | undefined;
  readonly service: Service;
  readonly version: VersionName;
  readonly run: RunCommand;
  readonly inventory: Inventory;
}): readonly TouchedProxy[] {
  const { old, service, version, run, inventory } = given;
  const { name } = service;
  const known = old?.run.get(version);
  const at = `${run.at.file}:${run.at.line}`;
  const touched = (proxy: WorkloadId, isNew: boolean): TouchedProxy => {
    return { proxy, service: name, run: { at, isNew } };
  };
  if (old === undefined || known === undefined) return [touched(workloadIdOf(name, version), true)];
  if (runKey(old, version, known) === runKey(service, version, run)) return [];
  return inventory
    .filter((one) => one.service === name && one.version === version)
    .map(({ id }) => touched(id, false));
}

/** Each proxy once, with all that changes for it. */
export function withRunChanges(
  touched: readonly TouchedProxy[],
  runs: readonly TouchedProxy[],
): readonly TouchedProxy[] {
  const all = new Map(touched.map((one) => [one.proxy, one]));
  for (const one of runs) all.set(one.proxy, { ...all.get(one.proxy), ...one });
  return [...all.values()];
}
