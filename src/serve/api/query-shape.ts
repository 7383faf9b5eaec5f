import { err, ok, type Result } from '../../base/result.ts';
import { isText, type ValueProblem } from './body-shape.ts';

/** What one parameter of a call may hold. None is needed: what is left out asks for all, or for now. */
export type ParameterShape =
  | {
      readonly kind: 'text';
      readonly bytesMax: number;
      /** Whether it may be given more than once: any of them. */
      readonly isMany: boolean;
      readonly meaning: string;
    }
  | {
      readonly kind: 'number';
      readonly min: number;
      readonly max: number;
      readonly meaning: string;
    };

export type QueryShape = Readonly<Record<string, ParameterShape>>;

/** A parameter that may be given so often asks for more than one look at the screen. */
const valuesMax = 100;
/** The last moment that a date can hold. */
const timeMsMax = 8_640_000_000_000_000;
/** Longer than any name that there is. */
export const nameBytesMax = 1_024;

export function timeParameter(meaning: string): ParameterShape {
  const text = `${meaning}; milliseconds since the epoch`;
  return { kind: 'number', min: 0, max: timeMsMax, meaning: text };
}

export function numberParameter(meaning: string, min: number, max: number): ParameterShape {
  return { kind: 'number', min, max, meaning };
}

export function textParameter(meaning: string, isMany = false): ParameterShape {
  return { kind: 'text', bytesMax: nameBytesMax, isMany, meaning };
}

/** Errors: the first parameter that is not what the call takes. */
export function checkQuery(
  shape: QueryShape,
  query: URLSearchParams,
): Result<undefined, ValueProblem> {
  for (const name of new Set(query.keys())) {
    const parameter = Object.hasOwn(shape, name) ? shape[name] : undefined;
    const problem = problemOf(shape, name, parameter, query.getAll(name));
    if (problem !== undefined) return err(problem);
  }
  return ok(undefined);
}

function problemOf(
  shape: QueryShape,
  name: string,
  parameter: ParameterShape | undefined,
  values: readonly string[],
): ValueProblem | undefined {
  const shown = name.slice(0, 100);
  if (parameter === undefined) {
    const known = Object.keys(shape).map((one) => `\`${one}\``);
    const expected = known.length === 0 ? 'no parameter' : `only ${known.join(', ')}`;
    return { expected, found: `the parameter "${shown}"` };
  }
  const most = parameter.kind === 'text' && parameter.isMany ? valuesMax : 1;
  if (values.length > most) {
    return { expected: `\`${name}\` at most ${most} times`, found: `${values.length} times` };
  }
  const wrong = values.find((value) => !fits(parameter, value));
  if (wrong === undefined) return undefined;
  return {
    expected: `\`${name}\`: ${wanted(parameter)}`,
    found: JSON.stringify(wrong.slice(0, 100)),
  };
}

function fits(parameter: ParameterShape, value: string): boolean {
  if (parameter.kind === 'text') return isText(value, parameter.bytesMax);
  if (!/^\d{1,16}$/.test(value)) return false;
  return Number(value) >= parameter.min && Number(value) <= parameter.max;
}

function wanted(parameter: ParameterShape): string {
  return parameter.kind === 'text'
    ? `a text of at most ${parameter.bytesMax} bytes`
    : `a whole number from ${parameter.min} to ${parameter.max}`;
}

/** Of a query that was checked. */
export function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  return text === null ? undefined : Number(text);
}
