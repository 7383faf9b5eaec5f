import { err, ok, type Result } from '../base/result.ts';
import type { CelBinarySign } from './expr.ts';
import { type CelToken, lexCel } from './lex.ts';
import { doubleLiteral, intLiteral } from './lex-number.ts';
import { nestingMax, nodeCountMax, textLengthMax } from './limits.ts';
import type { CelProblem } from './problem.ts';
import { type CelTree, type CelTreeBody, type CelWord, childrenOf } from './tree.ts';
import { reservedWords } from './variables.ts';

export interface ParsedCel {
  readonly text: string;
  readonly tree: CelTree;
}

/**
 * Reads the grammar of CEL without messages and names that begin with a dot, which conditions have no use for. It is our own and not a library's, because what it is for are the places: of
 * each part of a condition, and of a mistake. A property test holds it against `@bufbuild/cel`.
 */
export function parseCel(text: string): Result<ParsedCel, CelProblem> {
  if (text.length > textLengthMax)
    return err({
      offset: textLengthMax,
      length: text.length - textLengthMax,
      message: `the condition has ${text.length} characters, at most ${textLengthMax} are allowed`,
    });
  const tokens = lexCel(text);
  if (!tokens.ok) return tokens;
  const parser: Parser = {
    text,
    tokens: tokens.value,
    next: 0,
    nodes: 0,
    level: 0,
    problem: undefined,
  };
  const tree = expression(parser);
  if (tree === undefined) return err(parser.problem ?? expectedHere(parser, 'an expression'));
  if (peek(parser).t !== 'end') return err(expectedHere(parser, 'an operator or the end'));
  return ok({ text, tree });
}

/** Each rule gives undefined once `problem` is set. */
interface Parser {
  readonly text: string;
  readonly tokens: readonly CelToken[];
  next: number;
  nodes: number;
  level: number;
  problem: CelProblem | undefined;
}

type Parsed = CelTree | undefined;

function expression(p: Parser): Parsed {
  if (p.level >= nestingMax) return tooDeep(p, peek(p).at);
  p.level += 1;
  const tree = conditional(p);
  p.level -= 1;
  return tree;
}

function conditional(p: Parser): Parsed {
  const test = chain(p, '||', (q) => chain(q, '&&', relation));
  if (test === undefined || !accept(p, '?')) return test;
  const yes = chain(p, '||', (q) => chain(q, '&&', relation));
  if (yes === undefined || !expect(p, ':')) return undefined;
  const no = expression(p);
  return no && node(p, { t: 'if', test, yes, no }, test.at);
}

function chain(p: Parser, sign: '&&' | '||', operand: (p: Parser) => Parsed): Parsed {
  const first = operand(p);
  if (first === undefined) return undefined;
  const terms = [first];
  while (accept(p, sign)) {
    const term = operand(p);
    if (term === undefined) return undefined;
    terms.push(term);
  }
  return terms.length === 1 ? first : node(p, { t: 'chain', sign, terms }, first.at);
}

const relationSigns: readonly CelBinarySign[] = ['==', '!=', '<', '<=', '>', '>=', 'in'];

function relation(p: Parser): Parsed {
  return leftChain(p, relationSigns, (q) =>
    leftChain(q, ['+', '-'], (r) => leftChain(r, ['*', '/', '%'], unary)),
  );
}

function leftChain(
  p: Parser,
  signs: readonly CelBinarySign[],
  operand: (p: Parser) => Parsed,
): Parsed {
  let left = operand(p);
  while (left !== undefined) {
    const sign = signs.find((candidate) => isNext(p, candidate));
    if (sign === undefined) return left;
    const signAt = peek(p).at;
    p.next += 1;
    const right = operand(p);
    left = right && node(p, { t: 'binary', sign, signAt, left, right }, left.at);
  }
  return undefined;
}

function unary(p: Parser): Parsed {
  const sign = isNext(p, '!') ? '!' : isNext(p, '-') ? '-' : undefined;
  if (sign === undefined || isNegativeNumber(p)) return member(p);
  const { at } = peek(p);
  if (p.level >= nestingMax) return tooDeep(p, at);
  p.next += 1;
  p.level += 1;
  // CEL repeats one sign but does not mix them: `!-x` has no meaning.
  const mixed = sign === '!' ? isNext(p, '-') && !isNegativeNumber(p) : isNext(p, '!');
  const of = mixed ? fail(p, expectedHere(p, 'a value')) : unary(p);
  p.level -= 1;
  return of && node(p, { t: 'unary', sign, of }, at);
}

