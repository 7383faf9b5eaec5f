import { err, ok, type Result } from '../base/result.ts';
import type { CelExpr } from './expr.ts';
import { nodeCountMax } from './limits.ts';

type Fault = string | undefined;

/**
 * Takes the JSON of an expression that was checked where it was made. The shape is held all the same: an evaluator that met
 * another one could decide anything.
 */
export function readCelExpr(json: unknown, at: string): Result<CelExpr, string> {
  const budget = { nodes: nodeCountMax };
  const fault = faultOf(json, budget);
  return fault === undefined ? ok(json as CelExpr) : err(`${at} is no condition: ${fault}`);
}

function faultOf(json: unknown, budget: { nodes: number }): Fault {
  budget.nodes -= 1;
  if (budget.nodes < 0) return 'it has too many parts';
  if (typeof json !== 'object' || json === null || !('k' in json)) return 'a part has no kind';
  const node = json as Readonly<Record<string, unknown>>;
  const all = (items: unknown): Fault => {
    if (!Array.isArray(items)) return 'a list of parts is missing';
    for (const item of items) {
      const fault = faultOf(item, budget);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
  switch (node['k']) {
    case 'null':
      return undefined;
    case 'bool':
      return typeof node['v'] === 'boolean' ? undefined : 'a literal has no value';
    case 'string':
    case 'bytes':
      return typeof node['v'] === 'string' ? undefined : 'a literal has no value';
    case 'int':
    case 'uint':
    case 'double':
      return ['number', 'string'].includes(typeof node['v']) ? undefined : 'a literal has no value';
    case 'var':
    case 'has':
      return named(node);
    case 'local':
      return named(node) ?? (Number.isSafeInteger(node['slot']) ? undefined : 'a slot is missing');
    case 'hasKey':
      return typeof node['key'] === 'string' ? all([node['of']]) : 'a key is missing';
    case 'get':
      return all([node['of'], node['key']]);
    case 'call':
      return typeof node['fn'] === 'string' ? all(node['args']) : 'a function is missing';
    case 'and':
    case 'or':
      return all(node['terms']);
    case 'not':
      return all([node['of']]);
    case 'if':
      return all([node['test'], node['yes'], node['no']]);
    case 'list':
      return all(node['items']);
    case 'map':
      return Array.isArray(node['entries']) && node['entries'].every(Array.isArray)
        ? all(node['entries'].flat())
        : 'entries are missing';
    case 'loop':
      return (
        named(node) ??
        all([node['over'], node['body'], ...(node['test'] === undefined ? [] : [node['test']])])
      );
    default:
      return `"${String(node['k'])}" is no kind of part`;
  }
}

function named(node: Readonly<Record<string, unknown>>): Fault {
  return typeof node['name'] === 'string' ? undefined : 'a name is missing';
}
