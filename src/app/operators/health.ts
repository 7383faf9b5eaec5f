import { messageOf } from '../../base/error.ts';
import type { ReadyCheck, ReadyReply } from '../../serve/api/operator-wire.ts';

/** Undefined: it holds; else why it does not. */
export type Probe = () => string | undefined | Promise<string | undefined>;

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
