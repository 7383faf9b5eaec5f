import { isPlain, principalKey, requestOf } from './compiled-policy.ts';
import {
  compareText,
  type PolicyDocument,
  type PolicyRule,
  type ServicePolicy,
} from './document.ts';
import { withoutFinalSlash } from './path-index.ts';

/**
 * What a proxy may decide by itself about requests to one service, as a plain tree for Envoy's RBAC matcher. It says
 * `allow` only where `decide` would, and `ask` for everything else, also for what a deny rule covers: the desk then
 * denies with its reason.
 *
 * Evaluated as guards, deny, allow, fallback, each stage the `on_no_match` of the one before. A miss inside a table
 * falls out to what encloses it, as a nested matcher's does in Envoy. The path is the one without query, normalised
 * by a hardened listener. TCP is no part of it: connections have neither path nor method.
 */
export interface RbacPlan {
  readonly guards: readonly Guard[];
  readonly deny: PathStage;
  readonly allow: PathStage;
  readonly fallback: Verdict;
}

/** The action is named `${kind}/${id}`; the desk is asked wherever the name does not start with `allow/`. */
export interface Verdict {
  readonly kind: 'allow' | 'ask';
  readonly id: string;
}

/** Unless the whole of the input matches, the verdict holds. Regular expressions are RE2's. */
export interface Guard {
  readonly input: 'caller' | 'method' | 'path';
  readonly unless: string;
  readonly verdict: Verdict;
}

/** The exact path first, then prefixes, longest first. */
export interface PathStage {
  readonly exact: ReadonlyMap<string, MethodTable>;
  /** Keys end in `/`. */
  readonly prefixes: ReadonlyMap<string, PrefixEntry>;
}

export interface PrefixEntry {
  /** Tried in order against the whole path, before `rest`. */
  readonly patterns: readonly { readonly regex: string; readonly table: MethodTable }[];
  readonly rest: MethodTable | undefined;
}

/** The method's own table first, then that of any method. */
export interface MethodTable {
  readonly byMethod: ReadonlyMap<string, CallerTable>;
  readonly any: CallerTable | undefined;
}

/** By SPIFFE ID, then anyone. */
export interface CallerTable {
  readonly bySpiffeId: ReadonlyMap<string, Verdict>;
  readonly any: Verdict | undefined;
}

const anyone = '*';
/** The same objects in every plan: what is derived of a verdict is derived once. */
const unlessAllowed: Verdict = { kind: 'ask', id: 'default' };
const unusualPath: Verdict = { kind: 'ask', id: 'unusual-path' };
const unusualMethod: Verdict = { kind: 'ask', id: 'unusual-method' };
const unknownCaller: Verdict = { kind: 'ask', id: 'unknown-caller' };
/** One canonical segment of characters that stand for themselves: not empty, `.` or `..`. */
const plain = "-A-Za-z0-9_~!$&'()*+,=:@";
const segment = `(?:\\.?[${plain}][${plain}.]*|\\.\\.[${plain}.]+)`;
/** What `canonicalize` leaves as it is. Holds no `;`, `%` or backslash, so no second reading. */
const canonicalPath = `/(?:${segment}(?:/${segment})*/?)?`;
const canonicalMethod = "[A-Z][A-Z0-9!#$%&'*+.^_`|~-]{0,31}";

interface Leaf {
  readonly method: string;
  /** A SPIFFE ID, or `*`. */
  readonly caller: string;
  readonly verdict: Verdict;
}

/** Leaves by the place in the path tree where they stand. */
interface PathLeaves {
  readonly exact: Map<string, readonly Leaf[]>;
  /** By prefix, then by regular expression; the empty one is the rest. */
  readonly prefixes: Map<string, Map<string, readonly Leaf[]>>;
}

