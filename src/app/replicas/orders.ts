import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';

import { type Log, problemFields } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { openEnvelope, sealEnvelope } from '../../identity/envelope.ts';
import type { KeyEncryption } from '../../identity/key-encryption.ts';
import {
  type ApiHandler,
  type ApiReply,
  type ApiRequest,
  refused,
} from '../../serve/api/server.ts';
import { paths } from '../../serve/api/wire.ts';
import type { Store } from '../../store/store.ts';
import type { Feed, Followed } from './feed.ts';
import type { Replica } from './replica.ts';
import type { Role } from './role.ts';

const orderKind = 'order';
const answerKind = 'order-answer';

/** Calls that change what only the leader may; all others any replica answers. */
const ofLeader: ReadonlySet<string> = new Set([
  paths.revisionSteps,
  paths.approvals,
  paths.caSteps,
  paths.caRequests,
  paths.caImports,
  paths.federationRefresh,
  paths.breakglass,
  paths.shadow,
  paths.shadowStop,
]);
/** And those that name what they are about. */
const ofLeaderUnder = `${paths.breakglass}/`;

/** A little less than clients wait. */
const answerWithinMs = 9_000;
const waitingMax = 100;
/** Orders that are there at one time, of all replicas, and more. */
const doneMax = 10_000;
const idBytes = 16;

interface Order {
  /** Who is to carry it out: a leader that comes later does not, since the one before may have. */
  readonly epoch: number;
  readonly request: Pick<ApiRequest, 'method' | 'path' | 'body'>;
}

interface OrdersOptions {
  readonly store: Pick<Store, 'put' | 'remove' | 'list'>;
  readonly kek: KeyEncryption;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly replica: Pick<Replica, 'epoch' | 'leaderEpoch'> & {
    readonly feed: Pick<Feed, 'follow'>;
    readonly role: Pick<Role, 'add'>;
  };
  /** Carries out what was ordered; whoever let the call in has asked for the right to it. */
  readonly handler: ApiHandler;
}

/**
 * Calls for the leader that come in at another replica: they go to it through the store, sealed, and so does the answer. No
 * replica needs to reach another one, and only who has the key of the CA can order anything.
 */
export class Orders {
  readonly #options: OrdersOptions;
  readonly #waiting = new Map<string, (answer: Uint8Array) => void>();
  /** A change may be told twice, an order is carried out once. */
  readonly #done = new Set<string>();

  constructor(options: OrdersOptions) {
    this.#options = options;
    const { feed, role } = options.replica;
    feed.follow(orderKind, [], (changes) => this.#take(changes));
    feed.follow(answerKind, [], (changes) => this.#takeAnswers(changes));
    void role.add({ lead: () => this.#sweep(), follow: () => {} });
  }

  /** The handler of a replica that may lead or not. */
  handle: ApiHandler = async (request) => {
    const { handler, replica } = this.#options;
    const isForLeader =
      request.method === 'POST' &&
      (ofLeader.has(request.path) || request.path.startsWith(ofLeaderUnder));
    return isForLeader && replica.epoch === undefined ? this.order(request) : handler(request);
  };

  /** Orders of others. */
  #take(changes: readonly Followed[]): void {
    const epoch = this.#options.replica.epoch;
    if (epoch === undefined) return;
    for (const { id, document } of changes) {
      if (document === undefined || this.#done.has(id)) continue;
      this.#done.add(id);
      const [oldest] = this.#done;
      if (this.#done.size > doneMax && oldest !== undefined) this.#done.delete(oldest);
      void this.#carryOut(id, document.value, epoch);
    }
  }

  #takeAnswers(changes: readonly Followed[]): void {
    for (const { id, document } of changes) {
      if (document !== undefined) this.#waiting.get(id)?.(document.value);
    }
  }

  /** What was ordered of a leader before, and was not fetched. */
  async #sweep(): Promise<void> {
    const { store } = this.#options;
    for (const kind of [orderKind, answerKind]) {
      for (const { id } of await store.list(kind)) {
        if (!this.#waiting.has(id)) await store.remove(kind, id);
      }
    }
  }

  /** Has the leader do it, and gives its answer; refused where there is none, or it does not answer in time. */
  async order({ method, path, body }: Order['request']): Promise<ApiReply> {
    const { store, kek, random, replica } = this.#options;
    const epoch = replica.leaderEpoch;
    if (epoch === undefined || this.#waiting.size >= waitingMax) return noLeader();
    const id = Buffer.from(random.bytes(idBytes)).toString('hex');
    const order: Order = { epoch, request: { method, path, body } };
    const sealed = await sealEnvelope(
      kek,
      Buffer.from(JSON.stringify(order)),
      `order/${id}`,
      random,
    );
    try {
      const answer = this.#answer(id);
      await store.put(orderKind, id, sealed, 0);
      return await this.#opened(id, await answer);
    } catch (error) {
      return noLeader(messageOf(error));
    } finally {
      this.#waiting.delete(id);
      await Promise.allSettled([store.remove(orderKind, id), store.remove(answerKind, id)]);
    }
  }

  #answer(id: string): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(answerWithinMs, () => resolve(undefined));
      this.#waiting.set(id, (answer) => {
        cancel();
        resolve(answer);
      });
    });
  }

  async #opened(id: string, answer: Uint8Array | undefined): Promise<ApiReply> {
    if (answer === undefined) return noAnswer();
    const opened = await openEnvelope(this.#options.kek, answer, `answer/${id}`);
    if (!opened.ok) return noAnswer(opened.error);
    return JSON.parse(Buffer.from(opened.value).toString('utf8')) as ApiReply;
  }

  async #carryOut(id: string, sealed: Uint8Array, epoch: number): Promise<void> {
    const { store, kek, random, log, handler } = this.#options;
    try {
      const opened = await openEnvelope(kek, sealed, `order/${id}`);
      if (!opened.ok)
        return log.warn('an order of another replica does not open', { problem: opened.error });
      const order = JSON.parse(Buffer.from(opened.value).toString('utf8')) as Order;
      // Of an order to a leader that came later, that one tells.
      if (order.epoch > epoch) return;
      const peer = { kind: 'anonymous', reason: 'asked at another replica' } as const;
      const query = new URLSearchParams();
      const reply =
        order.epoch < epoch
          ? noAnswer('another one leads since it was asked')
          : await handler({ ...order.request, query, peer });
      const bytes = Buffer.from(JSON.stringify(reply));
      await store.put(answerKind, id, await sealEnvelope(kek, bytes, `answer/${id}`, random), 0);
    } catch (error) {
      log.error('an order of another replica was not carried out', problemFields(error));
    }
  }
}

function noLeader(problem?: string): ApiReply {
  return refused(503, {
    code: 'CH5451',
    message: 'no control plane leads now, and only the one that does can do this',
    ...(problem === undefined ? {} : { found: problem }),
    help: 'ask again in a few seconds; chancery status says who leads',
  });
}

function noAnswer(problem?: string): ApiReply {
  return refused(504, {
    code: 'CH5452',
    message: 'the control plane that leads did not answer; it may have done what was asked',
    ...(problem === undefined ? {} : { found: problem }),
    help: 'look whether it was done before you ask again; chancery status says who leads',
  });
}
