import pg from 'pg';
import type { StoreChange } from './store.ts';

const channel = 'chancery';
const retryFirstMs = 50;
/** A database that is back is followed again within this. */
const retryLongestMs = 1_000;

/**
 * One connection that hears what any process writes. What is missed while it is away is not made up for: whoever follows is
 * told that there is a gap, and reads again.
 */
export class PostgresListener {
  readonly #settings: pg.ClientConfig;
  readonly #onChange: (change: StoreChange) => void;
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopped = false;

  constructor(settings: pg.ClientConfig, onChange: (change: StoreChange) => void) {
    this.#settings = settings;
    this.#onChange = onChange;
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    const client = new pg.Client(this.#settings);
    this.#client = client;
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      client.end().catch(() => {});
      this.#again();
    };
    client.on('error', over);
    client.on('end', over);
    client.on('notification', ({ payload }) => this.#onChange(changeOf(payload ?? '')));
    try {
      await client.connect();
      await client.query(`LISTEN ${channel}`);
      this.#failures = 0;
      // What was written before this moment was not heard.
      if (!this.#stopped) this.#onChange({ kind: 'gap' });
    } catch {
      over();
    }
  }

  #again(): void {
    if (this.#stopped) return;
    const delayMs = Math.min(retryFirstMs * 2 ** this.#failures, retryLongestMs);
    this.#failures = Math.min(this.#failures + 1, 16);
    this.#timer = setTimeout(() => void this.#connect(), delayMs);
    this.#timer.unref();
  }
}

/** As the triggers of the schema write it; what a later version writes otherwise is read as a gap. */
function changeOf(payload: string): StoreChange {
  if (payload === 'lease') return { kind: 'lease' };
  const [, of, id] = /^document (\S+) (.*)$/s.exec(payload) ?? [];
  return of === undefined || id === undefined ? { kind: 'gap' } : { kind: 'document', of, id };
}
