import { fromBinary } from '@bufbuild/protobuf';
import type { Finding, Position } from '../../base/finding.ts';
import type { Result } from '../../base/result.ts';
import { VirtualHostSchema } from '../../gen/envoy/config/route/v3/route_components_pb.js';
import type { Intent, ServiceName } from '../../model/types.ts';
import type { Candidate, Gate } from './candidate.ts';
import { findingsMax } from './candidate.ts';
import { type Part, partsOf } from './envoy-parts.ts';
import { probeBootstrap } from './probe-bootstrap.ts';

/** Envoy's word on a serialized bootstrap: undefined when it takes it, else its reason. Rejects when it has none. */
export type Judge = (bootstrap: Uint8Array) => Promise<string | undefined>;

/** Each run of Envoy takes a core and some 60 MB for as long as it lasts. */
const atOnceMax = 2;
/** Some 300 ms of Envoy; a bad one among them is found in nine more runs. */
const partsPerRunMax = 250;
/** What Envoy took before and a commit brings back is not asked again; some 50 bytes each. */
const acceptedMax = 50_000;
/** Each bad part costs some ten runs; past these a commit is refused with what is known. */
const badPartsMax = 10;

/**
 * Lets the real Envoy judge what it has not judged yet of a commit. Not found on this machine: the other gates hold, and
 * it is said once for each start.
 */
export function envoyGate(options: {
  /** Finds Envoy, at the first commit and again later where there was none; the error says why there is none. */
  readonly find: () => Promise<Result<Judge, string>>;
  /** Whether this very commit was accepted before. */
  readonly known: (commit: string) => boolean;
}): Gate {
  const accepted = new Set<string>();
  /** Of the last candidate of which Envoy took every part. */
  let taken: Candidate['samples'] = new Map();
  let said = false;
  return {
    name: 'envoy',
    onErrors: 'refuse',
    check: async (candidate) => {
      const parts = newParts(candidate, taken, accepted);
      if (parts.length === 0) {
        taken = candidate.samples;
        return [];
      }
      // What ran before must come back without a word of anybody.
      if (candidate.base === undefined && options.known(candidate.tree.commit)) return [];
      const found = await options.find();
      if (!found.ok) {
        if (said) return [];
        said = true;
        return [noEnvoy(found.error)];
      }
      const search = new Search(found.value);
      const bad = await search.judgeAll(parts);
      if (bad.length === 0) {
        for (const { key } of parts) accepted.add(key);
        taken = candidate.samples;
      }
      trim(accepted);
      return bad.slice(0, findingsMax).map((one) => refusal(one, candidate.intent));
    },
  };
}

function newParts(
  { samples }: Candidate,
  taken: Candidate['samples'],
  accepted: ReadonlySet<string>,
): readonly Part[] {
  const parts = new Map<string, Part>();
  for (const [service, snapshot] of samples) {
    for (const part of partsOf(snapshot, taken.get(service))) {
      if (!accepted.has(part.key)) parts.set(part.key, part);
    }
  }
  return [...parts.values()];
}

interface BadPart {
  /** The smallest part that Envoy refuses alone; undefined when it only refuses several together. */
  readonly part: Part | undefined;
  readonly reason: string;
}

/** Judges many parts in one run, and halves what is refused until each bad one stands alone. */
class Search {
  readonly #judge: Judge;
  readonly #bad: BadPart[] = [];

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  async judgeAll(parts: readonly Part[]): Promise<readonly BadPart[]> {
    const chunks = Array.from({ length: Math.ceil(parts.length / partsPerRunMax) }, (_, index) =>
      parts.slice(index * partsPerRunMax, (index + 1) * partsPerRunMax),
    );
    let next = 0;
    const work = async (): Promise<void> => {
      for (let chunk = chunks[next++]; chunk !== undefined; chunk = chunks[next++]) {
        const reason = await this.#judge(probeBootstrap(chunk));
        if (reason !== undefined) await this.#narrow(chunk, reason);
      }
    };
    await Promise.all(Array.from({ length: atOnceMax }, work));
    return this.#bad;
  }

  async #narrow(parts: readonly Part[], reason: string): Promise<void> {
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) {
      this.#bad.push(await this.#narrowRoutes(only, reason));
      return;
    }
    const middle = Math.ceil(parts.length / 2);
    const before = this.#bad.length;
    for (const half of [parts.slice(0, middle), parts.slice(middle)]) {
      // The rest stays unjudged: the commit is refused anyway, and all of its parts are asked again.
      if (this.#bad.length >= badPartsMax) return;
      const found = await this.#judge(probeBootstrap(half));
      if (found !== undefined) await this.#narrow(half, found);
    }
    if (this.#bad.length > before) return;
    this.#bad.push({ part: undefined, reason });
  }

  async #narrowRoutes(part: Part, reason: string): Promise<BadPart> {
    if (part.kind !== 'virtual-host') return { part, reason };
    const { routes } = fromBinary(VirtualHostSchema, part.bytes);
    for (let onlyRoute = 0; routes.length > 1 && onlyRoute < routes.length; onlyRoute += 1) {
      const one = { ...part, onlyRoute };
      const found = await this.#judge(probeBootstrap([one]));
      if (found !== undefined) return { part: one, reason: found };
    }
    return { part, reason };
  }
}

function refusal({ part, reason }: BadPart, intent: Intent): Finding {
  const place = part === undefined ? undefined : placeOf(part, intent);
  return {
    code: 'CH4204',
    severity: 'error',
    message: `Envoy refuses ${place?.what ?? 'several resources together'}`,
    ...(place?.at === undefined ? {} : { at: place.at }),
    found: reason,
    help: 'no proxy was sent anything of the commit; correct the line, or revert it',
  };
}

interface Place {
  readonly what: string;
  readonly at: Position | undefined;
}

function placeOf(part: Part, intent: Intent): Place {
  switch (part.kind) {
    case 'cluster':
      return { what: `the cluster ${part.resource.name}`, at: part.resource.from[0] };
    case 'listeners': {
      const [listener] = part.listeners;
      return { what: 'what its proxies listen on, with its policy', at: listener?.from[0] };
    }
    case 'virtual-host':
      return routePlace(part, intent);
  }
}

function routePlace(part: Part & { kind: 'virtual-host' }, intent: Intent): Place {
  const { name, routes } = fromBinary(VirtualHostSchema, part.bytes);
  const service = intent.services.get(name as ServiceName);
  const at = service?.at ?? part.resource.from[0];
  const only = routes[part.onlyRoute ?? (routes.length === 1 ? 0 : -1)];
  if (only === undefined) return { what: `the routes of ${name}`, at };
  // `<service>/<route>`, and a suffix where one route of the intent became two.
  const id = only.name.split('/')[1];
  const route = service?.routes.find((one) => one.id === id);
  return { what: `the route ${only.name}`, at: route?.at ?? at };
}

function noEnvoy(reason: string): Finding {
  return {
    code: 'CH4205',
    severity: 'warning',
    message: 'no Envoy judges commits before proxies get them: it is not to be had on this machine',
    found: reason,
    help: 'chancery envoy path finds or fetches it; the other gates hold meanwhile',
  };
}

function trim(accepted: Set<string>): void {
  for (const key of accepted) {
    if (accepted.size <= acceptedMax) return;
    accepted.delete(key);
  }
}
