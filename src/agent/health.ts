import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { isShortage } from '../base/error.ts';
import type { HealthCheck } from '../model/types.ts';
import { http } from '../serve/api/node-http.ts';

const probeTimeoutMs = 1_000;
/** Until the first success, so that a mesh comes up fast; afterwards the calmer pace. */
const probeFastMs = 100;
const probeSteadyMs = 1_000;
/** One slow answer is not an outage. */
const failuresToUnhealthy = 2;

/**
 * `unknown`: not yet seen healthy. `healthy`: counts failures in a row. `unhealthy`: says the last failure.
 */
export type Health =
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'healthy'; readonly failures: number }
  | { readonly kind: 'unhealthy'; readonly reason: string };

/** `isUnasked`: the probe could not be made, for want of something here. */
export type ProbeResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly isUnasked?: true };

export function nextHealth(health: Health, result: ProbeResult): Health {
  if (result.ok) return { kind: 'healthy', failures: 0 };
  // An agent that is short of descriptors must not take its host out of the mesh.
  if (result.isUnasked && health.kind !== 'unknown') return health;
  switch (health.kind) {
    case 'unknown':
      return { kind: 'unknown', reason: result.reason };
    case 'unhealthy':
      return { kind: 'unhealthy', reason: result.reason };
    case 'healthy':
      return health.failures + 1 >= failuresToUnhealthy
        ? { kind: 'unhealthy', reason: result.reason }
        : { kind: 'healthy', failures: health.failures + 1 };
  }
}

/** Probes the application on 127.0.0.1 until the returned function is called. */
export function watchHealth(options: {
  readonly check: HealthCheck | undefined;
  readonly port: number;
  readonly clock: Clock;
  /** What is known of it already. */
  readonly from: Health;
  readonly onChange: (health: Health) => void;
}): () => void {
  let health = options.from;
  let stopped = false;
  let cancel = (): void => {};
  const round = async (): Promise<void> => {
    const result = await probe(options.check ?? { kind: 'connect' }, options.port);
    if (stopped) return;
    const before = health;
    health = nextHealth(health, result);
    if (health.kind !== before.kind) options.onChange(health);
    const delayMs = health.kind === 'healthy' ? probeSteadyMs : probeFastMs;
    cancel = options.clock.after(delayMs, () => void round());
  };
  void round();
  return () => {
    stopped = true;
    cancel();
  };
}

export function probe(check: HealthCheck, port: number): Promise<ProbeResult> {
  switch (check.kind) {
    case 'connect':
      return probeConnect(port);
    case 'grpc':
      return probeSettings(port);
    case 'http':
      return check.over === 'http2'
        ? probeHttp2(check.method, check.path, port)
        : probeHttp(check.method, check.path, port);
  }
}

function probeConnect(port: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const done = (result: ProbeResult): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(probeTimeoutMs, () => done(failed('the connection timed out')));
    socket.once('connect', () => done({ ok: true }));
    socket.once('error', (error) => done(failedBy(error)));
  });
}

function probeHttp(method: string, path: string, port: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const call = http.request({ host: '127.0.0.1', port, method, path, timeout: probeTimeoutMs });
    call.once('response', (response) => {
      response.resume();
      resolve(judged(method, path, response.statusCode ?? 0));
    });
    call.once('timeout', () => call.destroy(new Error(`${method} ${path} timed out`)));
    call.once('error', (error) => resolve(failedBy(error)));
    call.end();
  });
}

function judged(method: string, path: string, status: number): ProbeResult {
  return status >= 200 && status < 400
    ? { ok: true }
    : failed(`${method} ${path} answered ${status}`);
}

function probeHttp2(method: string, path: string, port: number): Promise<ProbeResult> {
  return overHttp2(port, (session, done) => {
    const late = setTimeout(() => done(failed(`${method} ${path} timed out`)), probeTimeoutMs);
    session.once('close', () => clearTimeout(late));
    const call = session.request({ ':method': method, ':path': path }, { endStream: true });
    call.once('response', (headers) => done(judged(method, path, headers[':status'] ?? 0)));
    call.once('error', (error) => done(failedBy(error)));
  });
}

/** A gRPC application is up when it speaks HTTP/2: its settings frame has come. */
function probeSettings(port: number): Promise<ProbeResult> {
  return overHttp2(port, (session, done) => {
    session.setTimeout(probeTimeoutMs, () => done(failed('no HTTP/2 settings came')));
    session.once('remoteSettings', () => done({ ok: true }));
  });
}

function overHttp2(
  port: number,
  ask: (session: ClientHttp2Session, done: (result: ProbeResult) => void) => void,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const done = (result: ProbeResult): void => {
      session.destroy();
      resolve(result);
    };
    session.once('error', (error) => done(failedBy(error)));
    ask(session, done);
  });
}

function failed(reason: string): ProbeResult {
  return { ok: false, reason };
}

function failedBy(error: Error): ProbeResult {
  const { message: reason } = error;
  return isShortage(error) ? { ok: false, reason, isUnasked: true } : failed(reason);
}
