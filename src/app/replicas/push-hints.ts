import { findingFields, type Log } from '../../base/log.ts';
import type { ApiReply, ApiRequest } from '../../serve/api/server.ts';
import type { IntentSource } from '../intent-source.ts';
import { webhookPath } from '../webhook-listener.ts';
import type { Orders } from './orders.ts';

interface PushHintsParts {
  readonly isLeading: () => boolean;
  readonly log: Log;
}

/** What a Git server says of a push, at whichever replica it says it: the one that leads looks at once. */
export class PushHints {
  readonly #parts: PushHintsParts;
  #source: Pick<IntentSource, 'pushed'> | undefined;
  #orders: Pick<Orders, 'order'> | undefined;
  #isTelling = false;
  /** What came while the leader is told: one more word is enough, however many there were. */
  #next: { readonly traceparent: string | undefined } | undefined;

  constructor(parts: PushHintsParts) {
    this.#parts = parts;
  }

  /** What looks, where this replica leads. */
  of(source: Pick<IntentSource, 'pushed'>): void {
    this.#source = source;
  }

  /** How another one is reached that leads. Before that nobody needs a hint: who begins to lead looks by itself. */
  through(orders: Pick<Orders, 'order'>): void {
    this.#orders = orders;
  }

  take = (traceparent: string | undefined): void => {
    if (this.#parts.isLeading()) {
      this.#source?.pushed?.(traceparent);
      return;
    }
    this.#next = { traceparent };
    if (!this.#isTelling) void this.#tell();
  };

  /** At the leader, what another replica was told. Undefined: the order is about something else. */
  ordered({ path, body }: Pick<ApiRequest, 'path' | 'body'>): ApiReply | undefined {
    if (path !== webhookPath) return undefined;
    const { traceparent } = (body ?? {}) as { readonly traceparent?: string };
    this.take(traceparent);
    return { kind: 'json', body: {} };
  }

  async #tell(): Promise<void> {
    this.#isTelling = true;
    while (this.#next !== undefined && this.#orders !== undefined) {
      const { traceparent } = this.#next;
      this.#next = undefined;
      const body = traceparent === undefined ? {} : { traceparent };
      const reply = await this.#orders.order({ method: 'POST', path: webhookPath, body });
      // What is lost comes with the next poll.
      if (reply.kind === 'refused') {
        this.#parts.log.warn('the leader was not told of a push', findingFields(reply.finding));
      }
    }
    this.#isTelling = false;
  }
}
