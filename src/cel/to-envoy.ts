import type { CelExpr, CelFunction, CelLiteral } from './expr.ts';

/** `cel.expr.Expr` in the JSON of protobuf. */
type EnvoyNode = { readonly id: string } & (
  | { readonly constExpr: Readonly<Record<string, string | number | boolean>> }
  | { readonly identExpr: { readonly name: string } }
  | {
      readonly selectExpr: {
        readonly operand: EnvoyNode;
        readonly field: string;
        readonly testOnly?: true;
      };
    }
  | {
      readonly callExpr: {
        readonly function: string;
        readonly target?: EnvoyNode;
        readonly args: readonly EnvoyNode[];
      };
    }
  | { readonly listExpr: { readonly elements: readonly EnvoyNode[] } }
);

/** `cel.expr.ParsedExpr` without places. */
interface EnvoyExpr {
  readonly expr: EnvoyNode;
  /**
   * Whether running it may end in an error, which Envoy takes for no match and tells nobody: of a rule that denies, such a
   * condition must be asked elsewhere.
   */
  readonly canFail: boolean;
}

/** What a variable is for every request of one proxy, as that of its own service; undefined when it is not settled. */
type KnownVariables = (name: string) => CelLiteral | undefined;

/**
 * The condition for a matcher inside Envoy 1.40, where that is true for the same requests, or why it is kept for the desk.
 * What is no match there is false or an error here.
 */
export function envoyExpr(
  expr: CelExpr,
  known: KnownVariables = () => undefined,
): EnvoyExpr | { readonly kept: string } {
  const writer: Writer = { known, nextId: 1, canFail: false, kept: undefined };
  const node = write(writer, expr, 'positive');
  return writer.kept === undefined
    ? { expr: node, canFail: writer.canFail }
    : { kept: writer.kept };
}

/**
 * Whether the part being true can only make the whole more true. There, what is an error here and false in Envoy makes no
 * difference.
 */
type Polarity = 'positive' | 'any';

interface Writer {
  readonly known: KnownVariables;
  nextId: number;
  canFail: boolean;
  /** The first reason that was found. */
  kept: string | undefined;
}

const principal = 'source.principal';

/** Envoy's attributes that say the same. All are there for every request but the certificate, which takes mutual TLS. */
const attributes: ReadonlyMap<string, readonly [string, ...string[]]> = new Map([
  ['request.method', ['request', 'method']],
  ['request.path', ['request', 'url_path']],
  ['request.scheme', ['request', 'scheme']],
  ['request.time', ['request', 'time']],
  [principal, ['connection', 'uri_san_peer_certificate']],
]);

/** Why others are not the same there. */
const differing: ReadonlyMap<string, string> = new Map([
  ['request.host', 'the proxy knows the host only as it was sent, with a port and in any case'],
  ['request.query', 'the proxy knows the query only as one string'],
  ['request.header_values', 'the proxy joins the values of a header by commas'],
  ['source.address', 'the proxy knows the address only with a port'],
  ['time', 'the proxy has no clock, only request.time'],
]);

const operators: ReadonlyMap<CelFunction, string> = new Map([
  ['==', '_==_'],
  ['!=', '_!=_'],
  ['<', '_<_'],
  ['<=', '_<=_'],
  ['>', '_>_'],
  ['>=', '_>=_'],
  ['in', '@in'],
  ['+', '_+_'],
  ['-', '_-_'],
  ['*', '_*_'],
  ['/', '_/_'],
  ['%', '_%_'],
  ['neg', '-_'],
]);

/** Functions that Envoy runs, and those of them that give a value for every argument of their type. */
const methods: ReadonlySet<CelFunction> = new Set([
  'startsWith',
  'endsWith',
  'contains',
  'matches',
]);
const functions: ReadonlySet<CelFunction> = new Set(['size', 'timestamp', 'duration']);
const safe: ReadonlySet<CelFunction> = new Set([
  ...methods,
  'size',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'in',
]);

