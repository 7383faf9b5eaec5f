import type { Position } from '../../base/finding.ts';
import type { Resource, TypeUrl } from '../../compile/resource.ts';
import type { NodeInfo } from './node-info.ts';

/** What happened between the service and one proxy. */
export type XdsEvent =
  | { readonly kind: 'connected' | 'disconnected'; readonly proxy: string; readonly node: NodeInfo }
  /** A stream asks for a type for the first time, and says what its proxy has of it. */
  | {
      readonly kind: 'opened';
      readonly proxy: string;
      readonly type: TypeUrl;
      readonly versions: ReadonlyMap<string, string>;
    }
  | {
      readonly kind: 'sent';
      readonly proxy: string;
      readonly type: TypeUrl;
      readonly resources: readonly Resource[];
    }
  | {
      readonly kind: 'acked';
      readonly proxy: string;
      readonly type: TypeUrl;
      readonly names: readonly string[];
      readonly accepted: readonly Resource[];
      readonly removed: readonly string[];
      /** Accepted, but not what is wanted now: last good ones, or overtaken. */
      readonly overtaken: readonly string[];
      readonly tookMs: number;
    }
  /** The proxy has no use any more for what it had of these. */
  | {
      readonly kind: 'dropped';
      readonly proxy: string;
      readonly type: TypeUrl;
      readonly names: readonly string[];
    }
  | {
      readonly kind: 'nacked';
      readonly proxy: string;
      readonly type: TypeUrl;
      /** Empty when the message names nobody; each resource is then tried alone. */
      readonly names: readonly string[];
      readonly rejected: readonly Resource[];
      readonly message: string;
      readonly from: readonly Position[];
    }
  /** So many proxies refused one content that the others are spared it. */
  | {
      readonly kind: 'quarantined';
      readonly proxy: string;
      readonly type: TypeUrl;
      readonly name: string;
      readonly version: string;
    }
  /** `tookMs`: since the snapshot was published; since the connection for a proxy that came later. */
  | { readonly kind: 'converged'; readonly proxy: string; readonly tookMs: number }
  | { readonly kind: 'stuck'; readonly proxy: string; readonly type: TypeUrl }
  /** The proxy did not ask for all of these types that it needs; its stream was ended, so that it asks anew. */
  | { readonly kind: 'incomplete'; readonly proxy: string; readonly types: readonly TypeUrl[] }
  /** The proxy was sent these once and never confirmed them; they are sent again. */
  | {
      readonly kind: 'healed';
      readonly proxy: string;
      readonly type: TypeUrl;
      readonly names: readonly string[];
    };
