import { connect } from 'node:http2';
import { messageOf } from '../base/error.ts';
import type { Workload } from '../compile/inventory.ts';
import type { Intent, IntentTest } from '../model/types.ts';
import { http } from '../serve/api/node-http.ts';

/** What one `tests:` entry met when it was sent through the real proxies. */
export interface CheckResult {
  readonly test: IntentTest;
  readonly passed: boolean;
  readonly got: 'allow' | 'deny' | 'failed';
  readonly status: number;
  /** The mesh's code when the mesh answered itself. */
  readonly code: string | undefined;
  readonly detail: string;
}

const requestTimeoutMs = 5_000;
const detailCharsMax = 300;
/** Codes of an answer that a rule or a missing rule made; anything else from the mesh is a failure, not a denial. */
const denialCode = /^CH21[0-8]\d$/;

/** Every test of the intent, in order of the files. */
export function testsOf(intent: Intent): readonly IntentTest[] {
  return [...intent.services.values()].flatMap((service) => service.tests);
}

/** Sends the test's request from its caller's proxy, as the caller's application would. */
export async function runCheck(
  intent: Intent,
  workloads: readonly Workload[],
  test: IntentTest,
): Promise<CheckResult> {
  const caller = workloads.find((workload) => workload.service === test.from);
  if (caller === undefined) return failed(test, `${test.from} does not run`);
  const protocol = intent.services.get(test.to)?.protocol;
  try {
    const answer =
      protocol === 'grpc' ? await sendGrpc(caller, test) : await sendHttp(caller, test);
    const got = verdictOf(answer.code);
    return { test, passed: got === test.expect, got, ...answer };
  } catch (error) {
    return failed(test, messageOf(error));
  }
}

function verdictOf(code: string | undefined): CheckResult['got'] {
  if (code === undefined) return 'allow';
  return denialCode.test(code) ? 'deny' : 'failed';
}

function failed(test: IntentTest, detail: string): CheckResult {
  return { test, passed: false, got: 'failed', status: 0, code: undefined, detail };
}

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly detail: string;
}

function sendHttp(caller: Workload, test: IntentTest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = http.request({
      host: '127.0.0.1',
      port: caller.egressPort,
      method: test.method,
      path: test.path,
      headers: { ...Object.fromEntries(test.headers), host: test.to },
      timeout: requestTimeoutMs,
    });
    call.once('timeout', () => call.destroy(new Error(`no answer in ${requestTimeoutMs} ms`)));
    call.once('error', reject);
    call.once('response', (response) => {
      const code = response.headers['x-chancery-code'];
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (body.length < detailCharsMax) body += chunk;
      });
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          code: typeof code === 'string' ? code : undefined,
          detail: body.slice(0, detailCharsMax),
        }),
      );
      response.once('error', reject);
    });
    call.end();
  });
}

/** A gRPC call with an empty message: enough to be routed, decided on and answered. */
function sendGrpc(caller: Workload, test: IntentTest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${caller.egressPort}`);
    session.once('error', reject);
    session.setTimeout(requestTimeoutMs, () => {
      session.destroy();
      reject(new Error(`no answer in ${requestTimeoutMs} ms`));
    });
    const stream = session.request({
      ':method': 'POST',
      ':path': test.path,
      ':authority': test.to,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...Object.fromEntries(test.headers),
    });
    let headers: Record<string, unknown> = {};
    stream.on('response', (received) => {
      headers = { ...headers, ...received };
    });
    stream.on('trailers', (received) => {
      headers = { ...headers, ...received };
    });
    stream.once('error', reject);
    stream.once('close', () => {
      session.close();
      const code = headers['x-chancery-code'];
      resolve({
        status: Number(headers[':status'] ?? 0),
        code: typeof code === 'string' ? code : undefined,
        detail: `grpc-status ${headers['grpc-status'] ?? 'missing'} ${headers['grpc-message'] ?? ''}`,
      });
    });
    stream.resume();
    stream.end(Buffer.alloc(5));
  });
}