/** Undefined for a service that is not in the document. */
export function rbacPlan(document: PolicyDocument, name: string): RbacPlan | undefined {
  const service = lookup(document).services.get(name);
  if (service === undefined) return undefined;
  return {
    guards: guards(document, service),
    deny: stage(document, service, 'deny'),
    allow: stage(document, service, 'allow'),
    fallback: unlessAllowed,
  };
}

interface Lookup {
  readonly services: ReadonlyMap<string, ServicePolicy>;
  readonly roles: ReadonlyMap<string, readonly string[]>;
}

/** Derived once for each document, which never changes: a plan is made for each of its services. */
const lookups = new WeakMap<PolicyDocument, Lookup>();

function lookup(document: PolicyDocument): Lookup {
  const known = lookups.get(document) ?? {
    services: new Map(document.services.map((service) => [service.name, service])),
    roles: new Map(document.roles.map((role) => [role.name, role.services])),
  };
  lookups.set(document, known);
  return known;
}

function guards(document: PolicyDocument, { rules }: ServicePolicy): Guard[] {
  const allows = rules.filter((rule) => rule.effect === 'allow' && isPlain(rule));
  const found: Guard[] = [{ input: 'path', unless: canonicalPath, verdict: unusualPath }];
  // Only a rule for any method can let an odd method in.
  if (allows.some((rule) => rule.to.some((to) => to.kind === 'http' && to.method === '*'))) {
    found.push({ input: 'method', unless: canonicalMethod, verdict: unusualMethod });
  }
  // Likewise for callers: strangers, and peers with several URI SANs, which Envoy joins by commas.
  if (allows.some((rule) => rule.from.some((who) => who.kind === 'any'))) {
    const names = document.services.map((service) => escapeRegex(service.name)).sort(compareText);
    const ids = `spiffe://${escapeRegex(document.trustDomain)}/(?:${names.join('|')})`;
    found.push({ input: 'caller', unless: ids, verdict: unknownCaller });
  }
  return found;
}

function stage(
  document: PolicyDocument,
  service: ServicePolicy,
  effect: PolicyRule['effect'],
): PathStage {
  const leaves: PathLeaves = { exact: new Map(), prefixes: new Map() };
  const rules = service.rules
    .filter((rule) => rule.effect === effect)
    .sort((a, b) => compareText(a.id, b.id));
  for (const rule of rules) addRule(leaves, document, rule);
  return {
    exact: new Map(sortedEntries(leaves.exact).map(([path, found]) => [path, methodTable(found)])),
    prefixes: new Map(
      sortedEntries(leaves.prefixes).map(([prefix, found]) => [prefix, prefixEntry(found)]),
    ),
  };
}

function addRule(leaves: PathLeaves, document: PolicyDocument, rule: PolicyRule): void {
  // A deny with conditions is asked about wherever it may hold; an allow with conditions is not in the tree.
  if (rule.mode === 'audit' || (rule.effect === 'allow' && !isPlain(rule))) return;
  const verdict: Verdict = { kind: rule.effect === 'allow' ? 'allow' : 'ask', id: rule.id };
  const callers = callersOf(document, rule);
  for (const operation of rule.to) {
    if (operation.kind === 'connect') continue;
    const { method, segments } = requestOf(operation);
    const found = callers.map((caller): Leaf => ({ method, caller, verdict }));
    if (rule.effect === 'allow') addPattern(leaves, segments, found);
    else addDenied(leaves, withoutFinalSlash(segments), found);
  }
}

/** A deny rule holds with a final slash too; a rest has it anyway. */
function addDenied(leaves: PathLeaves, segments: readonly string[], found: readonly Leaf[]): void {
  addPattern(leaves, segments, found);
  const last = segments.at(-1);
  if (last !== '' && last !== '**') addPattern(leaves, [...segments, ''], found);
}

