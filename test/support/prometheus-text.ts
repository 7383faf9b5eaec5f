/** The text format of Prometheus, version 0.0.4, read more strictly than any scraper does. */
export interface Family {
  readonly kind: string;
  readonly help: string;
  readonly samples: Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const metricName = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const sampleLine = new RegExp(`^(${metricName})(?:\\{(${label}(?:,${label})*)\\})? (\\S+)$`);
const number = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf)|NaN)$/;

/** Throws at what is not well formed, stands twice, or is of no family. */
export function readPrometheusText(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current = '';
  const lines = text.slice(0, -1).split('\n');
  for (const [at, line] of lines.entries()) {
    const fail = (why: string): Error => new Error(`line ${at + 1}: ${why}: ${line}`);
    const [, helped, help = ''] = /^# HELP (\S+) (.*)$/.exec(line) ?? [];
    if (helped !== undefined) {
      const [, typed, kind = ''] =
        /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(lines[at + 1] ?? '') ?? [];
      if (typed !== helped || families.has(helped)) throw fail('a family begins wrongly');
      families.set(helped, { kind, help, samples: [] });
      current = helped;
      continue;
    }
    if (line.startsWith('# TYPE ')) continue;
    const [, name = '', labels = '', value = ''] = sampleLine.exec(line) ?? [];
    const family = families.get(current);
    if (name === '' || !number.test(value) || family === undefined) throw fail('it is no sample');
    const ends = family.kind === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    if (!ends.some((end) => name === current + end)) throw fail('it is of another family');
    if (seen.has(`${name}{${labels}}`)) throw fail('it stands twice');
    seen.add(`${name}{${labels}}`);
    family.samples.push({
      name,
      labels: labelsOf(labels),
      value: Number(value.replace('Inf', 'Infinity')),
    });
  }
  for (const [name, family] of families) checkHistogram(name, family);
  return families;
}

function labelsOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)];
  return Object.fromEntries(
    pairs.map(([, name = '', value = '']) => [
      name,
      value.replace(/\\(.)/g, (_, one: string) => (one === 'n' ? '\n' : one)),
    ]),
  );
}

/** Buckets rise, and the last one holds all. */
function checkHistogram(name: string, { kind, samples }: Family): void {
  if (kind !== 'histogram') return;
  let below = 0;
  for (const sample of samples) {
    if (sample.name === `${name}_bucket`) {
      if (sample.value < below) throw new Error(`${name}: a bucket is less than the one before`);
      below = sample.labels['le'] === '+Inf' ? sample.value : Math.max(below, sample.value);
    } else if (sample.name === `${name}_count`) {
      if (sample.value !== below) throw new Error(`${name}: the last bucket is not the count`);
      below = 0;
    }
  }
}