function write(w: Writer, expr: CelExpr, polarity: Polarity): EnvoyNode {
  switch (expr.k) {
    case 'var':
      return writeVariable(w, expr.name);
    case 'and':
    case 'or':
      return balanced(
        w,
        expr.k === 'and' ? '_&&_' : '_||_',
        expr.terms.map((term) => write(w, term, polarity)),
      );
    case 'not':
      return call(w, '!_', [write(w, expr.of, 'any')]);
    case 'if':
      return call(w, '_?_:_', [
        write(w, expr.test, 'any'),
        write(w, expr.yes, polarity),
        write(w, expr.no, polarity),
      ]);
    case 'call':
      return writeCall(w, expr, polarity);
    case 'list':
      if (new Set(expr.items.map(kindOfPart)).size > 1)
        return keep(w, 'the elements of a list are of one kind in the proxy');
      return { id: id(w), listExpr: { elements: expr.items.map((item) => write(w, item, 'any')) } };
    case 'has':
      return keep(w, atDesk(expr.name));
    case 'hasKey':
      return writePresence(w, expr.of, expr.key);
    case 'get':
      return keep(w, whyNotGet(expr));
    case 'loop':
      return keep(w, `the proxy can not run \`${expr.macro}\``);
    case 'map':
      return keep(w, 'the proxy makes no maps');
    case 'local':
      return keep(w, 'the proxy can not run macros');
    default:
      return constant(w, expr);
  }
}

function id(w: Writer): string {
  const next = String(w.nextId);
  w.nextId += 1;
  return next;
}

/** The node stands for nothing: nobody looks at it once a reason is set. */
function keep(w: Writer, reason: string): EnvoyNode {
  w.kept ??= reason;
  return { id: '0', identExpr: { name: '' } };
}

function atDesk(name: string): string {
  return differing.get(name) ?? `${name} is known at the desk only`;
}

function writeVariable(w: Writer, name: string): EnvoyNode {
  const literal = w.known(name);
  if (literal !== undefined) return constant(w, literal);
  const path = attributes.get(name);
  if (path === undefined) return keep(w, atDesk(name));
  if (name === principal) w.canFail = true;
  return selected(w, path);
}

function selected(w: Writer, [root, ...fields]: readonly [string, ...string[]]): EnvoyNode {
  return fields.reduce<EnvoyNode>(
    (operand, field) => ({ id: id(w), selectExpr: { operand, field } }),
    { id: id(w), identExpr: { name: root } },
  );
}

function constant(w: Writer, literal: CelLiteral): EnvoyNode {
  return { id: id(w), constExpr: constantOf(literal) };
}

function constantOf(literal: CelLiteral): Readonly<Record<string, string | number | boolean>> {
  switch (literal.k) {
    case 'null':
      return { nullValue: 'NULL_VALUE' };
    case 'bool':
      return { boolValue: literal.v };
    case 'string':
      return { stringValue: literal.v };
    case 'int':
      return { int64Value: String(literal.v) };
    case 'uint':
      return { uint64Value: String(literal.v) };
    case 'double':
      return { doubleValue: literal.v };
    case 'bytes':
      return { bytesValue: literal.v };
  }
}

function call(w: Writer, fn: string, args: readonly EnvoyNode[], target?: EnvoyNode): EnvoyNode {
  return { id: id(w), callExpr: { function: fn, ...(target && { target }), args } };
}

/** Deep chains are made flat trees, since Envoy limits how deep it goes. */
function balanced(w: Writer, fn: string, terms: readonly EnvoyNode[]): EnvoyNode {
  const [first] = terms;
  if (terms.length === 1 && first !== undefined) return first;
  const half = Math.ceil(terms.length / 2);
  return call(w, fn, [balanced(w, fn, terms.slice(0, half)), balanced(w, fn, terms.slice(half))]);
}

function writeCall(
  w: Writer,
  expr: CelExpr & { readonly k: 'call' },
  polarity: Polarity,
): EnvoyNode {
  const [first, second] = expr.args;
  if (first === undefined) return keep(w, `the proxy does not know \`${expr.fn}\``);
  if (!isSafe(expr)) w.canFail = true;
  if (isHeader(first) && second !== undefined && polarity === 'positive') {
    const header = writeHeaderTest(w, expr, first, second);
    if (header !== undefined) return header;
  }
  if (expr.fn === 'in' && second?.k === 'var' && second.name === 'request.headers')
    return first.k === 'string' ? writePresence(w, second, first.v) : keep(w, headerName);
  const operator = operators.get(expr.fn);
  if (operator !== undefined && second !== undefined && isMixed(first, second))
    return keep(w, 'the proxy compares numbers of one kind only');
  const args = () => expr.args.map((arg) => write(w, arg, 'any'));
  if (operator !== undefined) return call(w, operator, args());
  if (functions.has(expr.fn)) return call(w, expr.fn, args());
  if (!methods.has(expr.fn) && !expr.fn.startsWith('get'))
    return keep(w, `the proxy does not know \`${expr.fn}\``);
  if (expr.fn.startsWith('get') && second !== undefined && !isFixedZone(second))
    return keep(w, 'the proxy has the clocks of a time zone only where its host has them');
  const [target, ...others] = args();
  return call(w, expr.fn, others, target);
}

