import type { AreaName, Metric } from './metrics.ts';

/** One figure: a JSON object a line on standard output. `reference` is what it is held against in the same run. */
interface Figure<Area extends AreaName> {
  readonly bench: Area;
  readonly metric: Metric<Area>;
  readonly value: number;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
  readonly reference: number | string;
  readonly runs: number;
}

export function print<Area extends AreaName>(figure: Figure<Area>): void {
  const value = Math.round(figure.value * 1_000) / 1_000;
  process.stdout.write(`${JSON.stringify({ ...figure, value })}\n`);
}

/** Prints figures of one bench. */
export function figuresOf<Area extends AreaName>(bench: Area) {
  return (
    metric: Metric<Area>,
    value: number,
    unit: string,
    better: Figure<Area>['better'],
    reference: Figure<Area>['reference'],
    runs: number,
  ): void => print({ bench, metric, value, unit, better, reference, runs });
}

export function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
