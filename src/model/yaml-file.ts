import {
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import type { Code, Finding, Position } from '../base/finding.ts';
import { nearestName } from '../base/nearest.ts';
import { contained, isMisread } from './contained.ts';
import type { FieldTable } from './field-spec.ts';

export type YamlNode = ParsedNode | Node | null | undefined;

const fileBytesMax = 512 * 1024;
const depthMax = 20;

/** One YAML file: its nodes with their places, and the findings about it. Nothing here throws on any input. */
export class YamlFile {
  readonly file: string;
  readonly findings: Finding[] = [];
  readonly root: YamlNode;
  readonly #lineStarts: readonly number[];
  readonly #text: string;

  constructor(file: string, text: string) {
    this.file = file;
    this.#text = text;
    this.#lineStarts = lineStartsOf(text);
    this.root = this.#parse(text);
  }

  #parse(text: string): YamlNode {
    if (text.length > fileBytesMax) {
      this.report('CH1003', undefined, `the file is larger than ${fileBytesMax} bytes`, {
        help: 'one service has one file; generated data belongs elsewhere',
      });
      return undefined;
    }
    const document = parseDocument(text, { prettyErrors: false });
    for (const problem of document.errors) {
      const duplicate = problem.code === 'DUPLICATE_KEY';
      this.findings.push({
        code: duplicate ? 'CH1002' : 'CH1001',
        severity: 'error',
        message: duplicate
          ? `the key \`${keyAt(text, problem.pos[0])}\` stands twice in one map`
          : `not YAML: ${sentence(problem.message)}`,
        at: this.#range(
          problem.pos[0],
          duplicate ? problem.pos[0] + keyAt(text, problem.pos[0]).length : problem.pos[1],
        ),
        ...(duplicate ? { help: 'join the two, or remove one' } : {}),
      });
    }
    if (document.errors.length > 0) return undefined;
    return this.#refuseTricks(document.contents);
  }

  /** Aliases make one text stand for another, out of the reader's sight; depth costs stack. */
  #refuseTricks(contents: YamlNode): YamlNode {
    const before = this.findings.length;
    this.#walk(contents, 0);
    return this.findings.length > before ? undefined : contents;
  }

  /** False: the walk ends here. */
  #walk(node: unknown, depth: number): boolean {
    if (isPair(node)) return this.#walk(node.key, depth + 1) && this.#walk(node.value, depth + 1);
    if (isAlias(node)) {
      this.report('CH1004', node, 'anchors and aliases are not part of the language', {
        help: 'write the value out where it is meant',
      });
      return true;
    }
    if (!isCollection(node)) return true;
    if (depth > depthMax * 2) {
      this.report('CH1004', node as Node, 'the file is nested too deeply');
      return false;
    }
    return node.items.every((item) => this.#walk(item, depth + 1));
  }

  /** The place of a node; of the file's first character when there is none. */
  at(node: YamlNode): Position {
    const range = node?.range;
    return range ? this.#range(range[0], range[1]) : this.#range(0, 1);
  }

  /** Where each part of a text stands, so that a place inside it can be told when the file is gone. */
  places(node: YamlNode, text: string): TextPlaces {
    const range = node?.range;
    if (!range) return [];
    const places: TextPlace[] = [];
    let raw = range[0];
    for (let at = 0; at < text.length; at += 1) {
      const found = this.#text.indexOf(text[at] ?? '', raw);
      // A line break that was folded reads as a space, an escape as what it stands for.
      const isSpace = text[at] === ' ' || text[at] === '\n';
      const next = found < 0 || found >= range[1] || (isSpace && found > raw + 1) ? raw : found;
      const { line, column } = this.#range(next, next + 1);
      const last = places.at(-1);
      const follows = last?.line === line && last.column + (at - last.from) === column;
      if (!follows) places.push({ from: at, file: this.file, line, column });
      raw = next + 1;
    }
    return places;
  }

  #range(start: number, end: number): Position {
    const from = Math.min(start, this.#text.length);
    const line = this.#lineOf(from);
    const lineStart = this.#lineStarts[line - 1] ?? 0;
    const lineEnd = this.#text.indexOf('\n', from);
    const stop = Math.min(end, lineEnd < 0 ? this.#text.length : lineEnd);
    const column = from - lineStart + 1;
    return { file: this.file, line, column, length: Math.max(1, stop - from) };
  }

  /** The last line that starts at or before the offset, counted from 1. */
  #lineOf(offset: number): number {
    let low = 0;
    let high = this.#lineStarts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  report(
    code: Code,
    node: YamlNode,
    message: string,
    more: Partial<Omit<Finding, 'code' | 'message' | 'at'>> = {},
  ): void {
    this.findings.push({ severity: 'error', ...more, code, message, at: this.at(node) });
  }

  /**
   * Reads one part. `closed`: what it comes to where that is not what was written, for a commit that ran before this was an
   * error; `meanwhile` says so.
   */
  part<T>(meanwhile: string, read: () => T, closed: (read: T) => T = (as) => as): T {
    const since = this.findings.length;
    const value = read();
    return this.contain(since, meanwhile) ? closed(value) : value;
  }

  /** True when something of what was read since then is not what was written. */
  contain(since: number, meanwhile: string): boolean {
    const found = this.findings.splice(since);
    this.findings.push(...found.map((finding) => contained(finding, meanwhile)));
    return found.some(isMisread);
  }

  /** A map whose keys are all in the table; others are named with the nearest that is. */
  fields(node: YamlNode, table: FieldTable, what: string): Fields | undefined {
    if (!isMap(node)) {
      this.wrongType(node, `a map with the fields of ${what}`);
      return undefined;
    }
    const entries = this.entries(node);
    for (const { key, keyNode } of entries) {
      const field = Object.hasOwn(table, key) ? table[key] : undefined;
      if (field === undefined) this.#unknownField(key, keyNode, table, what);
      else if (field.later === true) {
        this.report('CH1009', keyNode, `\`${key}\` is not supported in this version`, {
          help: 'take the field out; it would have no effect',
        });
      }
    }
    const fields = new Fields(node, entries);
    for (const { key, keyNode } of entries) {
      const isSaid = !Object.hasOwn(table, key) || fields.get(key) !== undefined;
      if (!isSaid && table[key]?.narrows) this.#noValue(key, keyNode);
    }
    for (const [name, field] of Object.entries(table)) {
      if (field.required === true && fields.get(name) === undefined) {
        this.report('CH1012', node, `${what} needs the field \`${name}\``, {
          expected: field.description,
          help: `add \`${name}: ${field.example}\``,
        });
      }
    }
    return fields;
  }

  #noValue(key: string, keyNode: YamlNode): void {
    this.report('CH1124', keyNode, `\`${key}\` has no value`, {
      help: 'say what is meant, or take the field out: without it nothing is narrowed',
    });
  }

  #unknownField(key: string, keyNode: YamlNode, table: FieldTable, what: string): void {
    const known = Object.keys(table).filter((name) => table[name]?.later !== true);
    const nearest = nearestName(key, known);
    this.report('CH1010', keyNode, `${what} has no field \`${key}\``, {
      expected: `one of ${known.join(', ')}`,
      ...(nearest === undefined ? {} : { nearest }),
    });
  }

  entries(node: YAMLMap): readonly Entry[] {
    return node.items.map((item) => ({
      key: isScalar(item.key) ? String(item.key.value) : '',
      keyNode: item.key as YamlNode,
      value: item.value as YamlNode,
    }));
  }

  /** A string; numbers and booleans that stand without quotes are taken as they were written. */
  text(node: YamlNode, what: string): string | undefined {
    if (isScalar(node) && node.value !== null) {
      return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
    }
    this.wrongType(node, what);
    return undefined;
  }

  /** The nodes of a list; a single value counts as a list of one where `orOne` says so. An empty list is an error. */
  list(node: YamlNode, what: string, orOne: boolean): readonly YamlNode[] | undefined {
    if (isSeq(node)) {
      if (node.items.length > 0) {
        this.#warnOfTwins(node.items as readonly YamlNode[]);
        return node.items as readonly YamlNode[];
      }
      this.report('CH1033', node, `an empty list means nothing here: ${what}`, {
        help: 'leave the field out, or name at least one',
      });
      return undefined;
    }
    if (orOne && node !== null && node !== undefined && !isAlias(node)) return [node];
    this.wrongType(node, `a list: ${what}`);
    return undefined;
  }

  #warnOfTwins(items: readonly YamlNode[]): void {
    const first = new Map<unknown, YamlNode>();
    for (const item of items) {
      if (!isScalar(item)) continue;
      const twin = first.get(item.value);
      if (twin === undefined) first.set(item.value, item);
      else {
        this.report('CH1125', item, `${kindOf(item)} stands twice in one list`, {
          severity: 'warning',
          related: [{ at: this.at(twin), message: 'first here' }],
          help: 'take one of them out',
        });
      }
    }
  }

  /** An empty map is an error. */
  filledMap(node: YAMLMap): boolean {
    if (node.items.length > 0) return true;
    this.report('CH1033', node, 'an empty map means nothing here', {
      help: 'leave the field out, or name at least one',
    });
    return false;
  }

  wrongType(node: YamlNode, expected: string): void {
    this.report('CH1011', node, 'the value has the wrong type', { expected, found: kindOf(node) });
  }
}