/** The minus belongs to the number, so that the least int can be written. */
function isNegativeNumber(p: Parser): boolean {
  const number = p.tokens[p.next + 1];
  return (
    isNext(p, '-') &&
    number?.at === peek(p).at + 1 &&
    (number?.t === 'digits' || (number?.t === 'literal' && number.literal.k === 'double'))
  );
}

function member(p: Parser): Parsed {
  let tree = primary(p);
  while (tree !== undefined) {
    if (accept(p, '.')) tree = afterDot(p, tree);
    else if (accept(p, '[')) tree = afterBracket(p, tree);
    else if (isNext(p, '{') && (tree.t === 'name' || tree.t === 'select'))
      return fail(p, problemAt(tree, 'messages can not be made in conditions'));
    else return tree;
  }
  return undefined;
}

function afterDot(p: Parser, of: CelTree): Parsed {
  const field = fieldName(p);
  if (field === undefined) return undefined;
  if (!isNext(p, '(')) return node(p, { t: 'select', of, field }, of.at);
  const args = list(p, '(', ')');
  return args && node(p, { t: 'call', fn: field, target: of, args }, of.at);
}

function afterBracket(p: Parser, of: CelTree): Parsed {
  const key = expression(p);
  if (key === undefined || !expect(p, ']')) return undefined;
  return node(p, { t: 'index', of, key }, of.at);
}

/** Of the words that CEL keeps, only these four may not name a field. */
const keywords = ['true', 'false', 'null', 'in'];

function fieldName(p: Parser): CelWord | undefined {
  const token = peek(p);
  const isName = token.t === 'word' && !keywords.includes(token.word);
  if (!isName && token.t !== 'quoted') return fail(p, expectedHere(p, 'the name of a field'));
  p.next += 1;
  return { text: token.word, at: token.at, len: token.len };
}

function primary(p: Parser): Parsed {
  const token = peek(p);
  switch (token.t) {
    case 'literal':
      p.next += 1;
      return node(p, { t: 'literal', literal: token.literal }, token.at);
    case 'digits':
      return number(p);
    case 'word':
      return name(p, token.at);
    case 'sign':
      return afterSign(p, token);
    case 'quoted':
    case 'end':
      return fail(p, expectedHere(p, 'a value'));
  }
}

function afterSign(p: Parser, token: CelToken & { readonly t: 'sign' }): Parsed {
  switch (token.sign) {
    case '-':
      return isNegativeNumber(p) ? number(p) : fail(p, expectedHere(p, 'a value'));
    case '(': {
      p.next += 1;
      const inner = expression(p);
      if (inner === undefined || !expect(p, ')')) return undefined;
      return { ...inner, at: token.at, len: endOfLast(p) - token.at };
    }
    case '[': {
      const items = list(p, '[', ']');
      return items && node(p, { t: 'list', items }, token.at);
    }
    case '{':
      return map(p);
    default:
      return fail(p, expectedHere(p, 'a value'));
  }
}

function number(p: Parser): Parsed {
  const { at } = peek(p);
  const negative = accept(p, '-');
  const token = peek(p);
  p.next += 1;
  if (token.t === 'literal' && token.literal.k === 'double')
    return negativeDouble(p, at, Number(token.literal.v));
  const literal = token.t === 'digits' ? intLiteral(token.digits, negative) : undefined;
  if (literal !== undefined) return node(p, { t: 'literal', literal }, at);
  const place = { at, len: token.at + token.len - at };
  return fail(p, problemAt(place, 'the number does not fit into 64 bits'));
}

/** JSON has no negative infinity, and a text that means it is a mistake. */
function negativeDouble(p: Parser, at: number, value: number): Parsed {
  const literal = doubleLiteral(-value);
  if (Number.isFinite(value)) return node(p, { t: 'literal', literal }, at);
  return fail(p, problemAt({ at, len: 1 }, 'the number does not fit into a double'));
}

