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
const noteEveryMs = 1_000;
const rosterEveryMs = 6 * 3_600_000;

/** Notes how each host is, at the start and whenever it is otherwise, so that it can be asked for later. */
export class HostHistory implements LeaderPart {
  readonly #parts: HostHistoryParts;
  /** What was noted of each, but for when it was heard last. */
  readonly #noted = new Map<string, string>();
  /** Hosts that may be otherwise than they were noted. */
  readonly #changed = new Set<string>();
  /** Since when it leads, by the monotonic clock; undefined: it follows. */
  #leadsSinceMs: number | undefined;
  #rosterMs = 0;
  #cancel = (): void => {};

  constructor(parts: HostHistoryParts) {
    this.#parts = parts;
  }

  lead(): void {
    this.#leadsSinceMs = this.#parts.clock.monotonicMs();
    this.#roster();
    this.#plan();
  }

  follow(): void {
    this.#cancel();
    this.#leadsSinceMs = undefined;
    this.#changed.clear();
    this.#noted.clear();
  }

  /** Something that is noted of this host may be otherwise from now on. */
  changed(host: string): void {
    if (this.#leadsSinceMs === undefined) return;
    this.#changed.add(host);
    if (this.#changed.size === 1) this.#plan();
  }

  /** One timer: for the end of this second where something changed, and for the next roster where nothing did. */
  #plan(): void {
    const { clock } = this.#parts;
    this.#cancel();
    const delayMs = this.#changed.size > 0 ? this.#untilNoteMs : this.#untilRosterMs;
    this.#cancel = clock.after(delayMs, () => {
      if (this.#untilRosterMs === 0) this.#roster();
      else this.#noteChanged();
      this.#plan();
    });
  }

  get #untilNoteMs(): number {
    const ledMs = this.#parts.clock.monotonicMs() - (this.#leadsSinceMs ?? 0);
    return noteEveryMs - (ledMs % noteEveryMs);
  }

  get #untilRosterMs(): number {
    const leftMs = this.#rosterMs + rosterEveryMs - this.#parts.clock.nowMs();
    return Math.min(rosterEveryMs, Math.max(0, leftMs));
  }

  #roster(): void {
    const { store, subject, look, clock } = this.#parts;
    const atMs = clock.nowMs();
    store.record({ atMs, kind: rosterKind, subject, facts: {} });
    this.#rosterMs = atMs;
    this.#noted.clear();
    this.#changed.clear();
    for (const host of look()) this.#note(host, atMs);
  }

  #noteChanged(): void {
    const { look, clock } = this.#parts;
    if (this.#changed.size === 0) return;
    const atMs = clock.nowMs();
    const left = new Set(this.#changed);
    this.#changed.clear();
    for (const host of look(new Set(left))) {
      left.delete(host.name);
      this.#note(host, atMs);
    }
    for (const name of left) if (this.#noted.delete(name)) this.#record(name, gone, atMs);
  }

  #note(host: HostReply, atMs: number): void {
    const state = notedOf(host);
    const key = JSON.stringify({ ...state, seenMs: undefined });
    if (this.#noted.get(host.name) === key) return;
    this.#noted.set(host.name, key);
    this.#record(host.name, JSON.stringify(state), atMs);
  }

  #record(subject: string, state: string, atMs: number): void {
    this.#parts.store.record({ atMs, kind: stateKind, subject, facts: { state } });
  }
}

interface HostHistoryParts {
  readonly store: Pick<Store, 'record'>;
  readonly clock: Clock;
  /** The trust domain. */
  readonly subject: string;
  /** Every host as it is now, or those of these names that there are. */
  readonly look: (names?: ReadonlySet<string>) => readonly HostReply[];
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
  if (name !== '' && hosts.length === 0) return noSuchHost(name, []);
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
