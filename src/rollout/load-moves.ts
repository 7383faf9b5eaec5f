import type { Intent, Route, Service, ServiceName } from '../model/types.ts';

/**
 * Whose proxies a change means to give other requests than before: those of a service that splits or matches them anew. What
 * is taken away takes its calls with it, to whomever they went.
 */
export function loadMoves(before: Intent, after: Intent): (service: ServiceName) => boolean {
  const isLess = [...before.services.values()].some((old) => isLessOf(old, after));
  return (service) => {
    if (isLess) return true;
    const [old, now] = [before.services.get(service), after.services.get(service)];
    return old !== now && sharesOf(old) !== sharesOf(now);
  };
}

function isLessOf(old: Service, after: Intent): boolean {
  const now = after.services.get(old.name);
  if (now === old) return false;
  return now === undefined || [...old.run.keys()].some((version) => !now.run.has(version));
}

/** Who gets which requests; not how long they may take. */
function sharesOf(service: Service | undefined): string {
  const shares = (service?.routes ?? []).map(({ match, split }: Route) => [match, split]);
  return JSON.stringify(shares, (key, value: unknown) => (key === 'at' ? undefined : value));
}