function addPattern(leaves: PathLeaves, segments: readonly string[], found: readonly Leaf[]): void {
  const rest = segments.at(-1) === '**';
  const fixed = rest ? segments.slice(0, -1) : segments;
  const wild = fixed.indexOf('*');
  const path = `/${fixed.join('/')}`;
  if (wild !== -1) {
    const literal = fixed.slice(0, wild).map((part) => `${part}/`);
    const parts = fixed.map((part) => (part === '*' ? '[^/]+' : escapeRegex(part)));
    const regex = `/${parts.join('/')}${rest ? '(?:/.*)?' : ''}`;
    append(prefixLeaves(leaves, `/${literal.join('')}`), regex, found);
    return;
  }
  if (!rest) {
    append(leaves.exact, path, found);
    return;
  }
  // A prefix without its final slash would also cover `/payroll` for `/pay`.
  append(prefixLeaves(leaves, fixed.length === 0 ? '/' : `${path}/`), '', found);
  if (fixed.length > 0) append(leaves.exact, path, found);
}

function prefixLeaves(leaves: PathLeaves, prefix: string): Map<string, readonly Leaf[]> {
  const known = leaves.prefixes.get(prefix) ?? new Map<string, readonly Leaf[]>();
  leaves.prefixes.set(prefix, known);
  return known;
}

function append(map: Map<string, readonly Leaf[]>, key: string, found: readonly Leaf[]): void {
  const known = map.get(key);
  map.set(key, known === undefined ? found : [...known, ...found]);
}

function prefixEntry(byRegex: ReadonlyMap<string, readonly Leaf[]>): PrefixEntry {
  const rest = byRegex.get('');
  return {
    patterns: sortedEntries(byRegex)
      .filter(([regex]) => regex !== '')
      .map(([regex, leaves]) => ({ regex, table: methodTable(leaves) })),
    rest: rest === undefined ? undefined : methodTable(rest),
  };
}

/** A path and what is below it mostly have the same leaves, and then the same table. */
const tables = new WeakMap<readonly Leaf[], MethodTable>();

function methodTable(leaves: readonly Leaf[]): MethodTable {
  const known = tables.get(leaves) ?? newMethodTable(leaves);
  tables.set(leaves, known);
  return known;
}

function newMethodTable(leaves: readonly Leaf[]): MethodTable {
  const groups = Map.groupBy(leaves, (leaf) => leaf.method);
  const any = groups.get('*');
  groups.delete('*');
  return {
    byMethod: new Map(sortedEntries(groups).map(([method, found]) => [method, callerTable(found)])),
    any: any === undefined ? undefined : callerTable(any),
  };
}

/** Leaves come in the order of rule ids; the first rule for a caller names the verdict. */
function callerTable(leaves: readonly Leaf[]): CallerTable {
  const verdicts = new Map<string, Verdict>();
  for (const { caller, verdict } of leaves) {
    if (!verdicts.has(caller)) verdicts.set(caller, verdict);
  }
  const any = verdicts.get(anyone);
  verdicts.delete(anyone);
  return { bySpiffeId: new Map(sortedEntries(verdicts)), any };
}

function callersOf(document: PolicyDocument, rule: PolicyRule): readonly string[] {
  const wanted = new Set(rule.from.map(principalKey));
  if (wanted.has(anyone)) return [anyone];
  const { services, roles } = lookup(document);
  const names = rule.from.flatMap((who): readonly string[] => {
    if (who.kind === 'any') return [];
    if (who.kind === 'service') return [who.service];
    // Guests are not told apart in the proxy: they are asked about.
    if (who.kind === 'guest') return [];
    return roles.get(who.role) ?? [];
  });
  // A name that is no service has no identity that `decide` would take.
  return [...new Set(names)]
    .filter((name) => services.has(name))
    .map((name) => `spiffe://${document.trustDomain}/${name}`);
}

/** Sorted, so that equal policies give equal resources. */
function sortedEntries<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => compareText(a, b));
}

/** RE2 takes every escaped punctuation character literally. */
function escapeRegex(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
