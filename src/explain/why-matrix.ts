import {
  coversPath,
  matchesPath,
  meetOfPaths,
  patternOf,
  withBothEnds,
} from '../model/path-pattern.ts';
import type { Intent, Operation, PathPattern, Rule, Service, ServiceName } from '../model/types.ts';
import { decisionOn, verdictOf, type WhyQuestion } from './why.ts';

/** What all requests get whose path this row tells of, and no narrower one. */
export interface MatrixCell {
  readonly method: string;
  /** As a rule says it, such as `/v1/charges/*`; or what two rules have in common. */
  readonly path: string;
  readonly verdict: 'allow' | 'deny' | 'depends';
  readonly rule: string | undefined;
}

export interface Matrix {
  readonly patterns: readonly string[];
  readonly methods: readonly string[];
  /** By path, then by method. */
  readonly cells: readonly MatrixCell[];
  /** Some paths that two patterns have in common have no row. */
  readonly isCut: boolean;
}

interface Row {
  readonly path: string;
  /** Stands for all of them. */
  readonly sent: string;
  /** Rules that look at the path by a condition may tell them apart. */
  readonly isExample: boolean;
}

const usualMethods = ['GET', 'POST', 'PUT', 'DELETE'];
/** Of what two patterns have in common: stars in different places meet in each pair, and more rows are read by nobody. */
const meetsMax = 2_000;
/** Of two patterns with each other. */
const pairsMax = 4_000_000;

/** Every path that a rule or test of the callee names, and where two of them meet, by every method that one names. */
export function whyMatrix(
  intent: Intent,
  question: Pick<WhyQuestion, 'from' | 'to' | 'facts'>,
): Matrix {
  const service = intent.services.get(question.to as ServiceName);
  const rules = [...(service?.allow ?? []), ...(service?.deny ?? [])];
  const methods = methodsOf(service, rules);
  const { rows, isCut } = rowsOf(rules.flatMap(pathsOf), testedPaths(service));
  const cells = rows.flatMap(({ path, sent, isExample }) =>
    methods.map((method): MatrixCell => {
      const facts = { ...question.facts, ...(isExample ? { isPathExample: true as const } : {}) };
      const decision = decisionOn(intent, { ...question, facts, request: { method, path: sent } });
      const rule = decision.kind === 'depends' ? decision.rules[0]?.id : decision.rule?.id;
      const verdict = verdictOf(decision).toLowerCase() as MatrixCell['verdict'];
      return { method, path, verdict, rule };
    }),
  );
  return { patterns: rows.map(({ path }) => path), methods, cells, isCut };
}

function methodsOf(service: Service | undefined, rules: readonly Rule[]): readonly string[] {
  if (service?.protocol === 'grpc') return ['POST'];
  const operations = rules.flatMap(({ to }) => to);
  const named = operations.flatMap((one) => (one.kind === 'http' ? [one.method] : []));
  return [...new Set([...usualMethods, ...named.filter((method) => method !== '*')])];
}

/** A denial holds with a final slash and without. */
function pathsOf({ effect, to }: Rule): readonly PathPattern[] {
  const named = to.flatMap(patternsOf);
  return effect === 'allow' ? named : named.flatMap(withBothEnds);
}

function patternsOf(operation: Operation): readonly PathPattern[] {
  switch (operation.kind) {
    case 'http':
      return [operation.path];
    case 'grpc':
      return [patternOf([operation.service, operation.method])];
    case 'connect':
      return [];
  }
}

function testedPaths(service: Service | undefined): readonly string[] {
  return (service?.tests ?? []).map(({ path }) => path.split('?', 1)[0] ?? path);
}

interface Patterns {
  readonly texts: ReadonlySet<string>;
  /** With a star in them, by their first segment. */
  readonly wild: ReadonlyMap<string, readonly PathPattern[]>;
}

function rowsOf(
  named: readonly PathPattern[],
  tested: readonly string[],
): { readonly rows: readonly Row[]; readonly isCut: boolean } {
  const { patterns, isCut } = closed(named);
  const example = exampleFor(patterns);
  const all = {
    texts: new Set(patterns.map(({ text }) => text)),
    wild: Map.groupBy(patterns.filter(isWild), ({ segments }) => segments[0] ?? ''),
  };
  const rows = patterns.flatMap((pattern): Row[] => {
    const sent = sentFor(pattern, all, example);
    return sent === undefined ? [] : [{ path: pattern.text, sent, isExample: isWild(pattern) }];
  });
  const known = new Set(rows.map(({ path }) => path));
  for (const path of new Set(tested)) {
    if (!known.has(path)) rows.push({ path, sent: path, isExample: false });
  }
  return { rows: rows.sort((a, b) => (a.path < b.path ? -1 : 1)), isCut };
}

/**
 * With what any two have in common: then every path has one narrowest pattern, and all paths of which that is the same
 * are matched by the same rules.
 */
function closed(named: readonly PathPattern[]): {
  readonly patterns: readonly PathPattern[];
  readonly isCut: boolean;
} {
  const found = new Map(named.map((pattern) => [pattern.text, pattern]));
  // Without a star one of two holds the other, or they have nothing in common.
  const starred = [...found.values()].filter(hasStar);
  const rowsMax = found.size + meetsMax;
  let pairs = 0;
  for (let at = 0; at < starred.length; at += 1) {
    const one = starred[at];
    if (one === undefined) continue;
    for (const other of [...found.values()]) {
      pairs += 1;
      const meet = meetOfPaths(one, other);
      if (meet === undefined || found.has(meet.text)) continue;
      if (found.size >= rowsMax || pairs > pairsMax)
        return { patterns: [...found.values()], isCut: true };
      found.set(meet.text, meet);
      if (hasStar(meet)) starred.push(meet);
    }
  }
  return { patterns: [...found.values()], isCut: false };
}

function hasStar({ segments }: PathPattern): boolean {
  return segments.includes('*');
}

function isWild({ segments }: PathPattern): boolean {
  return segments.includes('*') || segments.at(-1) === '**';
}

/** A segment that no rule names. */
function exampleFor(patterns: readonly PathPattern[]): string {
  const named = new Set(patterns.flatMap(({ segments }) => segments));
  let at = 0;
  while (named.has(`_any${at}_`)) at += 1;
  return `_any${at}_`;
}

/** A path of this pattern and of no narrower one; undefined: narrower ones tell of all of them. */
function sentFor(pattern: PathPattern, all: Patterns, example: string): string | undefined {
  const { segments } = pattern;
  const isOpen = segments.at(-1) === '**';
  const fixed = isOpen ? segments.slice(0, -1) : segments;
  const start = fixed.map((one) => `/${one === '*' ? example : one}`).join('');
  if (!isOpen) return start;
  const [first = ''] = fixed;
  const near = first === '' || first === '*' ? [...all.wild.values()].flat() : all.wild.get(first);
  const narrower = (near ?? []).filter((one) => one !== pattern && coversPath(pattern, one));
  const depth = narrower.reduce((most, one) => Math.max(most, one.segments.length), 0);
  return restsOf(start, example, depth - fixed.length + 1).find(
    (path) => !all.texts.has(path) && !narrower.some((one) => matchesPath(one, path)),
  );
}

function restsOf(start: string, example: string, steps: number): readonly string[] {
  const below = Array.from(
    { length: Math.max(steps, 1) },
    (_, at) => start + `/${example}`.repeat(at + 1),
  );
  const ends = start === '' ? ['/'] : [start, `${start}/`];
  return [...below, ...ends, ...below.map((path) => `${path}/`)];
}
