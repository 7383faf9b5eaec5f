import type { WorkloadId } from './inventory.ts';
import { nothingOffered } from './on-demand.ts';
import type { Snapshot } from './resource.ts';
import type { Revision } from './revision.ts';
import { changedResources, sameVersions } from './snapshot-changes.ts';

/** What one proxy is to have, and what it may ask for. */
export interface Published {
  readonly snapshot: Snapshot;
  readonly onDemand: Snapshot;
}

export function publishedOf(
  revision: Revision | undefined,
  proxy: WorkloadId,
): Published | undefined {
  const snapshot = revision?.snapshots.get(proxy);
  return snapshot && { snapshot, onDemand: revision?.offers.get(proxy) ?? nothingOffered };
}

/** Where nothing is on demand any more the snapshot has other routes too. */
export function samePublished(before: Published, after: Published): boolean {
  return (
    (before.snapshot === after.snapshot || sameVersions(before.snapshot, after.snapshot)) &&
    (before.onDemand === after.onDemand || sameVersions(before.onDemand, after.onDemand))
  );
}

export function news(before: Published | undefined, after: Published): string[] {
  return [
    ...changedResources(before?.snapshot, after.snapshot),
    ...changedResources(before?.onDemand, after.onDemand),
  ];
}
