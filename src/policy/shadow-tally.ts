import {
  noTotals,
  type ShadowCounts,
  type ShadowEffect,
  type ShadowKey,
  type ShadowRow,
  type ShadowSample,
  type ShadowTotals,
} from './shadow.ts';

/** Of one difference. */
export const samplesMax = 3;

/** Counts differences. What finds no row of its own is in the totals all the same. */
export class ShadowTally {
  readonly #rowsMax: number;
  readonly #rows = new Map<string, ShadowRow>();
  #totals = noTotals;
  #isPartial = false;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  get counts(): ShadowCounts {
    return { totals: this.#totals, rows: [...this.#rows.values()], isPartial: this.#isPartial };
  }

  /** Undefined: it is the same under both. */
  compared(key: ShadowKey | undefined, sample: ShadowSample): void {
    this.#totals = added(this.#totals, { ...noTotals, compared: 1, ...oneOf(key?.effect) });
    if (key === undefined) return;
    this.#addRow({ ...key, requests: 1, lastMs: sample.atMs, samples: [sample] });
  }

  missed(requests = 1): void {
    this.#totals = added(this.#totals, { ...noTotals, missed: requests });
  }

  partial(): void {
    this.#isPartial = true;
  }

  add({ totals, rows, isPartial }: ShadowCounts): void {
    this.#totals = added(this.#totals, totals);
    this.#isPartial ||= isPartial;
    for (const row of rows) this.#addRow(row);
  }

  clear(): void {
    this.#rows.clear();
    this.#totals = noTotals;
    this.#isPartial = false;
  }

  #addRow(row: ShadowRow): void {
    const text = textOf(row);
    const known = this.#rows.get(text);
    if (known === undefined && this.#rows.size >= this.#rowsMax) return;
    const before = known?.samples ?? [];
    // The first ones show how it began, the last one is still in the logs.
    const samples = [...before.slice(0, samplesMax - 1), ...row.samples];
    this.#rows.set(text, {
      ...row,
      requests: row.requests + (known?.requests ?? 0),
      lastMs: Math.max(row.lastMs, known?.lastMs ?? 0),
      samples:
        samples.length <= samplesMax
          ? samples
          : [...samples.slice(0, samplesMax - 1), ...samples.slice(-1)],
    });
  }
}

/** In one order, so that equal differences are one. */
function textOf(key: ShadowKey): string {
  const { effect, service, caller, callee, method, path } = key;
  const { live, liveRule, liveCode, shadow, shadowRule, shadowCode, on } = key;
  return JSON.stringify([
    ...[effect, service, caller, callee, method, path],
    ...[live, liveRule, liveCode, shadow, shadowRule, shadowCode, on],
  ]);
}

function oneOf(effect: ShadowEffect | undefined): Partial<ShadowTotals> {
  switch (effect) {
    case undefined:
      return {};
    case 'newly denied':
      return { newlyDenied: 1 };
    case 'newly allowed':
      return { newlyAllowed: 1 };
    case 'uncertain':
      return { uncertain: 1 };
  }
}

function added(a: ShadowTotals, b: ShadowTotals): ShadowTotals {
  return {
    compared: a.compared + b.compared,
    newlyDenied: a.newlyDenied + b.newlyDenied,
    newlyAllowed: a.newlyAllowed + b.newlyAllowed,
    uncertain: a.uncertain + b.uncertain,
    missed: a.missed + b.missed,
  };
}
