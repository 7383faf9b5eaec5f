import type { CallerTable, Leaf, MethodTable, PathStage } from './path-stage.ts';
import type { PlanInput, TextMatch, Verdict } from './plan-parts.ts';
import type { Guard, RbacPlan } from './rbac-plan.ts';

export interface PlannedRequest {
  /** URI SANs joined by commas, as Envoy's UriSanInput gives them. */
  readonly caller: string;
  readonly method: string;
  /** Without query. */
  readonly path: string;
  /** With query; left out: there is none. */
  readonly target?: string;
  readonly host?: string;
  /** A line each. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

/** What Envoy does with the tree, read out plainly. */
export function evaluatePlan(plan: RbacPlan, request: PlannedRequest): Verdict {
  const guard = plan.guards.find((one) => stops(one, request));
  if (guard !== undefined) return guard.verdict;
  for (const stage of plan.stages) {
    const verdict = inStage(stage, request);
    if (verdict !== undefined) return verdict;
  }
  return plan.fallback;
}

/** What Envoy logs beside it; undefined: no rule in audit would deny the request, or may. */
export function evaluateAudit({ audits }: RbacPlan, request: PlannedRequest): Verdict | undefined {
  for (const stage of audits) {
    const verdict = inStage(stage, request);
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}

function stops(guard: Guard, request: PlannedRequest): boolean {
  const value = inputOf(guard.input, request);
  if ('when' in guard) return value !== undefined && matches(guard.when, value);
  if ('matches' in guard) {
    return value !== undefined && new RegExp(`^(?:${guard.matches})$`).test(value);
  }
  return value === undefined || !new RegExp(`^(?:${guard.unless})$`).test(value);
}

function inputOf(input: PlanInput, request: PlannedRequest): string | undefined {
  switch (input) {
    case 'caller':
    case 'method':
    case 'path':
    case 'host':
      return request[input];
    case 'target':
      return request.target ?? request.path;
    default: {
      const name = input.slice('header '.length);
      const lines = request.headers?.filter(([other]) => other.toLowerCase() === name) ?? [];
      return lines.length === 0 ? undefined : lines.map(([, value]) => value).join(',');
    }
  }
}

function matches(match: TextMatch, value: string): boolean {
  switch (match.kind) {
    case 'exact':
      return value === match.text;
    case 'any-of':
      return match.texts.includes(value);
    case 'single':
      return !value.includes(',');
    case 'list':
      return value.includes(',');
    case 'present':
      return true;
    case 'item':
      return value.split(',').some((item) => item.trim() === match.text);
  }
}

function inStage({ exact, prefixes }: PathStage, request: PlannedRequest): Verdict | undefined {
  const { end, rest } = exact.get(request.path) ?? {};
  const found = inMethods(end, request) ?? inMethods(rest, request);
  if (found !== undefined) return found;
  const hits = [...prefixes]
    .filter(([prefix]) => request.path.startsWith(prefix))
    .sort(([a], [b]) => b.length - a.length);
  for (const [, entry] of hits) {
    const tables = entry.patterns
      .filter(({ regex }) => new RegExp(`^(?:${regex})$`).test(request.path))
      .map(({ table }) => table);
    for (const table of [...tables, entry.rest]) {
      const verdict = inMethods(table, request);
      if (verdict !== undefined) return verdict;
    }
  }
  return undefined;
}

function inMethods(table: MethodTable | undefined, request: PlannedRequest): Verdict | undefined {
  const own = inCallers(table?.byMethod.get(request.method), request);
  return own ?? inCallers(table?.any, request);
}

function inCallers(table: CallerTable | undefined, request: PlannedRequest): Verdict | undefined {
  const own = inLeaf(table?.bySpiffeId.get(request.caller), request);
  return own ?? inLeaf(table?.any, request);
}

function inLeaf(leaf: Leaf | undefined, request: PlannedRequest): Verdict | undefined {
  if (leaf?.kind !== 'choice') return leaf;
  return leaf.of.find(({ when }) =>
    when.every(({ input, match }) => {
      const value = inputOf(input, request);
      return value !== undefined && matches(match, value);
    }),
  )?.verdict;
}
