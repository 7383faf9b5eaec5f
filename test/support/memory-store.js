/** The smallest store that keeps its promises, in memory. */
export function memoryStore() {
  const values = new Map();
  const entries = [];
  return {
    values,
    entries,
    get: async (_kind, id) => values.get(id),
    put: async (_kind, id, value, ifVersion) => {
      const present = values.get(id)?.version ?? 0;
      if (ifVersion !== undefined && ifVersion !== present) return undefined;
      values.set(id, { version: present + 1, value });
      return present + 1;
    },
    record: (entry) => void entries.push(entry),
    ledger: async ({ kind, limit }) =>
      entries
        .filter((entry) => entry.kind === kind)
        .slice(-limit)
        .reverse(),
    flush: async () => {},
  };
}
