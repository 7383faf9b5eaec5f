import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { ReadyCheck, ReadyReply } from '../../serve/api/operator-wire.ts';
import type { Store } from '../../store/store.ts';

/** Undefined: it holds; else why it does not. */
export type Probe = () => string | undefined | Promise<string | undefined>;

/** A store that takes longer than this to write a line is not one to serve from. */
const storeMs = 2_000;
const probeKind = 'probe';
/** What looks often, such as a load balancer, does not make the store write each time. */
const storeEveryMs = 1_000;

/** All checks at once; one that throws does not hold. */
export async function readiness(probes: Readonly<Record<string, Probe>>): Promise<ReadyReply> {
  const checks = await Promise.all(
    Object.entries(probes).map(async ([name, probe]): Promise<ReadyCheck> => {
      const problem = await Promise.resolve()
        .then(probe)
        .catch((error: unknown) => messageOf(error));
      return { name, holds: problem === undefined, problem };
    }),
  );
  return { ready: checks.every(({ holds }) => holds), checks };
}

/** Whether the store takes a write now, looked at no more than once a second. */
export function storeProbe(store: Pick<Store, 'put'>, clock: Clock): Probe {
  let lastAtMs = Number.NEGATIVE_INFINITY;
  let last: Promise<string | undefined> = Promise.resolve(undefined);
  return () => {
    if (clock.monotonicMs() - lastAtMs >= storeEveryMs) {
      lastAtMs = clock.monotonicMs();
      last = writeProbe(store, clock);
    }
    return last;
  };
}

async function writeProbe(store: Pick<Store, 'put'>, clock: Clock): Promise<string | undefined> {
  const value = Buffer.from(String(clock.nowMs()));
  const written = store.put(probeKind, 'ready', value, undefined).then(
    () => undefined,
    (error: unknown) => `it does not take a write: ${messageOf(error)}`,
  );
  let cancel = (): void => {};
  const late = new Promise<string>((resolve) => {
    cancel = clock.after(storeMs, () => resolve(`it took longer than ${storeMs} ms to write`));
  });
  const problem = await Promise.race([written, late]);
  cancel();
  return problem;
}
