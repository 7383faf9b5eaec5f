import { err, ok, type Result } from '../../base/result.ts';

/** What one field of a request body may hold. The bodies of operators' calls are flat. */
export type FieldShape =
  | { readonly kind: 'text'; readonly bytesMax: number; readonly isOptional: boolean }
  | { readonly kind: 'number'; readonly max: number; readonly isOptional: boolean }
  | { readonly kind: 'flag'; readonly isOptional: boolean }
  | { readonly kind: 'word'; readonly words: readonly string[]; readonly isOptional: boolean }
  /** Who asks. On this machine's socket the client may say it; over TCP it is what was authenticated. */
  | { readonly kind: 'caller'; readonly isOptional: false; readonly isAuthentic?: true };

export type BodyShape = Readonly<Record<string, FieldShape>>;

/** Each field of the wire type once, optional where it is optional there: a forgotten field is a type error. */
export type ShapeOf<Body> = {
  readonly [Field in keyof Body]-?: FieldShape & {
    readonly isOptional: undefined extends Body[Field] ? true : false;
  };
};

/** A reason, a name: what a person types. */
export const wordsBytesMax = 1_024;
/** A chain of certificates, or a key, in PEM. */
export const pemBytesMax = 256 * 1_024;

export function text(bytesMax: number): FieldShape & { readonly isOptional: false } {
  return { kind: 'text', bytesMax, isOptional: false };
}

/** From 0 on. */
export function number(max: number): FieldShape & { readonly isOptional: false } {
  return { kind: 'number', max, isOptional: false };
}

export const flag = { kind: 'flag', isOptional: false } as const;
export const caller = { kind: 'caller', isOptional: false } as const;
/** Who asks as authenticated, whatever is said: where it counts that two are two. */
export const self = { kind: 'caller', isOptional: false, isAuthentic: true } as const;

export function word(...words: readonly string[]): FieldShape & { readonly isOptional: false } {
  return { kind: 'word', words, isOptional: false };
}

export function optional<Shape extends FieldShape>(
  shape: Shape,
): FieldShape & { readonly isOptional: true } {
  return { ...shape, isOptional: true } as FieldShape & { readonly isOptional: true };
}

/** What was wanted and what came. */
export interface ValueProblem {
  readonly expected: string;
  readonly found: string;
}

/** The body with only what its shape names; `by` is who asks. Errors: what is wrong with it. */
export function readBody(
  shape: BodyShape,
  body: unknown,
  by: (said: string | undefined) => string,
): Result<Readonly<Record<string, unknown>>, ValueProblem> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return err({ expected: 'a JSON object', found: kindOf(body) });
  }
  const given = new Map<string, unknown>(Object.entries(body));
  const stranger = [...given.keys()].find((name) => !Object.hasOwn(shape, name));
  if (stranger !== undefined) {
    const expected = `only the fields ${Object.keys(shape).join(', ')}`;
    return err({ expected, found: `the field "${stranger.slice(0, 100)}"` });
  }
  const read: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(shape)) {
    const value = given.get(name);
    if (value === undefined && (field.isOptional || field.kind === 'caller')) {
      if (field.kind === 'caller') read[name] = by(undefined);
      continue;
    }
    if (!fits(field, value)) {
      return err({ expected: `\`${name}\`: ${wanted(field)}`, found: kindOf(value) });
    }
    if (field.kind !== 'caller') read[name] = value;
    else read[name] = by(field.isAuthentic === true ? undefined : (value as string));
  }
  return ok(read);
}

function fits(field: FieldShape, value: unknown): boolean {
  switch (field.kind) {
    case 'text':
      return isText(value, field.bytesMax);
    case 'caller':
      return isText(value, wordsBytesMax);
    case 'number':
      return typeof value === 'number' && value >= 0 && value <= field.max;
    case 'flag':
      return typeof value === 'boolean';
    case 'word':
      return typeof value === 'string' && field.words.includes(value);
  }
}

/** Text that every store keeps as it came: PostgreSQL takes no NUL, and half a surrogate pair is no character. */
export function isText(value: unknown, bytesMax: number): value is string {
  return (
    typeof value === 'string' &&
    Buffer.byteLength(value) <= bytesMax &&
    !value.includes('\0') &&
    value.isWellFormed()
  );
}

function wanted(field: FieldShape): string {
  switch (field.kind) {
    case 'text':
      return `a text of at most ${field.bytesMax} bytes`;
    case 'caller':
      return `a text of at most ${wordsBytesMax} bytes`;
    case 'number':
      return `a number from 0 to ${field.max}`;
    case 'flag':
      return 'true or false';
    case 'word':
      return `one of ${field.words.join(', ')}`;
  }
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') {
    const odd = isText(value, Number.POSITIVE_INFINITY)
      ? ''
      : ' that holds a NUL or half a character';
    return `a text of ${Buffer.byteLength(value)} bytes${odd}`;
  }
  return typeof value === 'object' ? 'an object' : `${typeof value} ${String(value)}`;
}
