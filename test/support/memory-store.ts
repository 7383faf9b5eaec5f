/** The smallest store that keeps its promises, in memory. */
export function memoryStore() {
  const values = new Map<string, { version: number; value: Uint8Array }>();
  const entries: { kind: string; subject: string; facts: object }[] = [];
  return {
    values,
    entries,
    get: async (_kind: string, id: string) => values.get(id),
    put: async (_kind: string, id: string, value: Uint8Array, ifVersion: number | undefined) => {
      const present = values.get(id)?.version ?? 0;
      if (ifVersion !== undefined && ifVersion !== present) return undefined;
      values.set(id, { version: present + 1, value });
      return present + 1;
    },
    record: (entry: { kind: string; subject: string; facts: object }) => void entries.push(entry),
    ledger: async ({ kind, limit }: { kind: string; limit: number }) =>
      entries
        .filter((entry) => entry.kind === kind)
        .slice(-limit)
        .reverse() as { facts: Record<string, string | number> }[],
    flush: async () => {},
  };
}
