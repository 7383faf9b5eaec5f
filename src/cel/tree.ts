import type { CelBinarySign, CelLiteral } from './expr.ts';

/** What a text says, before names and types are looked at. `depth` counts levels down to the deepest leaf. */
export type CelTree = CelTreeBody & CelTreePlace;

interface CelTreePlace {
  readonly at: number;
  readonly len: number;
  readonly depth: number;
}

export type CelTreeBody =
  | { readonly t: 'literal'; readonly literal: CelLiteral }
  | { readonly t: 'name'; readonly name: string }
  | { readonly t: 'select'; readonly of: CelTree; readonly field: CelWord }
  | { readonly t: 'index'; readonly of: CelTree; readonly key: CelTree }
  | {
      readonly t: 'call';
      readonly fn: CelWord;
      /** Of a method. */
      readonly target?: CelTree;
      readonly args: readonly CelTree[];
    }
  | { readonly t: 'list'; readonly items: readonly CelTree[] }
  | { readonly t: 'map'; readonly entries: readonly (readonly [CelTree, CelTree])[] }
  | { readonly t: 'unary'; readonly sign: '!' | '-'; readonly of: CelTree }
  | {
      readonly t: 'binary';
      readonly sign: CelBinarySign;
      readonly signAt: number;
      readonly left: CelTree;
      readonly right: CelTree;
    }
  | { readonly t: 'chain'; readonly sign: '&&' | '||'; readonly terms: readonly CelTree[] }
  | { readonly t: 'if'; readonly test: CelTree; readonly yes: CelTree; readonly no: CelTree };

export interface CelWord {
  readonly text: string;
  readonly at: number;
  readonly len: number;
}

export function childrenOf(tree: CelTreeBody): readonly CelTree[] {
  switch (tree.t) {
    case 'literal':
    case 'name':
      return [];
    case 'select':
    case 'unary':
      return [tree.of];
    case 'index':
      return [tree.of, tree.key];
    case 'call':
      return tree.target === undefined ? tree.args : [tree.target, ...tree.args];
    case 'list':
      return tree.items;
    case 'map':
      return tree.entries.flat();
    case 'binary':
      return [tree.left, tree.right];
    case 'chain':
      return tree.terms;
    case 'if':
      return [tree.test, tree.yes, tree.no];
  }
}
