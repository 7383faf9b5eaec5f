import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  type CelInput,
  CelScalar,
  celEnv,
  celFunc,
  celUint,
  isCelError,
  isCelList,
  isCelMap,
  isCelUint,
  parse,
  plan,
} from '@bufbuild/cel';
import { strings as stringFunctions } from '@bufbuild/cel/ext';
import { create, isMessage } from '@bufbuild/protobuf';
import { isReflectMessage } from '@bufbuild/protobuf/reflect';
import { DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { type RandomNumber, seeded } from '../base/seeded.fixture.ts';
import { checkCel } from './check.ts';
import { compileCel } from './compile.ts';
import { isDouble, isDuration, isList, isMap, isTimestamp, isUint } from './kind.ts';
import { intOf, isInt } from './number.ts';
import { parseCel } from './parse.ts';
import { randomExpression, randomVariables } from './random.fixture.ts';
import { absent, type CelOutcome, type CelValue, celDouble } from './value.ts';

/** Ours as text with types, to be held against theirs. */
function text(value: CelValue): string {
  if (isInt(value)) return `int ${value}`;
  if (isUint(value)) return `uint ${value.value}`;
  if (isDouble(value)) return `double ${Object.is(value.value, -0) ? '-0' : value.value}`;
  if (isTimestamp(value) || isDuration(value))
    return `${value.kind} ${value.seconds} ${value.nanos}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (isList(value)) return `[${value.map(text).join(', ')}]`;
  if (isMap(value)) {
    const entries = [...value.keys()].map((key) => {
      const entry = value.get(typeof key === 'object' ? key.value : key);
      return `${text(key)}: ${entry === absent ? 'absent' : text(entry as CelValue)}`;
    });
    return `{${entries.sort().join(', ')}}`;
  }
  return `${typeof value} ${JSON.stringify(value)}`;
}

function theirText(value: unknown): string {
  if (isCelError(value)) return 'error';
  if (typeof value === 'bigint') return `int ${value}`;
  if (isCelUint(value)) return `uint ${value.value}`;
  if (typeof value === 'number') return `double ${Object.is(value, -0) ? '-0' : value}`;
  if (isReflectMessage(value) || isMessage(value)) {
    const { message } = value as unknown as { message: { seconds: bigint; nanos: number } };
    const kind = isReflectMessage(value, TimestampSchema) ? 'timestamp' : 'duration';
    return `${kind} ${message.seconds} ${message.nanos + 0}`;
  }
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (isCelList(value)) return `[${[...value].map(theirText).join(', ')}]`;
  if (isCelMap(value)) {
    const entries = [...value].map(([key, entry]) => `${theirText(key)}: ${theirText(entry)}`);
    return `{${entries.sort().join(', ')}}`;
  }
  return `${typeof value} ${JSON.stringify(value)}`;
}

interface Pair {
  readonly ours: CelValue;
  readonly theirs: CelInput;
}

function int(value: bigint): Pair {
  return { ours: intOf(value) ?? 0, theirs: value };
}

function same(value: string | boolean | null): Pair {
  return { ours: value, theirs: value };
}

/** Values of the variables of `randomVariables`; undefined is absent. */
function activation(random: RandomNumber): Record<string, Pair | undefined> {
  const pick = <T>(...list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const small = () => BigInt(Math.floor(random() * 21) - 10);
  const words = () =>
    Array.from({ length: pick(0, 1, 3) }, () => pick('a', 'b', 'x-y', 'é', 'abc', '12'));
  const strings = words();
  const ints = Array.from({ length: pick(0, 1, 4) }, small);
  const entries = [...new Set(words())].map((word) => [word, small()] as const);
  const seconds = pick(
    1_774_749_599,
    0,
    -1_500_000_000,
    1_793_494_800 + Math.floor(random() * 1e7),
    253_402_300_799,
  );
  const nanos = pick(0, 500_000_000, 999_000_000);
  const length = pick(0, 1, -90, 86_400, 9_000_000_000);
  const f = pick(0, 1.5, -3, 1e19, Number.NaN, Number.POSITIVE_INFINITY, 42);
  const u = pick(0n, 3n, 2n ** 64n - 1n, 2n ** 63n);
  const y = Buffer.from(pick('', 'ab', 'é'));
  const anything = () =>
    pick(
      same(pick('a', 'b', '')),
      same(random() < 0.5),
      int(small()),
      same(null),
      { ours: celDouble(f), theirs: f },
      { ours: ints.map((value) => intOf(value) ?? 0), theirs: ints },
      {
        ours: new Map(entries.map(([key, value]) => [key, intOf(value) ?? 0])),
        theirs: new Map(entries),
      },
    );
  return {
    'v.b': same(random() < 0.5),
    'v.i': int(pick(small(), small(), 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n)),
    'v.u': { ours: { kind: 'uint', value: u }, theirs: celUint(u) },
    'v.f': { ours: celDouble(f), theirs: f },
    'v.s': same(pick('', 'a', 'b', 'abc', 'x-y', 'A,b,c', '12', 'true', '😀')),
    'v.y': { ours: y, theirs: new Uint8Array(y) },
    'v.t': {
      ours: { kind: 'timestamp', seconds, nanos },
      theirs: create(TimestampSchema, { seconds: BigInt(seconds), nanos }),
    },
    'v.p': {
      ours: { kind: 'duration', seconds: length, nanos: 0 },
      theirs: create(DurationSchema, { seconds: BigInt(length) }),
    },
    'v.ss': { ours: strings, theirs: strings },
    'v.is': { ours: ints.map((value) => intOf(value) ?? 0), theirs: ints },
    'v.m': {
      ours: new Map(entries.map(([key, value]) => [key, intOf(value) ?? 0])),
      theirs: new Map(entries),
    },
    'o.s': random() < 0.5 ? undefined : same(pick('a', 'abc')),
    'o.i': random() < 0.5 ? undefined : int(small()),
    'd.x': random() < 0.2 ? undefined : anything(),
    'd.y': random() < 0.2 ? undefined : anything(),
  };
}

function bindings(values: Record<string, Pair | undefined>): Record<string, CelInput> {
  const groups = new Map<string, Map<string, CelInput>>(
    ['v', 'o', 'd'].map((name) => [name, new Map()]),
  );
  for (const [name, pair] of Object.entries(values)) {
    const [group = '', field = ''] = name.split('.');
    if (pair !== undefined) groups.get(group)?.set(field, pair.theirs);
  }
  return Object.fromEntries(groups);
}

/** The checker takes conditions only, so the expression is compared with something and taken out again. */
function ours(source: string, values: Record<string, Pair | undefined>): string | undefined {
  const parsed = parseCel(`dyn(${source}) == dyn(v.b)`);
  if (!parsed.ok) return `unread: ${parsed.error.message}`;
  const checked = checkCel(parsed.value, randomVariables);
  if (!checked.ok) {
    const messages = checked.error.map(({ message }) => message).join('; ');
    return isRuntimeFault(messages) ? undefined : `refused: ${messages}`;
  }
  const { expr } = checked.value;
  const part = expr.k === 'call' ? expr.args[0] : undefined;
  if (part === undefined) return 'no call';
  const outcome: CelOutcome = compileCel(part)((name) => {
    const pair = values[name];
    return pair === undefined ? absent : pair.ours;
  });
  return outcome.kind === 'value' ? text(outcome.value) : outcome.kind;
}

/** Of a literal: it is refused when the condition is checked, even where it would not be looked at. */
function isRuntimeFault(messages: string): boolean {
  return /can not be converted|is no time like|is no duration like|does not fit/.test(messages);
}

/**
 * Where the oracle does not do what the specification says: `int("")` is 0 there and `int("0x1f")` is 31; division of uints
 * is held to the range of ints.
 */
const { DYN, STRING, UINT } = CelScalar;
const corrected = [
  celFunc('int', [STRING], DYN, (digits) => {
    const value = /^[+-]?\d+$/.test(digits) ? BigInt(digits) : 2n ** 64n;
    if (BigInt.asIntN(64, value) !== value) throw new Error('no int');
    return value;
  }),
  celFunc('uint', [STRING], DYN, (digits) => {
    const value = /^\d+$/.test(digits) ? BigInt(digits) : -1n;
    if (BigInt.asUintN(64, value) !== value) throw new Error('no uint');
    return celUint(value);
  }),
  celFunc('_/_', [UINT, UINT], DYN, (left, right) => celUint(left.value / right.value)),
];

// The oracle reckons parts of days in the zone of the machine.
process.env['TZ'] = 'UTC';

it('gives the value or the error that @bufbuild/cel gives', () => {
  const random = seeded(Number(process.env['CEL_SEED'] ?? 20261129));
  const rounds = Number(process.env['CEL_ROUNDS'] ?? 3000);
  const env = celEnv({ funcs: [...stringFunctions, ...corrected] });
  const seen = { value: 0, error: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const source = randomExpression(random);
    const evaluate = plan(env, parse(source));
    for (let turn = 0; turn < 3; turn += 1) {
      const values = activation(random);
      const expected = theirText(evaluate(bindings(values)));
      const found = ours(source, values);
      if (found === undefined) break;
      seen[expected === 'error' ? 'error' : 'value'] += 1;
      assert.equal(
        found,
        expected,
        `${source}\n${JSON.stringify(values, (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`,
      );
    }
  }
  assert.ok(seen.value > rounds && seen.error > rounds / 4, JSON.stringify(seen));
});