interface Entry {
  readonly key: string;
  readonly keyNode: YamlNode;
  readonly value: YamlNode;
}

/** A run of characters that stand side by side in the file as well; `from` counts in the text. */
interface TextPlace {
  readonly from: number;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type TextPlaces = readonly TextPlace[];

export function placeInText(places: TextPlaces, offset: number, length: number): Position {
  const run = places.findLast(({ from }) => from <= offset);
  if (run === undefined) return { file: '', line: 1, column: 1, length: 1 };
  const { file, line, column, from } = run;
  return { file, line, column: column + offset - from, length: Math.max(1, length) };
}

/** The fields of one map, by name. */
export class Fields {
  readonly node: YamlNode;
  readonly #entries: ReadonlyMap<string, Entry>;

  constructor(node: YamlNode, entries: readonly Entry[]) {
    this.node = node;
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
  }

  /** Undefined when the field is missing or has no value. */
  get(name: string): YamlNode {
    const value = this.#entries.get(name)?.value;
    return value === null || (isScalar(value) && value.value === null) ? undefined : value;
  }

  key(name: string): YamlNode {
    return this.#entries.get(name)?.keyNode;
  }
}

function lineStartsOf(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function kindOf(node: YamlNode): string {
  if (isMap(node)) return 'a map';
  if (isSeq(node)) return 'a list';
  if (isScalar(node) && node.value !== null) return `\`${node.source ?? String(node.value)}\``;
  return 'nothing';
}

function sentence(text: string): string {
  const first = text.split('\n')[0] ?? text;
  return first.charAt(0).toLowerCase() + first.slice(1).replace(/[.:]$/, '');
}

function keyAt(text: string, offset: number): string {
  return /^[^\s:,}]+/.exec(text.slice(offset))?.[0] ?? '';
}