/** Times that are written down were read when the condition was checked. */
function isSafe({ fn, args }: CelExpr & { readonly k: 'call' }): boolean {
  return safe.has(fn) || fn.startsWith('get') || (functions.has(fn) && args[0]?.k === 'string');
}

type PartKind = CelLiteral['k'] | undefined;

/** As far as it shows; what a variable is made of shows not, but none that the proxy has is a number. */
function kindOfPart(expr: CelExpr): PartKind {
  switch (expr.k) {
    case 'null':
    case 'bool':
    case 'int':
    case 'uint':
    case 'double':
    case 'string':
    case 'bytes':
      return expr.k;
    case 'if':
      return kindOfPart(expr.yes);
    case 'call':
      return kindOfCall(expr.fn, expr.args[0]);
    default:
      return undefined;
  }
}

function kindOfCall(fn: CelFunction, first: CelExpr | undefined): PartKind {
  if (fn === 'size' || fn.startsWith('get')) return 'int';
  const isArithmetic = ['+', '-', '*', '/', '%', 'neg'].includes(fn);
  return isArithmetic && first !== undefined ? kindOfPart(first) : undefined;
}

function isMixed(left: CelExpr, right: CelExpr): boolean {
  const numbers: readonly PartKind[] = ['int', 'uint', 'double'];
  const kinds = [kindOfPart(left), kindOfPart(right)].filter((kind) => numbers.includes(kind));
  return new Set(kinds).size > 1;
}

const headerName = 'the name of a header must be written down for the proxy';

/** Names of zones come from files of the host there. */
function isFixedZone(zone: CelExpr): boolean {
  return zone.k === 'string' && (zone.v === 'UTC' || /^[+-]\d\d:\d\d$/.test(zone.v));
}

type HeaderRead = CelExpr & { readonly k: 'get' };

function isHeader(expr: CelExpr): expr is HeaderRead {
  return expr.k === 'get' && expr.of.k === 'var' && expr.of.name === 'request.headers';
}

function whyNotGet({ of }: HeaderRead): string {
  if (of.k !== 'var') return 'the proxy does not look into this';
  if (of.name === 'request.headers')
    return 'the proxy joins a header that came twice by a comma, which only `==` and `in` with plain texts can tell apart';
  return atDesk(of.name);
}

/**
 * A header that came twice is an error here and joined by commas there: equal to no text without a comma, so that neither is
 * true. No other function could tell.
 */
function writeHeaderTest(
  w: Writer,
  expr: CelExpr & { readonly k: 'call' },
  header: HeaderRead,
  wanted: CelExpr,
): EnvoyNode | undefined {
  const texts = wanted.k === 'list' && expr.fn === 'in' ? wanted.items : [wanted];
  if (expr.fn !== '==' && !(expr.fn === 'in' && wanted.k === 'list')) return undefined;
  if (!texts.every((text) => text.k === 'string' && !text.v.includes(','))) return undefined;
  const name = header.key.k === 'string' ? header.key.v : undefined;
  if (name === undefined || !isPlainName(name)) return undefined;
  w.canFail = true;
  const headers = selected(w, ['request', 'headers']);
  const value = call(w, '_[_]', [headers, constant(w, { k: 'string', v: name })]);
  return call(w, expr.fn === '==' ? '_==_' : '@in', [value, write(w, wanted, 'any')]);
}

/** Envoy has `:path` and its like among the headers, too. */
function isPlainName(name: string): boolean {
  return /^[a-z0-9_-]+$/.test(name);
}

function writePresence(w: Writer, of: CelExpr, key: string): EnvoyNode {
  if (of.k !== 'var' || of.name !== 'request.headers')
    return keep(w, of.k === 'var' ? atDesk(of.name) : 'the proxy does not look into this');
  if (!isPlainName(key)) return keep(w, headerName);
  const name = constant(w, { k: 'string', v: key });
  return call(w, '@in', [name, selected(w, ['request', 'headers'])]);
}
