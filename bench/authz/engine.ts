import { canonicalize } from '../../src/policy/canonical.ts';
import type { CompiledPolicy } from '../../src/policy/compiled-policy.ts';
import { decide } from '../../src/policy/decide.ts';
import { figuresOf, median, progress } from '../line.ts';
import { canonicalOf, policyOf, type RuleSize, ruleIntent, samples } from './rules.ts';

const line = figuresOf('authz');
const goal = 300_000;
const sampleCount = 4_096;
const runs = 5;
const runMs = 600;
const rulesPerService = 10;

/** Decisions alone, and with the reading of the raw request before them, by the CPU time of this process. */
export function benchEngine(): void {
  const canonical: number[] = [];
  for (const rules of [10, 1_000, 10_000] as const) {
    const found = [1, rules / rulesPerService].map((callees) => benchSize({ rules, callees }));
    canonical.push(...found.map((one) => one.canonical));
    const worst = Math.min(...found.map((one) => one.decisions));
    line(`decisions_per_cpu_s_${rules}`, worst, 'decisions/s', 'higher', goal, runs);
  }
  line(
    'canonical_decisions_per_cpu_s',
    Math.min(...canonical),
    'decisions/s',
    'higher',
    'none',
    runs,
  );
}

function benchSize(size: RuleSize): { readonly decisions: number; readonly canonical: number } {
  const policy = policyOf(ruleIntent(size));
  const given = samples(policy, size, sampleCount);
  const requests = given.map(canonicalOf);
  const rate = (run: () => void): number => perCpuSecond(run, given.length);
  const decided = (wanted: 'allow' | 'deny'): number => {
    const some = requests.filter((request) => decide(policy, request).kind === wanted);
    return perCpuSecond(() => decideAll(policy, some), some.length);
  };
  const decisions = rate(() => decideAll(policy, requests));
  const canonical = rate(() => {
    for (const { callee, raw } of given) {
      const read = canonicalize(raw);
      if (!read.ok) throw new Error(read.error.reason);
      const { caller, method, path } = read.value;
      decide(policy, { caller, callee, action: { kind: 'http', method, path } });
    }
  });
  progress(
    `${size.rules} rules on ${size.callees} services: ${Math.round(decisions)} decisions a CPU second ` +
      `(allowed ${Math.round(decided('allow'))}, denied ${Math.round(decided('deny'))}), ` +
      `with reading ${Math.round(canonical)}`,
  );
  return { decisions, canonical };
}

function decideAll(policy: CompiledPolicy, requests: Parameters<typeof decide>[1][]): void {
  for (const request of requests) decide(policy, request);
}

/** The median of some runs, after one that warms up. */
function perCpuSecond(run: () => void, operations: number): number {
  const rates = Array.from({ length: runs + 1 }, () => {
    const before = process.cpuUsage();
    const startedMs = performance.now();
    let done = 0;
    while (performance.now() - startedMs < runMs) {
      run();
      done += operations;
    }
    const { user, system } = process.cpuUsage(before);
    return done / ((user + system) / 1e6);
  });
  return median(rates.slice(1));
}