function name(p: Parser, at: number): Parsed {
  const token = peek(p);
  if (token.t !== 'word') return fail(p, expectedHere(p, 'a name'));
  const literal = wordLiterals.get(token.word);
  if (literal === undefined && reservedWords.includes(token.word))
    return fail(p, problemAt(token, `\`${token.word}\` is a word that CEL keeps for itself`));
  p.next += 1;
  if (literal !== undefined) return node(p, { t: 'literal', literal }, at);
  if (!isNext(p, '(')) return node(p, { t: 'name', name: token.word }, at);
  const args = list(p, '(', ')');
  const fn = { text: token.word, at: token.at, len: token.len };
  return args && node(p, { t: 'call', fn, args }, at);
}

const wordLiterals = new Map([
  ['true', { k: 'bool', v: true }],
  ['false', { k: 'bool', v: false }],
  ['null', { k: 'null' }],
] as const) as ReadonlyMap<string, (CelTreeBody & { readonly t: 'literal' })['literal']>;

/** With its brackets. Only a list in `[]` may end with a comma. */
function list(p: Parser, open: '(' | '[', close: ')' | ']'): readonly CelTree[] | undefined {
  expect(p, open);
  const items: CelTree[] = [];
  while (!accept(p, close)) {
    if (items.length > 0 && !expect(p, ',', `\`,\` or \`${close}\``)) return undefined;
    if (items.length > 0 && close === ']' && accept(p, close)) break;
    const item = expression(p);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}

function map(p: Parser): Parsed {
  const { at } = peek(p);
  p.next += 1;
  const entries: (readonly [CelTree, CelTree])[] = [];
  while (!accept(p, '}')) {
    if (entries.length > 0 && !expect(p, ',', '`,` or `}`')) return undefined;
    if (entries.length > 0 && accept(p, '}')) break;
    const key = expression(p);
    if (key === undefined || !expect(p, ':')) return undefined;
    const value = expression(p);
    if (value === undefined) return undefined;
    entries.push([key, value]);
  }
  return node(p, { t: 'map', entries }, at);
}

function node(p: Parser, body: CelTreeBody, at: number): Parsed {
  p.nodes += 1;
  if (p.nodes > nodeCountMax)
    return fail(p, { offset: at, length: 1, message: `more than ${nodeCountMax} parts` });
  const len = endOfLast(p) - at;
  const depth = 1 + childrenOf(body).reduce((most, child) => Math.max(most, child.depth), 0);
  return depth > nestingMax ? tooDeep(p, at) : { ...body, at, len, depth };
}

function endOfLast(p: Parser): number {
  const last = p.tokens[p.next - 1];
  return last === undefined ? 0 : last.at + last.len;
}

function peek(p: Parser): CelToken {
  const last = p.tokens.length - 1;
  const token = p.tokens[Math.min(p.next, last)];
  return token ?? { t: 'end', at: p.text.length, len: 0 };
}

function isNext(p: Parser, sign: string): boolean {
  const token = peek(p);
  return token.t === 'sign' ? token.sign === sign : token.t === 'word' && token.word === sign;
}

function accept(p: Parser, sign: string): boolean {
  if (!isNext(p, sign)) return false;
  p.next += 1;
  return true;
}

function expect(p: Parser, sign: string, what = `\`${sign}\``): boolean {
  if (accept(p, sign)) return true;
  fail(p, expectedHere(p, what));
  return false;
}

function fail(p: Parser, problem: CelProblem): undefined {
  p.problem ??= problem;
  return undefined;
}

function tooDeep(p: Parser, at: number): undefined {
  return fail(p, { offset: at, length: 1, message: `nested deeper than ${nestingMax} levels` });
}

function expectedHere(p: Parser, expected: string): CelProblem {
  const token = peek(p);
  const found =
    token.t === 'end' ? 'the end' : `\`${p.text.slice(token.at, token.at + token.len)}\``;
  return { ...problemAt(token, `expected ${expected}, found ${found}`), expected };
}

function problemAt(
  place: { readonly at: number; readonly len: number },
  message: string,
): CelProblem {
  return { offset: place.at, length: place.len, message };
}
