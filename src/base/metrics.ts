/** One metric of the program itself. Names and labels are part of what users build on: docs/metrics.md holds them all. */
export type MetricSpec =
  | {
      readonly kind: 'counter' | 'gauge';
      readonly help: string;
      readonly labels: readonly string[];
      /**
       * Series that are there from the start, at 0. A series that begins with its first count shows no increase, and what is
       * watched for the first of something does not hear of it.
       */
      readonly known?: readonly LabelValues[];
    }
  | {
      readonly kind: 'histogram';
      readonly help: string;
      readonly labels: readonly string[];
      /** Upper bounds, rising; one without bound is added. */
      readonly buckets: readonly number[];
    };

export type LabelValues = Readonly<Record<string, string>>;

export interface Metrics<Name extends string> {
  /** Adds to a counter; 1 when left out. */
  count(name: Name, labels?: LabelValues, by?: number): void;
  observe(name: Name, value: number, labels?: LabelValues): void;
  /** Sets a gauge, or a counter that somebody else counts. */
  set(name: Name, value: number, labels?: LabelValues): void;
  /** Forgets what a gauge was set to, so that what has gone is not shown for ever. */
  clear(name: Name): void;
  /** In the text format of Prometheus, version 0.0.4. */
  text(): string;
}

interface Series {
  readonly labels: string;
  value: number;
  count: number;
  readonly perBucket: number[];
}

/** Series of one metric: labels hold fixed words, never names of callers; past it a series is not begun. */
const seriesMax = 1_000;

export function createMetrics<Name extends string>(
  table: Readonly<Record<Name, MetricSpec>>,
): Metrics<Name> {
  const all = new Map<Name, Map<string, Series>>();
  const series = (name: Name, labels: LabelValues): Series | undefined => {
    const spec = table[name];
    const text = spec.labels.map((label) => `${label}="${escaped(labels[label] ?? '')}"`).join(',');
    const known = all.get(name) ?? new Map<string, Series>();
    all.set(name, known);
    const found = known.get(text);
    if (found !== undefined || known.size >= seriesMax) return found;
    const buckets = spec.kind === 'histogram' ? spec.buckets : [];
    const fresh = { labels: text, value: 0, count: 0, perBucket: buckets.map(() => 0) };
    known.set(text, fresh);
    return fresh;
  };
  for (const name of Object.keys(table) as Name[]) {
    const spec = table[name];
    for (const labels of spec.kind === 'histogram' ? [] : (spec.known ?? [])) series(name, labels);
  }
  return {
    count: (name, labels = {}, by = 1) => {
      const one = series(name, labels);
      if (one !== undefined) one.value += by;
    },
    set: (name, value, labels = {}) => {
      const one = series(name, labels);
      if (one !== undefined) one.value = value;
    },
    observe: (name, value, labels = {}) => {
      const spec = table[name];
      const one = series(name, labels);
      if (one === undefined || spec.kind !== 'histogram') return;
      one.value += value;
      one.count += 1;
      const at = spec.buckets.findIndex((bound) => value <= bound);
      if (at >= 0) one.perBucket[at] = (one.perBucket[at] ?? 0) + 1;
    },
    clear: (name) => void all.delete(name),
    text: () =>
      (Object.keys(table) as Name[])
        .map((name) => metricText(name, table[name], [...(all.get(name)?.values() ?? [])]))
        .join(''),
  };
}

function metricText(name: string, spec: MetricSpec, all: readonly Series[]): string {
  const head = `# HELP ${name} ${spec.help}\n# TYPE ${name} ${spec.kind}\n`;
  // What never happened is 0, not absent: a rate over it works from the start.
  const isBare = all.length === 0 && spec.labels.length === 0;
  const buckets = spec.kind === 'histogram' ? spec.buckets : [];
  const nothing = { labels: '', value: 0, count: 0, perBucket: buckets.map(() => 0) };
  const shown = isBare && spec.kind !== 'gauge' ? [nothing] : all;
  const lines = shown.flatMap((one) =>
    spec.kind === 'histogram'
      ? histogramLines(name, spec.buckets, one)
      : [`${name}${braced(one.labels)} ${one.value}`],
  );
  return `${head}${lines.map((line) => `${line}\n`).join('')}`;
}

function histogramLines(name: string, buckets: readonly number[], one: Series): string[] {
  let below = 0;
  const bounds = buckets.map((bound, at) => {
    below += one.perBucket[at] ?? 0;
    return `${name}_bucket${braced(joined(one.labels, `le="${bound}"`))} ${below}`;
  });
  return [
    ...bounds,
    `${name}_bucket${braced(joined(one.labels, 'le="+Inf"'))} ${one.count}`,
    `${name}_sum${braced(one.labels)} ${one.value}`,
    `${name}_count${braced(one.labels)} ${one.count}`,
  ];
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(',');
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
