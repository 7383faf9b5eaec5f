import type { CallerTable, MethodTable, PathStage, RbacPlan, Verdict } from './rbac-plan.ts';

export interface PlanInput {
  /** URI SANs joined by commas, as Envoy's UriSanInput gives them. */
  readonly caller: string;
  readonly method: string;
  /** Without query. */
  readonly path: string;
}

/** What Envoy does with the tree, read out plainly. */
export function evaluatePlan(plan: RbacPlan, input: PlanInput): Verdict {
  const guard = plan.guards.find(
    ({ unless, ...of }) => !new RegExp(`^(?:${unless})$`).test(input[of.input]),
  );
  return guard?.verdict ?? inStage(plan.deny, input) ?? inStage(plan.allow, input) ?? plan.fallback;
}

function inStage({ exact, prefixes }: PathStage, input: PlanInput): Verdict | undefined {
  const found = inMethods(exact.get(input.path), input);
  if (found !== undefined) return found;
  const hits = [...prefixes]
    .filter(([prefix]) => input.path.startsWith(prefix))
    .sort(([a], [b]) => b.length - a.length);
  for (const [, entry] of hits) {
    const tables = entry.patterns
      .filter(({ regex }) => new RegExp(`^(?:${regex})$`).test(input.path))
      .map(({ table }) => table);
    for (const table of [...tables, entry.rest]) {
      const verdict = inMethods(table, input);
      if (verdict !== undefined) return verdict;
    }
  }
  return undefined;
}

function inMethods(table: MethodTable | undefined, input: PlanInput): Verdict | undefined {
  const own = inCallers(table?.byMethod.get(input.method), input);
  return own ?? inCallers(table?.any, input);
}

function inCallers(table: CallerTable | undefined, input: PlanInput): Verdict | undefined {
  return table?.bySpiffeId.get(input.caller) ?? table?.any;
}
