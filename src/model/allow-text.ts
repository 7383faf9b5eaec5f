import {
  Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  YAMLMap,
  YAMLSeq,
} from 'yaml';
import type { Position } from '../base/finding.ts';

/** A rule as it is to stand in a file. `at`: it takes the place of the one there, whose other fields and comments stay. */
export interface AllowText {
  readonly at: Pick<Position, 'line' | 'column'> | undefined;
  /** Undefined: as it was. */
  readonly from: readonly string[] | undefined;
  readonly to: readonly string[] | undefined;
}

/** The text of a service file with other `allow` rules; whatever stands before and after stays to the byte. */
export function replaceAllow(text: string, rules: readonly AllowText[]): string {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const { contents } = document;
  const pair = isMap(contents)
    ? contents.items.find(({ key }) => isScalar(key) && key.value === 'allow')
    : undefined;
  const old = isSeq(pair?.value) ? pair.value : undefined;
  const byPlace = new Map<string, YAMLMap>(
    (old?.items ?? []).flatMap((item) => {
      if (!isMap(item) || !item.range) return [];
      const { line, col: column } = lines.linePos(item.range[0]);
      return [[placeKey({ line, column }), item] as const];
    }),
  );
  const seq = new YAMLSeq();
  for (const rule of rules) seq.items.push(nodeOf(document, rule, byPlace));
  // What stands above the first rule is kept with the list.
  const [first] = byPlace.keys();
  if (old?.commentBefore && rules[0]?.at && placeKey(rules[0].at) === first)
    seq.commentBefore = old.commentBefore;
  if (isMap(contents) && contents.flow) return inFlow(document, contents, seq);
  // An empty list means nothing there.
  const block = rules.length === 0 ? '' : blockOf(seq);
  const [start, end] = [
    isScalar(pair?.key) ? pair.key.range?.[0] : undefined,
    old === undefined ? undefined : endOf(text, old.range?.[1] ?? text.length),
  ];
  if (start === undefined || end === undefined) {
    return rules.length === 0 ? text : `${text.replace(/\n*$/, '\n')}\n${block}`;
  }
  return text.slice(0, start) + block + text.slice(end);
}

/** Several rules may stand on one line. */
function placeKey({ line, column }: Pick<Position, 'line' | 'column'>): string {
  return `${line}:${column}`;
}

/** A file that is one flow map, such as JSON, holds no block. */
function inFlow(document: Document.Parsed, contents: YAMLMap, seq: YAMLSeq): string {
  if (seq.items.length === 0) contents.delete('allow');
  else contents.set('allow', seq);
  return document.toString({ lineWidth: 0 });
}

/** Blank lines and comments after the last rule belong to what follows. */
function endOf(text: string, end: number): number {
  let at = end;
  while (at > 0 && /\s/.test(text[at - 1] ?? '')) at -= 1;
  return at < text.length ? at + 1 : at;
}

function blockOf(seq: YAMLSeq): string {
  return new Document({ allow: seq }).toString({ lineWidth: 0, flowCollectionPadding: true });
}

function nodeOf(
  document: Document.Parsed,
  { at, from, to }: AllowText,
  byPlace: ReadonlyMap<string, YAMLMap>,
): YAMLMap {
  const known = at === undefined ? undefined : byPlace.get(placeKey(at));
  const node = known ?? new YAMLMap();
  if (from !== undefined) node.set('from', document.createNode(oneOrMany(from)));
  if (to !== undefined && to.length === 0) node.delete('to');
  else if (to !== undefined) node.set('to', document.createNode(oneOrMany(to)));
  return node;
}

function oneOrMany(words: readonly string[]): string | readonly string[] {
  return words.length === 1 ? (words[0] ?? '') : words;
}
