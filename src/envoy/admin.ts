import { isShortage, messageOf } from '../base/error.ts';
import { err, ok, type Result } from '../base/result.ts';

/** Not imported: as a module it brings all of undici with it, 16 MB and 30 ms that nothing here uses. */
const { request } = process.getBuiltinModule('node:http');

/** An admin that is busy for longer than this is as good as gone. */
const adminTimeoutMs = 5_000;
/** A config dump of some ten thousand resources; more is a mistake. */
const bodyBytesMax = 64 * 1024 * 1024;

/** The admin interface is never offered beyond the host: a socket file, or a port of 127.0.0.1. */
type AdminAddress =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'loopback'; readonly port: number };

/**
 * `unasked`: for want of descriptors or memory here; it says nothing of the Envoy. `absent`: there is no such socket file.
 * `silent`: its process lets others connect, or holds them in its queue, and does not answer.
 */
type AdminFailure =
  | { readonly kind: 'unasked'; readonly reason: string }
  | { readonly kind: 'absent'; readonly reason: string }
  | { readonly kind: 'silent'; readonly reason: string }
  | { readonly kind: 'unreachable'; readonly reason: string }
  | { readonly kind: 'refused'; readonly status: number; readonly text: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

interface ProxyState {
  readonly ready: boolean;
  /** In Envoy's words: LIVE, DRAINING, PRE_INITIALIZING or INITIALIZING. */
  readonly state: string;
}

interface Measures {
  readonly stats: ReadonlyMap<string, number>;
  /** How many values were at most each bound. */
  readonly histograms: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

/** A client for one Envoy's admin interface. Expected failures are values; nothing is retried. */
export class EnvoyAdmin {
  readonly #address: AdminAddress;
  readonly #timeoutMs: number;

  constructor(address: AdminAddress, options: { readonly timeoutMs?: number } = {}) {
    this.#address = address;
    this.#timeoutMs = options.timeoutMs ?? adminTimeoutMs;
  }

  /** An Envoy that answers "not ready" is a success with `ready: false`. */
  async ready(): Promise<Result<ProxyState, AdminFailure>> {
    const answer = await this.#ask('GET', '/ready');
    if (!answer.ok) return answer;
    const { status, text } = answer.value;
    if (status !== 200 && status !== 503) return err({ kind: 'refused', status, text });
    return ok({ ready: status === 200, state: text.trim() });
  }

  /** Counters and gauges whose whole name the RE2 pattern is found in. Histograms and texts are left out. */
  async stats(filter: string): Promise<Result<ReadonlyMap<string, number>, AdminFailure>> {
    const measures = await this.#measures(`/stats?filter=${encodeURIComponent(filter)}`);
    return measures.ok ? ok(measures.value.stats) : measures;
  }

  /**
   * Those of them that were ever counted. For what is asked again and again: of the 107,000 names of 1,000 clusters this
   * looks at few, in a fifth of the time.
   */
  async usedStats(filter: string): Promise<Result<ReadonlyMap<string, number>, AdminFailure>> {
    const measures = await this.measures(filter);
    return measures.ok ? ok(measures.value.stats) : measures;
  }

  /** The same with histograms; texts are left out. */
  measures(filter: string): Promise<Result<Measures, AdminFailure>> {
    const query = `usedonly&histogram_buckets=cumulative&filter=${encodeURIComponent(filter)}`;
    return this.#measures(`/stats?${query}`);
  }

  async #measures(path: string): Promise<Result<Measures, AdminFailure>> {
    const text = await this.#text('GET', path);
    return text.ok ? ok(parseMeasures(text.value)) : text;
  }

  /**
   * Whether this cluster leads to this port, as its configuration in use says: one that finds its host for each connection
   * lists none.
   */
  async leadsTo(cluster: string, port: number): Promise<Result<boolean, AdminFailure>> {
    const query = `resource=dynamic_active_clusters&name_regex=^${encodeURIComponent(cluster)}$`;
    const text = await this.#text('GET', `/config_dump?${query}`);
    if (!text.ok) return text;
    return ok(new RegExp(`"(?:port_value|upstream_port_override)": ${port}\\b`).test(text.value));
  }

  /** The configuration in force, as `envoy.admin.v3.ConfigDump` in JSON, endpoints included. */
  configDump(): Promise<Result<unknown, AdminFailure>> {
    return this.#json('/config_dump?include_eds');
  }

  /** The certificates in use, as `envoy.admin.v3.Certificates` in JSON. */
  certs(): Promise<Result<unknown, AdminFailure>> {
    return this.#json('/certs');
  }

  /** After an access log was moved away. */
  reopenLogs(): Promise<Result<undefined, AdminFailure>> {
    return this.#command('/reopen_logs');
  }

  /** Inbound listeners stop at once, or first turn clients away for Envoy's drain time. */
  drainListeners(how: 'at once' | 'gracefully'): Promise<Result<undefined, AdminFailure>> {
    const graceful = how === 'gracefully' ? '&graceful' : '';
    return this.#command(`/drain_listeners?inboundonly${graceful}`);
  }

  async #command(path: string): Promise<Result<undefined, AdminFailure>> {
    const text = await this.#text('POST', path);
    return text.ok ? ok(undefined) : text;
  }

  async #json(path: string): Promise<Result<unknown, AdminFailure>> {
    const text = await this.#text('GET', path);
    if (!text.ok) return text;
    try {
      return ok(JSON.parse(text.value) as unknown);
    } catch (error) {
      return err({ kind: 'unreadable', reason: messageOf(error) });
    }
  }

  async #text(method: Method, path: string): Promise<Result<string, AdminFailure>> {
    const answer = await this.#ask(method, path);
    if (!answer.ok) return answer;
    const { status, text } = answer.value;
    return status === 200 ? ok(text) : err({ kind: 'refused', status, text: text.trim() });
  }

  #ask(method: Method, path: string): Promise<Result<Answer, AdminFailure>> {
    return ask(this.#address, method, path, this.#timeoutMs);
  }
}

