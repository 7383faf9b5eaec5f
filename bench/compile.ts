import type { Inventory } from '../src/compile/inventory.ts';
import { type Compiled, compileRevision, recompile } from '../src/compile/revision.ts';
import { type ParsedIntent, parseIntent } from '../src/model/parse.ts';
import { bigMesh, oneEach, serviceName } from './big-mesh.ts';
import { median, print, progress } from './line.ts';
import type { Metric } from './metrics.ts';

const services = 10_000;
const callers = 20;
/** Of a control plane that has been running for some changes. */
const rounds = 41;
const goals = { fullMs: 5_000, incrementalMs: 20, endpointMs: 5 };

/** Parse and compile of a large mesh: the whole of it, and what one change costs. */
export async function run(): Promise<void> {
  for (const count of [10, 100, 1_000] as const) benchSmall(count);
  progress(`${services} services with ${callers} callees each`);
  const files = bigMesh(services, callers);
  const startedMs = performance.now();
  const parsed = parseIntent(files);
  const parsedMs = performance.now();
  const { intent } = parsed;
  if (intent === undefined) throw new Error('the generated intent is refused');
  const inventory = oneEach(intent);
  const inventoryMs = performance.now();
  const compiled = compileRevision(intent, inventory);
  const compiledMs = performance.now() - inventoryMs;
  line('full_ms', parsedMs - startedMs + compiledMs, 'ms', goals.fullMs, 1);
  line('full_parse_ms', parsedMs - startedMs, 'ms', 'none', 1);
  line('full_compile_ms', compiledMs, 'ms', 'none', 1);
  line('rss_mb', process.memoryUsage().rss / 2 ** 20, 'MB', 'none', 1);
  benchEndpoints(compiled, inventory);
  benchChange(files, parsed, compiled, inventory);
}

function line(
  metric: Metric<'compile'>,
  value: number,
  unit: string,
  reference: number | string,
  runs: number,
): void {
  print({ bench: 'compile', metric, value, unit, better: 'lower', reference, runs });
}

/** Ten callees a service. */
function benchSmall(count: 10 | 100 | 1_000): void {
  const { intent } = parseIntent(bigMesh(count, 10));
  if (intent === undefined) throw new Error('the generated intent is refused');
  const inventory = oneEach(intent);
  const timesMs = Array.from({ length: 3 }, () => timed(() => compileRevision(intent, inventory)));
  line(`compile_ms_${count}`, median(timesMs), 'ms', 'none', timesMs.length);
}

/** One workload stops taking requests, or takes them again: the endpoints of its callers. */
function benchEndpoints(compiled: Compiled, inventory: Inventory): void {
  let before = compiled;
  const timesMs = Array.from({ length: rounds }, (_, round) => {
    const id = `${serviceName((round * 613) % services)}-v1`;
    const next = inventory.map((one) =>
      one.id === id ? { ...one, state: 'draining' as const } : one,
    );
    const took = timed(() => {
      before = recompile(before, before.intent, next);
    });
    if (before.changed.size === 0) throw new Error('the change reached nobody');
    return took;
  });
  line('endpoint_ms', median(timesMs), 'ms', goals.endpointMs, rounds);
}

/** One service's file says another timeout: read, checked with the tree, compiled, and whom it reaches. */
function benchChange(
  files: ReadonlyMap<string, string>,
  parsed: ParsedIntent,
  compiled: Compiled,
  inventory: Inventory,
): void {
  let known = parsed;
  let before = compiled;
  const timesMs = Array.from({ length: rounds }, (_, round) => {
    const path = `services/${serviceName((round * 613) % services)}.yaml`;
    const text = (files.get(path) ?? '').replace('timeout: 5s', 'timeout: 6s');
    // As from Git: each text is read anew.
    const next = new Map(
      [...files].map(([name, old]) => [name, copyOf(name === path ? text : old)]),
    );
    const took = timed(() => {
      known = parseIntent(next, known);
      if (known.intent !== undefined) before = recompile(before, known.intent, inventory);
    });
    if (before.changed.size < callers) throw new Error('the change did not reach its callers');
    return took;
  });
  line('incremental_ms', median(timesMs), 'ms', goals.incrementalMs, rounds);
}

function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

function timed(work: () => unknown): number {
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}
