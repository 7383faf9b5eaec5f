import type { RandomNumber } from '../base/seeded.fixture.ts';
import { type CelDeclarations, type CelType, dynType, listType, mapType } from './type.ts';

const scalar = (kind: 'bool' | 'int' | 'uint' | 'double' | 'string' | 'bytes') =>
  ({ kind }) as const;
const time = { kind: 'timestamp' } as const;
const span = { kind: 'duration' } as const;
const strings = listType(scalar('string'));
const ints = listType(scalar('int'));
const counts = mapType(scalar('string'), scalar('int'));

/** Variables of each type; `o` may be absent and `d` may hold anything. */
export const randomVariables: CelDeclarations = new Map(
  Object.entries<CelType>({
    'v.b': scalar('bool'),
    'v.i': scalar('int'),
    'v.u': scalar('uint'),
    'v.f': scalar('double'),
    'v.s': scalar('string'),
    'v.y': scalar('bytes'),
    'v.t': time,
    'v.p': span,
    'v.ss': strings,
    'v.is': ints,
    'v.m': counts,
    'o.s': scalar('string'),
    'o.i': scalar('int'),
    'd.x': dynType,
    'd.y': dynType,
  }).map(([name, type]) => [name, { type, optional: !name.startsWith('v.') }]),
);

/** A well-typed expression of any type. */
export function randomExpression(random: RandomNumber): string {
  const kinds = Object.keys(makers) as Kind[];
  return make(kinds[Math.floor(random() * kinds.length)] ?? 'bool', {
    random,
    depth: 4,
    locals: [],
  });
}

export function randomCondition(random: RandomNumber): string {
  return make('bool', { random, depth: 4, locals: [] });
}

type Kind =
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'time'
  | 'span'
  | 'strings'
  | 'ints'
  | 'counts'
  | 'dyn';

interface Growth {
  readonly random: RandomNumber;
  readonly depth: number;
  readonly locals: readonly { readonly name: string; readonly kind: Kind }[];
}

/** `$int` in a form stands for any expression of that kind. */
const leaves: Readonly<Record<Kind, readonly string[]>> = {
  bool: ['true', 'false', 'v.b', 'has(o.s)', 'has(o.i)', 'has(v.m.a)', 'has(v.m.zz)'],
  int: [
    '0',
    '1',
    '-1',
    '7',
    '0x1f',
    '9223372036854775807',
    '-9223372036854775808',
    '9007199254740993',
    'v.i',
    'o.i',
  ],
  uint: ['0u', '1u', '18446744073709551615u', 'v.u'],
  double: ['0.0', '-0.0', '1.5', '-2.25', '1e300', 'v.f'],
  string: [
    '""',
    '"a"',
    "'b'",
    '"x-y"',
    '"12"',
    '"-7"',
    '"true"',
    '"é😀"',
    '"A,b,,C"',
    'v.s',
    'o.s',
  ],
  bytes: ['b""', 'b"ab"', 'b"\\xff"', 'v.y'],
  time: [
    'v.t',
    'timestamp("2026-03-29T01:59:59.5Z")',
    'timestamp("0201-01-01T00:00:00Z")',
    'timestamp("1970-01-01T00:00:00+02:00")',
  ],
  span: ['v.p', 'duration("1h30m")', 'duration("-1.5s")', 'duration("0")', 'duration("2540400h")'],
  strings: ['[]', '["a", "b"]', 'v.ss'],
  ints: ['[]', '[1, 2, 3]', 'v.is'],
  counts: ['{}', '{"a": 1, "b": 2}', 'v.m'],
  dyn: ['d.x', 'd.y', 'dyn(1)', 'dyn("a")', 'dyn(1u)', 'dyn(1.0)', 'dyn(null)', 'dyn([1])'],
};

const zones = [
  '"Europe/Berlin"',
  '"America/New_York"',
  '"Asia/Kolkata"',
  '"+05:45"',
  '"-08:00"',
  '"UTC"',
];
const parts = [
  'getFullYear',
  'getMonth',
  'getDate',
  'getDayOfMonth',
  'getDayOfWeek',
  'getDayOfYear',
  'getHours',
  'getMinutes',
  'getSeconds',
  'getMilliseconds',
];
const patterns = ['"a"', '"^[a-c]+$"', 'r"\\d+"', '"(?i)A|x"', '"^$"', 'r"\\bb"', '"."'];