type Method = 'GET' | 'POST';

interface Answer {
  readonly status: number;
  readonly text: string;
}

function ask(
  address: AdminAddress,
  method: Method,
  path: string,
  timeoutMs: number,
): Promise<Result<Answer, AdminFailure>> {
  const target =
    address.kind === 'socket'
      ? { socketPath: address.path }
      : { host: '127.0.0.1', port: address.port };
  return new Promise((resolve) => {
    // The signal bounds the whole exchange; the socket's own timeout would only bound its silences.
    const signal = AbortSignal.timeout(timeoutMs);
    const fail = (error: Error): void => {
      const reason = signal.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error);
      resolve(err({ kind: signal.aborted ? 'silent' : kindOf(error), reason }));
    };
    const call = request({ ...target, method, path, signal, agent: false });
    call.once('error', fail);
    call.once('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > bodyBytesMax) response.destroy(new Error(`more than ${bodyBytesMax} bytes`));
        else chunks.push(chunk);
      });
      response.once('error', fail);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve(ok({ status: response.statusCode ?? 0, text }));
      });
    });
    call.end();
  });
}

function kindOf(error: NodeJS.ErrnoException): 'unasked' | 'absent' | 'silent' | 'unreachable' {
  if (isShortage(error)) return 'unasked';
  if (error.code === 'ENOENT') return 'absent';
  // unix(7): the queue of a socket whose process takes nobody is full.
  return error.code === 'EAGAIN' ? 'silent' : 'unreachable';
}

/** Lines of `name: 12`, or of a histogram: `name: B0.5(0,0) B1(0,3)`, in brackets since the last flush and since the start. */
function parseMeasures(text: string): Measures {
  const stats = new Map<string, number>();
  const histograms = new Map<string, ReadonlyMap<number, number>>();
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^(.+): (\d+|B.+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    if (value.startsWith('B')) histograms.set(name, parseBuckets(value));
    else stats.set(name, Number(value));
  }
  return { stats, histograms };
}

function parseBuckets(text: string): ReadonlyMap<number, number> {
  const buckets = text.matchAll(/B([0-9.e+]+)\([^,)]*,(\d+)\)/g);
  return new Map(Array.from(buckets, ([, bound, count]) => [Number(bound), Number(count)]));
}
