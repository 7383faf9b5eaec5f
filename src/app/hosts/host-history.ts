import type { Clock } from '../../base/clock.ts';
import { type ApiReply, refused } from '../../serve/api/server.ts';
import type { HostReply } from '../../serve/api/wire.ts';
import type { Store } from '../../store/store.ts';
import { allEntries } from '../ledger-page.ts';
import type { LeaderPart } from '../replicas/role.ts';
import { noSuchHost } from './no-such-host.ts';

/** How one host is from then on; `gone`: it is in the mesh no more. */
const stateKind = 'host-state';
/** Every host is noted anew from here on: nobody reads further back. */
const rosterKind = 'host-roster';
const gone = 'gone';

/** A host that comes and goes within this was there all the time. */
const lookEveryMs = 1_000;
const rosterEveryMs = 6 * 3_600_000;

/** Notes how each host is, at the start and whenever it is otherwise, so that it can be asked for later. */
export class HostHistory implements LeaderPart {
  readonly #parts: HostHistoryParts;
  /** What was noted of each, but for when it was heard last. */
  readonly #noted = new Map<string, string>();
  #rosterMs = 0;
  #cancel = (): void => {};

  constructor(parts: HostHistoryParts) {
    this.#parts = parts;
  }

  lead(): void {
    this.#roster();
    this.#plan();
  }

  follow(): void {
    this.#cancel();
    this.#noted.clear();
  }

  #plan(): void {
    const { clock } = this.#parts;
    this.#cancel = clock.after(lookEveryMs, () => {
      if (clock.nowMs() - this.#rosterMs >= rosterEveryMs) this.#roster();
      else this.#note();
      this.#plan();
    });
  }

  #roster(): void {
    const { store, clock, subject } = this.#parts;
    this.#rosterMs = clock.nowMs();
    store.record({ atMs: this.#rosterMs, kind: rosterKind, subject, facts: {} });
    this.#noted.clear();
    this.#note();
  }

  #note(): void {
    const { store, clock, look } = this.#parts;
    const atMs = clock.nowMs();
    const there = new Set<string>();
    for (const host of look()) {
      there.add(host.name);
      const state = notedOf(host);
      const key = JSON.stringify({ ...state, seenMs: undefined });
      if (this.#noted.get(host.name) === key) continue;
      this.#noted.set(host.name, key);
      const facts = { state: JSON.stringify(state) };
      store.record({ atMs, kind: stateKind, subject: host.name, facts });
    }
    for (const name of this.#noted.keys()) {
      if (there.has(name)) continue;
      this.#noted.delete(name);
      store.record({ atMs, kind: stateKind, subject: name, facts: { state: gone } });
    }
  }
}

interface HostHistoryParts {
  readonly store: Pick<Store, 'record'>;
  readonly clock: Clock;
  /** The trust domain. */
  readonly subject: string;
  /** Every host as it is now. */
  readonly look: () => readonly HostReply[];
}

/** The certificates that it holds are renewed all the time, and each is in the ledger by itself. */
function notedOf({ connections, health, ...host }: HostReply): HostReply {
  return {
    ...host,
    connections: Math.min(1, connections),
    health: health && { ...health, identities: [] },
  };
}

/** Hosts as they were at a time, or the one of that name. */
export async function hostsAt(
  store: Pick<Store, 'ledger'>,
  atMs: number,
  name: string,
): Promise<ApiReply> {
  const [roster] = await store.ledger({ kind: rosterKind, untilMs: atMs, limit: 1 });
  if (roster === undefined) return notNoted();
  const subject = name === '' ? undefined : name;
  const span = { sinceMs: roster.atMs, untilMs: atMs };
  const states = new Map<string, string>();
  for (const entry of await allEntries(store, { kind: stateKind, subject, ...span })) {
    if (!states.has(entry.subject)) states.set(entry.subject, String(entry.facts['state']));
  }
  const hosts = [...states.values()].flatMap((text) =>
    text === gone ? [] : [JSON.parse(text) as HostReply],
  );
  if (name !== '' && hosts.length === 0) return noSuchHost(name);
  hosts.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { kind: 'json', body: { hosts } };
}

function notNoted(): ApiReply {
  return refused(404, {
    code: 'CH5430',
    message: 'the ledger holds no state of the hosts of that time',
    help: `chancery log --kind ${rosterKind} shows since when it does`,
  });
}
