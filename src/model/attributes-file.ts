import { isMap, isScalar, isSeq } from 'yaml';
import type { Position } from '../base/finding.ts';
import { nearestName } from '../base/nearest.ts';
import type { CelType } from '../cel/type.ts';
import { reservedNames } from '../cel/variables.ts';
import { readWords } from './condition-file.ts';
import type { AttributeDeclaration, AttributeType, AttributeValue } from './condition-types.ts';
import type { Report } from './roles.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

type Declarations = ReadonlyMap<string, AttributeDeclaration>;

const attributesMax = 100;
/** As CEL writes a field. */
const attributeName = /^[a-z][a-z0-9_]{0,62}$/;
const simpleKinds = ['string', 'int', 'bool', 'strings'] as const;

/** `attributes` of mesh.yaml. */
export function readDeclarations(file: YamlFile, node: YamlNode): Declarations {
  const found = new Map<string, AttributeDeclaration>();
  if (node === undefined) return found;
  if (!isMap(node)) {
    file.wrongType(node, 'attributes and their types, such as { team: string }');
    return found;
  }
  const reserved = reservedNames();
  for (const { key, keyNode, value } of file.entries(node)) {
    if (!attributeName.test(key) || reserved.has(key)) {
      file.report('CH1117', keyNode, `"${key}" is no name for an attribute`, {
        expected: reserved.has(key)
          ? `another name: source.${key} has a meaning already`
          : 'small letters, digits and "_"',
      });
      continue;
    }
    const type = readType(file, value);
    if (type !== undefined) found.set(key, { at: file.at(keyNode), type });
  }
  if (found.size > attributesMax) {
    file.report('CH1117', node, `there are ${found.size} attributes`, {
      expected: `at most ${attributesMax}`,
    });
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readType(file: YamlFile, node: YamlNode): AttributeType | undefined {
  if (isSeq(node)) {
    const words = readWords(file, node, 'a value').map(({ text }) => text);
    return words.length === 0 ? undefined : { kind: 'one-of', words };
  }
  const text = file.text(node, 'a type');
  const kind = simpleKinds.find((one) => one === text);
  if (kind !== undefined) return { kind };
  if (text !== undefined) {
    file.report('CH1117', node, `"${text}" is no type`, {
      expected: `${simpleKinds.join(', ')}, or the list of its values`,
    });
  }
  return undefined;
}

export interface AttributeDraft {
  readonly at: Position;
  readonly valueAt: Position;
  /** As written; of several, a list. */
  readonly value: string | number | boolean | readonly string[];
}

/** `attributes` of a service; whether they are declared is for the whole tree to say. */
export function readAttributes(
  file: YamlFile,
  node: YamlNode,
): ReadonlyMap<string, AttributeDraft> {
  if (node === undefined) return new Map();
  if (!isMap(node)) {
    file.wrongType(node, 'attributes and their values, such as { team: payments }');
    return new Map();
  }
  const entries = file.entries(node).flatMap(({ key, keyNode, value }) => {
    const read = isSeq(value)
      ? readWords(file, value, 'a text').map(({ text }) => text)
      : scalar(value);
    if (read === undefined)
      file.wrongType(value, 'a text, a number, true or false, or a list of texts');
    const [at, valueAt] = [file.at(keyNode), file.at(value)];
    return read === undefined ? [] : [[key, { at, valueAt, value: read }] as const];
  });
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function scalar(node: YamlNode): string | number | boolean | undefined {
  const value = isScalar(node) ? node.value : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : undefined;
}

/** Those that are declared and of their type; the others are findings. */
export function buildAttributes(
  drafts: ReadonlyMap<string, AttributeDraft>,
  declared: Declarations,
  report: Report,
): ReadonlyMap<string, AttributeValue> {
  const values = new Map<string, AttributeValue>();
  for (const [name, { at, valueAt, value }] of drafts) {
    const declaration = declared.get(name);
    if (declaration === undefined) {
      const nearest = nearestName(name, declared.keys());
      report({
        code: 'CH1114',
        severity: 'error',
        message: `mesh.yaml declares no attribute "${name}"`,
        at,
        expected: 'a name of `attributes` in mesh.yaml',
        ...(nearest === undefined ? {} : { nearest }),
      });
    } else if (fits(value, declaration.type)) {
      values.set(name, value);
    } else {
      report({
        code: 'CH1114',
        severity: 'error',
        message: `the attribute "${name}" has another type`,
        at: valueAt,
        expected: typeText(declaration.type),
        found: Array.isArray(value) ? 'a list' : `\`${String(value)}\``,
        related: [{ at: declaration.at, message: 'declared here' }],
      });
    }
  }
  return values;
}

function fits(value: AttributeValue, type: AttributeType): boolean {
  switch (type.kind) {
    case 'string':
      return typeof value === 'string';
    case 'int':
      return typeof value === 'number' && Number.isSafeInteger(value);
    case 'bool':
      return typeof value === 'boolean';
    case 'strings':
      return Array.isArray(value);
    case 'one-of':
      return typeof value === 'string' && type.words.includes(value);
  }
}

function typeText(type: AttributeType): string {
  switch (type.kind) {
    case 'string':
      return 'a text';
    case 'int':
      return 'a whole number';
    case 'bool':
      return 'true or false';
    case 'strings':
      return 'a list of texts';
    case 'one-of':
      return `one of ${type.words.join(', ')}`;
  }
}

/** What conditions may take an attribute for. */
export function celTypes(declared: Declarations): ReadonlyMap<string, CelType> {
  return new Map([...declared].map(([name, { type }]) => [name, celType(type)]));
}

function celType(type: AttributeType): CelType {
  switch (type.kind) {
    case 'string':
    case 'one-of':
      return { kind: 'string' };
    case 'int':
      return { kind: 'int' };
    case 'bool':
      return { kind: 'bool' };
    case 'strings':
      return { kind: 'list', of: { kind: 'string' } };
  }
}
