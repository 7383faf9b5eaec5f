import http from 'node:http';

export interface Load {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rps: number;
}

const agents = new Map<number, http.Agent>();

/** A closed loop of `connections` keep-alive connections, `requests` in all, every answer a 200. */
export async function measure(options: {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly connections: number;
  readonly requests: number;
}): Promise<Load> {
  const agent = agents.get(options.port) ?? new http.Agent({ keepAlive: true, maxSockets: 64 });
  agents.set(options.port, agent);
  const timesMs: number[] = [];
  let left = options.requests;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      timesMs.push(await one(options, agent));
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: options.connections }, worker));
  const tookMs = performance.now() - startedMs;
  timesMs.sort((a, b) => a - b);
  const at = (q: number): number => timesMs[Math.floor(q * timesMs.length)] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), rps: (timesMs.length / tookMs) * 1_000 };
}

function one(
  options: { readonly port: number; readonly host: string; readonly path: string },
  agent: http.Agent,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const { port, path } = options;
    const call = http.get(
      { host: '127.0.0.1', port, path, agent, headers: { host: options.host } },
      (response) => {
        response.resume();
        response.once('end', () => {
          if (response.statusCode === 200) resolve(performance.now() - startedMs);
          else reject(new Error(`${options.host}${path} was answered ${response.statusCode}`));
        });
      },
    );
    call.once('error', reject);
  });
}
