import { decisionOn, verdictOf, type WhyQuestion } from '../explain/why.ts';
import type { Intent, Operation, ServiceName } from '../model/types.ts';
import { table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

interface Cell {
  readonly method: string;
  /** As a rule says it, such as `/v1/charges/*`. */
  readonly path: string;
  readonly verdict: 'allow' | 'deny' | 'depends';
  readonly rule: string | undefined;
}

/** Stands for one segment of a pattern when it is asked about; no rule names it. */
const example = '_any_';
const usualMethods = ['GET', 'POST', 'PUT', 'DELETE'];

/** Every path that a rule or test of the callee names, by every method that one of them names. */
export function matrixText(
  intent: Intent,
  question: Pick<WhyQuestion, 'from' | 'to' | 'facts'>,
  terminal: Terminal,
): { readonly cells: readonly Cell[]; readonly text: string } {
  const service = intent.services.get(question.to as ServiceName);
  const operations = [...(service?.allow ?? []), ...(service?.deny ?? [])].flatMap(({ to }) => to);
  const tested = (service?.tests ?? []).map(({ path }) => path.split('?', 1)[0] ?? path);
  const patterns = [...new Set([...operations.flatMap(pathOf), ...tested])].sort();
  const named = operations.flatMap(methodOf).filter((method) => method !== '*');
  const methods = [
    ...new Set(service?.protocol === 'grpc' ? ['POST'] : [...usualMethods, ...named]),
  ];
  const cells = patterns.flatMap((path) =>
    methods.map((method): Cell => {
      const sent = path.replaceAll('**', example).replaceAll('*', example);
      const decision = decisionOn(intent, { ...question, request: { method, path: sent } });
      const rule = decision.kind === 'depends' ? decision.rules[0]?.id : decision.rule?.id;
      const verdict = verdictOf(decision).toLowerCase() as Cell['verdict'];
      return { method, path, verdict, rule };
    }),
  );
  return { cells, text: textOf(patterns, methods, cells, terminal) };
}

function textOf(
  patterns: readonly string[],
  methods: readonly string[],
  cells: readonly Cell[],
  terminal: Terminal,
): string {
  if (patterns.length === 0) return '  no rule and no test names a path';
  const hue = { allow: 'green', deny: 'red', depends: 'yellow' } as const;
  const rows = patterns.map((path, row) => [
    path,
    ...methods.map((_method, column) => {
      const verdict = cells[row * methods.length + column]?.verdict ?? 'deny';
      return paint(terminal, hue[verdict], verdict);
    }),
  ]);
  return table({ header: ['path', ...methods], rows, width: terminal.width });
}

function pathOf(operation: Operation): readonly string[] {
  switch (operation.kind) {
    case 'http':
      return [operation.path.text];
    case 'grpc':
      return [`/${operation.service}/${operation.method}`];
    case 'connect':
      return [];
  }
}

function methodOf(operation: Operation): readonly string[] {
  return operation.kind === 'http' ? [operation.method] : [];
}
