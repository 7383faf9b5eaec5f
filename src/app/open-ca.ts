import { systemClock as clock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import type { Log } from '../base/log.ts';
import { systemRandom as random } from '../base/random.ts';
import { type Authority, openAuthority } from '../identity/authority.ts';
import type { CaGeneration } from '../identity/ca-generation.ts';
import type { KeyEncryption } from '../identity/key-encryption.ts';
import { caUnlessSaid } from '../model/ca-section.ts';
import { defaultsUnlessSaid } from '../model/mesh-file.ts';
import type { CaLifetimes, TrustDomain } from '../model/types.ts';
import type { Store } from '../store/store.ts';
import { CaController } from './ca-controller.ts';
import { recordCa } from './ca-history.ts';
import type { Confirmations } from './confirmations.ts';
import type { ControlPlane } from './control-plane.ts';
import type { FencedStore } from './replicas/fenced-store.ts';
import { UpstreamClient } from './upstream-client.ts';
import { type UpstreamFiles, upstreamFiles } from './upstream-files.ts';

interface OpenCaParts {
  readonly plane: ControlPlane;
  readonly trustDomain: TrustDomain;
  readonly store: Store;
  /** For what only the leader writes. */
  readonly fenced: FencedStore;
  readonly isLeading: () => boolean;
  readonly kek: KeyEncryption;
  readonly confirmations: Confirmations;
  /** Hosts that the mesh knows: each must confirm. */
  readonly hosts: () => Iterable<string>;
  readonly partnersNoticeMs: () => number;
  readonly upstream: UpstreamFiles | undefined;
  readonly dir: string;
  readonly log: Log;
}

interface OpenedCa {
  readonly authority: Authority;
  readonly ca: CaController;
}

/** The CA and what drives it; with a CA of the company's when one is plugged in. */
export async function openCa(parts: OpenCaParts): Promise<OpenedCa> {
  const { plane, trustDomain, kek, isLeading, upstream: files, ...rest } = parts;
  const { isShared } = parts.store;
  const store = caStore(parts);
  const lifetimes = (): CaLifetimes => plane.mesh?.ca ?? caUnlessSaid;
  const common = { trustDomain, lifetimes, clock, random };
  const upstream =
    files === undefined
      ? undefined
      : new UpstreamClient({
          ...common,
          upstream: upstreamFiles(files, { trustDomain, random }),
          svidTtlSeconds: () => (plane.mesh?.defaults ?? defaultsUnlessSaid).svidTtlSeconds,
        });
  const first = upstream === undefined ? undefined : () => firstGeneration(upstream);
  const authority = await openAuthority({ ...common, store, kek, first, isShared });
  recordCa({ authority, store: parts.store, clock, isLeading });
  const ca = new CaController({ ...rest, authority, lifetimes, upstream, clock });
  return { authority, ca };
}

/** Steps are of the leader. The very first state is whoever's: there is one at most, and all open it. */
function caStore({ store, fenced }: Pick<OpenCaParts, 'store' | 'fenced'>): FencedStore {
  return {
    ...fenced,
    put: (kind, id, value, ifVersion) =>
      ifVersion === 0
        ? store.put(kind, id, value, ifVersion)
        : fenced.put(kind, id, value, ifVersion),
  };
}

/** A new mesh with a CA of the company's never has a root of its own: without that CA it does not begin. */
async function firstGeneration(upstream: UpstreamClient): Promise<CaGeneration> {
  const made = await upstream.generation();
  if (made.ok) return made.value;
  throw new ChanceryError(made.error);
}
