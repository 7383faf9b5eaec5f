import { type CheckedCel, checkCel } from './check.ts';
import { compileCel } from './compile.ts';
import { parseCel } from './parse.ts';
import type { CelProblem } from './problem.ts';
import type { CelDeclarations, CelType } from './type.ts';
import { absent, type CelOutcome, type CelRead, type CelValue } from './value.ts';
import { standardDeclarations } from './variables.ts';

const attributes: ReadonlyMap<string, CelType> = new Map<string, CelType>([
  ['team', { kind: 'string' }],
  ['level', { kind: 'int' }],
  ['critical', { kind: 'bool' }],
]);

export const declarations = standardDeclarations(attributes);

export function checked(text: string, declared: CelDeclarations = declarations): CheckedCel {
  const parsed = parseCel(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error.message}`);
  const result = checkCel(parsed.value, declared);
  if (!result.ok) throw new Error(`${text}: ${result.error.map((p) => p.message).join('; ')}`);
  return result.value;
}

/** The problems of a condition, each as `the text it points at: message`. */
export function problemsOf(text: string, declared: CelDeclarations = declarations): string[] {
  const parsed = parseCel(text);
  if (!parsed.ok) return [problemText(text, parsed.error)];
  const result = checkCel(parsed.value, declared);
  return result.ok ? [] : result.error.map((problem) => problemText(text, problem));
}

function problemText(text: string, { offset, length, message, nearest, expected }: CelProblem) {
  const hints = [nearest && `did you mean ${nearest}`, expected && `expected ${expected}`];
  const hint = hints.filter((part) => part !== undefined).join(', ');
  return `${text.slice(offset, offset + length)}: ${message}${hint && ` (${hint})`}`;
}

export type Given = Readonly<Record<string, ReturnType<CelRead>>>;

export function reading(given: Given): CelRead {
  return (name) => (Object.hasOwn(given, name) ? given[name] : absent) ?? absent;
}

/** Runs a condition as it comes out of a policy document. */
export function run(text: string, given: Given = {}): CelOutcome {
  const { expr } = checked(text);
  return compileCel(JSON.parse(JSON.stringify(expr)))(reading(given));
}

/** The value, `unknown` with its names, or the error. */
export function ran(text: string, given: Given = {}): CelValue | string {
  const outcome = run(text, given);
  switch (outcome.kind) {
    case 'value':
      return outcome.value;
    case 'unknown':
      return `unknown ${outcome.names.join(' ')}`;
    case 'error':
      return `${outcome.message} at ${outcome.at}`;
  }
}

/** For expressions that read nothing and are no conditions: `1 + 1`. */
export function computed(text: string): CelValue | string {
  const parsed = parseCel(`dyn(${text}) == dyn(time)`);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error.message}`);
  const result = checkCel(parsed.value, declarations);
  if (!result.ok) return result.error.map((p) => p.message).join('; ');
  const { expr } = result.value;
  const call = expr.k === 'call' ? expr.args[0] : undefined;
  if (call === undefined) throw new Error('expected a call');
  const outcome = compileCel(call)(() => absent);
  return outcome.kind === 'value' ? outcome.value : outcome.kind === 'error' ? outcome.message : '';
}