const makers: Readonly<Record<Kind, readonly string[]>> = {
  bool: [
    '$bool && $bool',
    '$bool || $bool',
    '($bool || $bool) && $bool',
    '!$bool',
    '$bool ? $bool : $bool',
    '$int == $int',
    '$int < $int',
    '$int >= $int',
    '$uint == $uint',
    '$uint <= $uint',
    '$double == $double',
    '$double < $double',
    '$int < $double',
    '$uint > $int',
    '$string == $string',
    '$string != $string',
    '$string < $string',
    '$bytes == $bytes',
    '$bytes < $bytes',
    '$time < $time',
    '$time == $time',
    '$span >= $span',
    '$span == $span',
    '$strings == $strings',
    '$ints != $ints',
    '$counts == $counts',
    '$string in $strings',
    '$int in $ints',
    '$string in $counts',
    '$string.startsWith($string)',
    '$string.endsWith($string)',
    '$string.contains($string)',
    `$string.matches(@pattern)`,
    '$strings.exists(x, @x=string $bool)',
    '$ints.all(x, @x=int $bool)',
    '$ints.exists_one(x, @x=int $bool)',
    '$counts.exists(x, @x=string $bool)',
    '$ints.all(x, x > $int)',
    'bool($string)',
    '$bool == $bool',
    '$bool < $bool',
    '$dyn == $dyn',
    '$dyn < $dyn',
    '$dyn in $ints',
    '$dyn && $bool',
    '$dyn == $string',
    '$int == $dyn',
  ],
  int: [
    '$int + $int',
    '$int - $int',
    '$int * $int',
    '$int / $int',
    '$int % $int',
    '-v.i',
    '$bool ? $int : $int',
    'size($string)',
    '$strings.size()',
    '$counts.size()',
    'size($bytes)',
    '$ints[$int]',
    '$counts[$string]',
    'v.m.a',
    'int($string)',
    'int($double)',
    'int($uint)',
    'int($time)',
    '$time.@part()',
    '$time.@part(@zone)',
    '$span.getHours()',
    '$span.getMinutes()',
    '$span.getSeconds()',
    '$span.getMilliseconds()',
  ],
  uint: [
    '$uint + $uint',
    '$uint - $uint',
    '$uint * $uint',
    '$uint / $uint',
    '$uint % $uint',
    'uint($int)',
    'uint($double)',
  ],
  double: [
    '$double + $double',
    '$double - $double',
    '$double * $double',
    '$double / $double',
    '-v.f',
    'double($int)',
    'double($uint)',
  ],
  string: [
    '$string + $string',
    '$bool ? $string : $string',
    '$strings[$int]',
    'string($int)',
    'string($uint)',
    'string($bool)',
    'string($bytes)',
    'string($time)',
    'string($span)',
    '$string.lowerAscii()',
    '$string.upperAscii()',
  ],
  bytes: ['$bytes + $bytes', 'bytes($string)'],
  time: ['$time + $span', '$time - $span', '$span + $time'],
  span: ['$span + $span', '$span - $span', '$time - $time'],
  strings: [
    '$strings + $strings',
    '[$string, $string]',
    '$strings.filter(x, @x=string $bool)',
    '$ints.map(x, @x=int $string)',
    '$strings.map(x, @x=string $bool, x + $string)',
    '$string.split(",")',
  ],
  ints: [
    '$ints + $ints',
    '[$int, $int]',
    '$ints.filter(x, @x=int $bool)',
    '$strings.map(x, @x=string $int)',
  ],
  counts: ['{$string: $int}', '{"a": $int, $string: $int}', '$bool ? $counts : $counts'],
  dyn: ['dyn($int)', 'dyn($string)', '$bool ? $dyn : $dyn', '$dyn + $dyn', 'd.x.a', 'd.y[$int]'],
};

function make(kind: Kind, growth: Growth): string {
  const { random, depth, locals } = growth;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const local = locals.filter((candidate) => candidate.kind === kind);
  if (local.length > 0 && random() < 0.4) return pick(local).name;
  if (depth === 0 || random() < 0.15) return pick(leaves[kind]);
  const form = pick(makers[kind])
    .replace('@pattern', () => pick(patterns))
    .replace('@part', () => pick(parts))
    .replace('@zone', () => pick(zones));
  const variable = /@x=(\w+) /.exec(form);
  const name = `x${locals.length}`;
  const inner = [...locals, { name, kind: variable?.[1] as Kind }];
  const [head = '', tail] = variable === null ? [form] : form.split(variable[0]);
  const grown = (text: string, scope: Growth['locals']) =>
    text.replace(/\$(\w+)/g, (_, part: Kind) =>
      enclosed(make(part, { random, depth: depth - 1, locals: scope })),
    );
  const isMacro = variable !== null || /\(x, x/.test(form);
  const named = (text: string) => (isMacro ? text.replace(/\bx\b(?=,| [>+])/g, name) : text);
  return grown(named(head), locals) + (tail === undefined ? '' : grown(named(tail), inner));
}

/** Operands keep to themselves whatever stands around them. */
function enclosed(text: string): string {
  return /^[\w."]+$/.test(text) ? text : `(${text})`;
}
