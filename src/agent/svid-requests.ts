import { ChanceryError } from '../base/error.ts';
import type { Selector } from '../model/types.ts';
import type { ApiCall } from '../serve/api/client.ts';
import {
  paths,
  type SvidAnswer,
  type SvidReply,
  type SvidRequest,
  type SvidsReply,
} from '../serve/api/wire.ts';

/** As many as the control plane takes in one call. */
const togetherMax = 100;

interface Waiting {
  readonly request: SvidRequest;
  readonly done: (reply: SvidReply) => void;
  readonly failed: (error: unknown) => void;
}

interface SvidLink {
  joined(): Promise<void>;
  call(call: ApiCall): Promise<unknown>;
}

/**
 * Asks for certificates. The first goes at once; what comes while it is on its way goes together next, so that a host
 * with many workloads that renew in one moment costs its control plane a few calls.
 */
export class SvidRequests {
  readonly #link: SvidLink;
  readonly #waiting: Waiting[] = [];
  #isAsking = false;

  constructor(link: SvidLink) {
    this.#link = link;
  }

  ask(request: SvidRequest): Promise<SvidReply> {
    return new Promise((done, failed) => {
      this.#waiting.push({ request, done, failed });
      if (!this.#isAsking) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isAsking = true;
    // Nothing is asked, and nothing backs off, before this host may ask.
    await this.#link.joined();
    while (this.#waiting.length > 0) await this.#askFor(this.#waiting.splice(0, togetherMax));
    this.#isAsking = false;
  }

  async #askFor(together: readonly Waiting[]): Promise<void> {
    try {
      const body = { requests: together.map(({ request }) => request) };
      const reply = (await this.#link.call({
        method: 'POST',
        path: paths.svids,
        body,
      })) as SvidsReply;
      for (const [index, waiting] of together.entries()) settle(waiting, reply.answers[index]);
    } catch (error) {
      for (const { failed } of together) failed(error);
    }
  }
}

function settle({ done, failed }: Waiting, answer: SvidAnswer | undefined): void {
  if (answer?.kind === 'issued') done(answer.svid);
  else if (answer === undefined) failed(new Error('the control plane left a request out'));
  else failed(new ChanceryError(answer.finding));
}

/** As the control plane notes it. */
export function selectorText(selectors: readonly Selector[]): string {
  return selectors.map(({ kind, value }) => `${kind}:${value}`).join(' ');
}
