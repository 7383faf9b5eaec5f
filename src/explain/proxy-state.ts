import type { LedgerEntry } from '../base/ledger.ts';
import { type Held, readHeld, readLines } from './held.ts';

/** The kinds of entries that say what a proxy runs; their subject is the proxy. */
export const proxyKinds = [
  'ack',
  'nack',
  'proxy-holds',
  'proxy-checkpoint',
  'proxy-connected',
  'proxy-disconnected',
  'proxy-retired',
] as const;

/** What it refused after what it has; it goes on with what it has. */
interface Refused {
  readonly version: string;
  readonly message: string;
  readonly atMs: number;
}

/** What a proxy ran at a moment, as far as it had said by then. */
export interface ProxyState {
  readonly kind: 'unknown' | 'connected' | 'away' | 'left';
  readonly sinceMs: number;
  /** By short type, then by name. */
  readonly held: ReadonlyMap<string, ReadonlyMap<string, Held>>;
  readonly refused: ReadonlyMap<string, ReadonlyMap<string, Refused>>;
}

interface Folding {
  kind: ProxyState['kind'];
  sinceMs: number;
  streams: number;
  readonly held: Map<string, Map<string, Held>>;
  readonly refused: Map<string, Map<string, Refused>>;
}

/** Everything before it is in it, so that a reader of the ledger need not go back further. */
export function isWhole({ kind }: LedgerEntry): boolean {
  return kind === 'proxy-checkpoint' || kind === 'proxy-retired';
}

/** Folds the entries of one proxy, oldest first, into what it ran at `atMs`. */
export function stateAt(entries: readonly LedgerEntry[], atMs: number): ProxyState {
  const state: Folding = {
    ...{ kind: 'unknown', sinceMs: atMs, streams: 0 },
    ...{ held: new Map(), refused: new Map() },
  };
  for (const entry of entries) if (entry.atMs <= atMs) take(state, entry);
  const { kind, sinceMs, held, refused } = state;
  return { kind, sinceMs, held, refused };
}

function take(state: Folding, entry: LedgerEntry): void {
  const { kind, facts, atMs } = entry;
  switch (kind) {
    case 'ack':
      for (const name of readLines(facts['gone'])) remove(state, String(facts['type']), name);
      accept(state, entry);
      return;
    case 'nack': {
      // Said again after a checkpoint, with its first time.
      const sinceMs = Number(facts['sinceMs'] ?? atMs);
      for (const [name, { version }] of readHeld(facts['has'], atMs)) {
        const refused = { version, message: String(facts['message']), atMs: sinceMs };
        of(state.refused, String(facts['type'])).set(name, refused);
      }
      return;
    }
    case 'proxy-holds':
      replace(state, String(facts['type']), readHeld(facts['has'], atMs));
      return;
    case 'proxy-checkpoint':
      for (const [type, text] of Object.entries(facts)) {
        if (typeof text === 'string') replace(state, type, readHeld(text, atMs));
      }
      state.streams = Number(facts['streams']);
      state.kind = state.streams > 0 ? 'connected' : 'away';
      state.sinceMs = Number(facts['linkMs']);
      return;
    default:
      link(state, entry);
  }
}

/** An Envoy has two streams while it restarts hot; it is away when the last one has ended. */
function link(state: Folding, { kind, atMs }: LedgerEntry): void {
  const before = state.kind;
  if (kind === 'proxy-connected') {
    state.streams += 1;
    state.kind = 'connected';
  } else if (kind === 'proxy-disconnected') {
    state.streams = Math.max(0, state.streams - 1);
    if (state.streams === 0 && state.kind !== 'left') state.kind = 'away';
  } else if (kind === 'proxy-retired') {
    state.kind = 'left';
    state.held.clear();
    state.refused.clear();
  }
  if (state.kind !== before) state.sinceMs = atMs;
}

function of<Value>(types: Map<string, Map<string, Value>>, type: string): Map<string, Value> {
  const known = types.get(type);
  if (known !== undefined) return known;
  const fresh = new Map<string, Value>();
  types.set(type, fresh);
  return fresh;
}

/** A last good one that stands in for what was refused clears nothing. */
function accept(state: Folding, { facts, atMs }: LedgerEntry): void {
  const type = String(facts['type']);
  const overtaken = readLines(facts['overtaken']);
  for (const [name, held] of readHeld(facts['has'], atMs)) {
    const byName = of(state.held, type);
    if (byName.get(name)?.version !== held.version) byName.set(name, held);
    if (!overtaken.includes(name)) of(state.refused, type).delete(name);
  }
}

function remove(state: Folding, type: string, name: string): void {
  of(state.held, type).delete(name);
  of(state.refused, type).delete(name);
}

/** What it had already, it has had since then. */
function replace(state: Folding, type: string, now: Map<string, Held>): void {
  const before = of(state.held, type);
  for (const [name, held] of now) {
    const known = before.get(name);
    if (known?.version === held.version) now.set(name, known);
  }
  state.held.set(type, now);
}
