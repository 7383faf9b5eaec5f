import { createHash } from 'node:crypto';
import type { WorkloadId } from '../compile/inventory.ts';
import type { ServiceName } from '../model/types.ts';

/** A proxy that a revision changes something for. */
export interface TouchedProxy {
  readonly proxy: WorkloadId;
  readonly service: ServiceName;
  /** How its application is run changes, too; left out where it does not. */
  readonly run?: RunChange;
  /** The commit says anew which of its service's versions get requests, or takes away who sent some; left out: it does not. */
  readonly mayCease?: true;
}

export interface RunChange {
  /** `FILE:LINE` of the new command. */
  readonly at: string;
  /** It did not run before. */
  readonly isNew: boolean;
}

/** What did not run before is there before anybody is told to call it. */
export function isNew({ run }: TouchedProxy): boolean {
  return run?.isNew === true;
}

export type Wave = readonly WorkloadId[];

/** The second wave is a tenth of each service's proxies; the third is the rest. */
const secondShare = 0.1;

/**
 * Who gets a revision when: one proxy of each service that it touches, then a tenth of them, then all. Which one is
 * first changes with the commit, so that no single proxy bears what goes wrong each time; it is one that has requests,
 * for one without any tells nothing. Pure; waves without anybody are left out.
 */
export function planWaves(
  touched: readonly TouchedProxy[],
  commit: string,
  requestsOf: (proxy: WorkloadId) => number,
  /** It has what is on its way already, and is rather first than others. */
  isAhead: (proxy: WorkloadId) => boolean = () => false,
): readonly Wave[] {
  const waves: [WorkloadId[], WorkloadId[], WorkloadId[]] = [[], [], []];
  const byService = [...Map.groupBy(touched, ({ service }) => service)];
  for (const [service, proxies] of byService.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const turn = rotated(proxies.map(({ proxy }) => proxy).sort(), `${commit} ${service}`);
    const busy = busyFirst(turn, requestsOf);
    const order = [...busy.filter(isAhead), ...busy.filter((proxy) => !isAhead(proxy))];
    const untilSecond = Math.max(1, Math.ceil(order.length * secondShare));
    waves[0].push(...order.slice(0, 1));
    waves[1].push(...order.slice(1, untilSecond));
    waves[2].push(...order.slice(untilSecond));
  }
  return waves.filter((wave) => wave.length > 0);
}

/** Busy: half of what the busiest has, or more. */
function busyFirst(
  proxies: readonly WorkloadId[],
  requestsOf: (proxy: WorkloadId) => number,
): readonly WorkloadId[] {
  const most = Math.max(...proxies.map(requestsOf));
  const isBusy = (proxy: WorkloadId): boolean => requestsOf(proxy) >= most / 2;
  return [...proxies.filter(isBusy), ...proxies.filter((proxy) => !isBusy(proxy))];
}

function rotated<T>(items: readonly T[], key: string): readonly T[] {
  const from = createHash('sha256').update(key).digest().readUInt32BE() % Math.max(1, items.length);
  return [...items.slice(from), ...items.slice(0, from)];
}
