const unitsMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** setTimeout takes no more. */
const timeoutMsMax = 2 ** 31 - 1;

/** `grpc-timeout`: at most eight digits and a unit. Undefined: the call has no deadline. */
export function parseTimeoutMs(header: string | string[] | undefined): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(String(header ?? ''));
  if (match === null) return undefined;
  return Math.min(Number(match[1]) * (unitsMs[match[2] ?? ''] ?? 1), timeoutMsMax);
}
