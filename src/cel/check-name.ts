import { nearestName } from '../base/nearest.ts';
import { type CelScope, type Checked, give, problem, spanOf, wrong } from './check-scope.ts';
import type { CelSpan } from './expr.ts';
import type { CelTree } from './tree.ts';
import { boolType, type CelDeclaration, dynType, fits, stringType, typeText } from './type.ts';

type Select = CelTree & { readonly t: 'select' };

export function checkName(tree: CelTree & { readonly t: 'name' }, scope: CelScope): Checked {
  const local = localOf(tree, scope);
  if (local !== undefined) return local;
  const declared = scope.declarations.get(tree.name);
  return declared === undefined
    ? unknownName(scope, tree, tree.name)
    : readOf(scope, tree, tree.name, declared);
}

function localOf(tree: CelTree & { readonly t: 'name' }, scope: CelScope): Checked | undefined {
  const slot = scope.locals.findLastIndex((local) => local.name === tree.name);
  const local = scope.locals[slot];
  if (local === undefined) return undefined;
  return give({ k: 'local', slot, name: tree.name, ...spanOf(tree) }, local.type);
}

function readOf(
  scope: CelScope,
  place: CelSpan,
  name: string,
  { type, presenceOnly }: CelDeclaration,
) {
  if (presenceOnly === true)
    return problem(scope, place, `\`${name}\` is no value, it can be asked for`, `has(${name})`);
  return give({ k: 'var', name, ...spanOf(place) }, type);
}

/** A declared name, the field of a map, or a mistake. */
export function checkSelect(tree: Select, scope: CelScope): Checked {
  const name = flatName(tree, scope);
  const declared = name === undefined ? undefined : scope.declarations.get(name);
  if (name !== undefined && declared !== undefined) return readOf(scope, tree, name, declared);
  if (name !== undefined && isGroupField(tree, scope)) return unknownName(scope, tree, name);
  const of = scope.check(tree.of, scope);
  if (of === wrong) return wrong;
  if (!hasFields(of)) return noFields(scope, tree, of);
  const key = { k: 'string', v: tree.field.text } as const;
  const type = of.type.kind === 'map' ? of.type.value : dynType;
  return give({ k: 'get', of: of.expr, key, ...spanOf(tree) }, type);
}

function hasFields({ type }: Checked): boolean {
  return type.kind === 'dyn' || (type.kind === 'map' && fits(stringType, type.key));
}

function noFields(scope: CelScope, tree: Select, of: Checked): Checked {
  const message = `a ${typeText(of.type)} has no field \`${tree.field.text}\``;
  return problem(scope, tree.field, message);
}

/** `request.headers` for a chain of names that no macro's variable begins. */
function flatName(tree: CelTree, scope: CelScope): string | undefined {
  if (tree.t === 'name')
    return scope.locals.some(({ name }) => name === tree.name) ? undefined : tree.name;
  if (tree.t !== 'select') return undefined;
  const of = flatName(tree.of, scope);
  return of === undefined ? undefined : `${of}.${tree.field.text}`;
}

/** What stands before the dot is no variable itself, so that the whole must be one. */
function isGroupField(tree: Select, scope: CelScope): boolean {
  for (let of: CelTree = tree.of; ; of = of.of) {
    const name = flatName(of, scope);
    const declared = name === undefined ? undefined : scope.declarations.get(name);
    if (declared !== undefined && declared.presenceOnly !== true) return false;
    if (of.t !== 'select') return of.t === 'name';
  }
}

function unknownName(scope: CelScope, tree: CelTree, name: string): Checked {
  const known = [...scope.declarations.keys(), ...scope.locals.map((local) => local.name)];
  const fields = known.filter((candidate) => candidate.startsWith(`${name}.`));
  if (fields.length > 0)
    return problem(scope, tree, `\`${name}\` is a group, name one of its fields`, fields[0]);
  const cut = name.lastIndexOf('.');
  const group = name.slice(0, Math.max(cut, 0));
  const isGroup = group !== '' && known.some((candidate) => candidate.startsWith(`${group}.`));
  const message = isGroup
    ? `\`${group}\` has no \`${name.slice(cut + 1)}\``
    : `there is no variable \`${name}\``;
  const place = isGroup && tree.t === 'select' ? tree.field : tree;
  return problem(scope, place, message, undefined, nearestTo(name, known));
}

/** Of a longer chain the name may be only the beginning: `request.header.accept`. */
function nearestTo(name: string, known: readonly string[]): string | undefined {
  const parts = name.split('.');
  for (let count = parts.length; count > 0; count -= 1) {
    const nearest = nearestName(parts.slice(0, count).join('.'), known);
    if (nearest !== undefined) return nearest;
  }
  return undefined;
}

/** `has(x.y)`: of a variable whether it is there, of a map whether it has the key. */
export function checkHas(tree: CelTree & { readonly t: 'call' }, scope: CelScope): Checked {
  const [of, more] = tree.args;
  if (of === undefined || more !== undefined)
    return problem(scope, tree, '`has` takes one variable or field', 'has(source.team)');
  const name = flatName(of, scope);
  const declared = name === undefined ? undefined : scope.declarations.get(name);
  if (name !== undefined && declared !== undefined) {
    if (!declared.optional) return give({ k: 'bool', v: true }, boolType);
    return give({ k: 'has', name, ...spanOf(tree) }, boolType);
  }
  if (of.t === 'select') return hasKey(tree, of, scope);
  if (of.t === 'name') return wrongName(scope, of);
  return problem(scope, of, '`has` takes a variable or a field', insteadOfHas(of));
}

function wrongName(scope: CelScope, of: CelTree & { readonly t: 'name' }): Checked {
  return localOf(of, scope) === undefined
    ? unknownName(scope, of, of.name)
    : problem(scope, of, `\`${of.name}\` is always there`);
}

function insteadOfHas(of: CelTree): string {
  return of.t === 'index' ? '"key" in map' : 'has(source.team)';
}

function hasKey(tree: CelSpan, select: Select, scope: CelScope): Checked {
  const name = flatName(select, scope);
  if (name !== undefined && isGroupField(select, scope)) return unknownName(scope, select, name);
  const of = scope.check(select.of, scope);
  if (of === wrong) return wrong;
  if (!hasFields(of)) return noFields(scope, select, of);
  return give({ k: 'hasKey', of: of.expr, key: select.field.text, ...spanOf(tree) }, boolType);
}
