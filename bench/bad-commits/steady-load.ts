import { connect } from 'node:net';
import type { RunningMesh } from '../../test/support/running-mesh.ts';
import { ports } from './mesh-files.ts';

export interface LoadCounts {
  readonly sent: number;
  /** Not answered, or not with 200. */
  readonly failed: number;
  /** Answered, and long after what the applications need. */
  readonly slow: number;
}

type Send = () => Promise<boolean>;

/** So many requests a second of each caller give a wave some dozens to be judged by. */
const everyMs = 50;
const slowMs = 300;
const answerWithinMs = 8_000;
/** A mesh that hangs must not make the load grow without end. */
const openMax = 400;

/** Requests of every caller to every callee that it has, at a steady pace until it is stopped. */
export class SteadyLoad {
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #open = new Set<Promise<void>>();
  #counts = { sent: 0, failed: 0, slow: 0 };

  constructor(mesh: RunningMesh) {
    const streams = streamsOf(mesh);
    this.#timers = streams.map((send) => setInterval(() => this.#send(send), everyMs));
  }

  get counts(): LoadCounts {
    return { ...this.#counts };
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#open);
  }

  #send(send: Send): void {
    if (this.#open.size >= openMax) return;
    this.#counts.sent += 1;
    const startedMs = performance.now();
    const done = send()
      .catch(() => false)
      .then((isGood) => {
        if (!isGood) this.#counts.failed += 1;
        else if (performance.now() - startedMs > slowMs) this.#counts.slow += 1;
        this.#open.delete(done);
      });
    this.#open.add(done);
  }
}

function streamsOf(mesh: RunningMesh): readonly Send[] {
  const http = (
    caller: string,
    callee: string,
    method: string,
    path: string,
    headers?: Readonly<Record<string, string>>,
  ): Send => {
    return async () => {
      const { status } = await mesh.ask(caller, callee, method, path, undefined, headers);
      return status === 200;
    };
  };
  const webs = ['web-v1', 'web-v2', 'web-v3'];
  return [
    ...webs.flatMap((caller) => [
      http(caller, 'api', 'GET', '/items'),
      http(caller, 'api', 'GET', '/items/7?page=2'),
      http(caller, 'api', 'GET', '/items', { 'x-beta': '1' }),
      http(caller, 'store', 'GET', '/entries'),
    ]),
    http('web-v1', 'api', 'POST', '/items'),
    ...['api-v1', 'api-v2', 'api-v3'].map((caller) => http(caller, 'store', 'GET', '/entries')),
    echo,
  ];
}

function echo(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(ports.dbLocal, '127.0.0.1', () => socket.write('ping'));
    const end = (isGood: boolean): void => {
      resolve(isGood);
      socket.destroy();
    };
    socket.setTimeout(answerWithinMs, () => end(false));
    socket.once('data', (data) => end(data.toString() === 'ping'));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}
