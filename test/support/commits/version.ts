import { contentHash } from '../../../src/compile/content-hash.ts';
import {
  type Resource,
  type Snapshot,
  type TypeUrl,
  typeUrls,
} from '../../../src/compile/resource.ts';
import { type Compile, type Compiled, recompile } from '../../../src/compile/revision.ts';
import type { SimService } from './intent.ts';

/** A version of the control plane; it writes its own text into what it compiles for the proxies of one service. */
export interface SimVersion {
  readonly name: string;
  readonly compile: Compile;
  readonly service: SimService;
  readonly text: string;
  readonly isBad: boolean;
}

/** How proxies do worse with what it compiles. */
export const versionHarms = ['harm', 'fault', 'sour', 'refuse'] as const;

/** Without `harm` they do as well. */
export function versionOf(
  number: number,
  service: SimService,
  harm?: (typeof versionHarms)[number],
): SimVersion {
  const text = harm === undefined ? `version-${number}` : `${harm}-${service}-v${number}.`;
  const types: readonly TypeUrl[] =
    number % 2 === 0 ? [typeUrls.listener] : [typeUrls.cluster, typeUrls.listener];
  return {
    ...{ name: `0.0.${number}`, service, text, isBad: harm !== undefined },
    compile: marking((id) => id.startsWith(service), types, text),
  };
}

/** An unknown field of any message: number 1,000, as bytes. */
const tag = Uint8Array.of(0xc2, 0x3e);

function marked(resource: Resource, text: string): Resource {
  const bytes = Buffer.concat([resource.bytes, tag, Uint8Array.of(text.length), Buffer.from(text)]);
  return { ...resource, bytes, version: contentHash(bytes) };
}

function marking(
  isMarked: (proxy: string) => boolean,
  types: readonly TypeUrl[],
  text: string,
): Compile {
  /** What it made, to what is made again of it. */
  const known = new WeakMap<Compiled, Compiled>();
  const snapshots = new WeakMap<Snapshot, Snapshot>();
  const mark = (snapshot: Snapshot): Snapshot => {
    const before = snapshots.get(snapshot);
    if (before !== undefined) return before;
    const made = new Map(snapshot);
    for (const type of types) {
      const all = [...(snapshot.get(type) ?? [])];
      made.set(type, new Map(all.map(([name, one]) => [name, marked(one, text)])));
    }
    // As whatever compiles it: it is to come again after its cluster.
    if (types.includes(typeUrls.cluster)) {
      const endpoints = [...(snapshot.get(typeUrls.endpoints) ?? [])].map(
        ([name, one]) => [name, { ...one, version: contentHash(one.version, text) }] as const,
      );
      made.set(typeUrls.endpoints, new Map(endpoints));
    }
    snapshots.set(snapshot, made);
    return made;
  };
  return (previous, intent, inventory) => {
    const inner = recompile(previous && known.get(previous), intent, inventory);
    const all = [...inner.snapshots].map(
      ([id, snapshot]) => [id, isMarked(id) ? mark(snapshot) : snapshot] as const,
    );
    const made: Compiled = { ...inner, snapshots: new Map(all) };
    known.set(made, inner);
    return made;
  };
}
