import { setTimeout as delay } from 'node:timers/promises';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { callApi } from '../../src/serve/api/client.ts';
import { intentFolder } from './intents.ts';
import { type Answer, RunningMesh, startLoad } from './running-mesh.ts';

/** Commits under load: `api` in three versions, called without pause, so that each commit is held against what was before. */
export const versions = ['v1', 'v2', 'v3'];
export const callees = versions.map((one) => `api-${one}`);
export const evenSplit = 'split: { v1: 34, v2: 33, v3: 33 }';
export const allowWeb = 'allow:\n  - { id: web, from: web, to: GET /** }\n';
export const denyAll = 'deny:\n  - { from: "*" }\n';

export const watchMs = 2_000;
const everyMs = 15;
const requestsMax = 100_000;
/** Until there is enough to hold a commit against. */
const countedMs = 6_000;
/** Until a proxy has written down what it answered. */
const loggedMs = 1_200;

/** `app.js`: answers everything, after so long. */
export function answeringApp(afterMs = 0): string {
  const end = afterMs === 0 ? 's.end()' : `setTimeout(() => s.end(), ${afterMs})`;
  return `require('node:http').createServer((q, s) => ${end}).listen(process.env.PORT, '127.0.0.1');\n`;
}

export function service(name: string, port: number, rest: string): string {
  return `service: ${name}\nowner: t\nprotocol: http\nport: ${port}\nhealth: GET /\n${rest}`;
}

export function run(those: readonly string[], command = 'node app.js'): string {
  return `run:\n${those.map((one) => `  ${one}: ${command}\n`).join('')}`;
}

/** What is sent again and again, by what its answers are counted under. */
export type Asked = Readonly<Record<string, () => Promise<Answer>>>;

/** The returned function ends it. */
export async function startLoads(asked: Asked): Promise<() => Promise<void>> {
  const loads = Object.entries(asked).map(([key, send]) =>
    startLoad({ everyMs, requestsMax, send, key: () => key }),
  );
  await delay(countedMs);
  return async () => {
    await Promise.all(loads.map((load) => load.stop()));
  };
}

/** The returned function ends it, and removes its folder. */
export async function meshUnderLoad(
  files: Readonly<Record<string, string>>,
  asked: (mesh: RunningMesh) => Asked,
): Promise<[RunningMesh, () => Promise<void>]> {
  const [dir, removeFolder] = intentFolder(files);
  const mesh = new RunningMesh(dir);
  let stopLoads = async (): Promise<void> => {};
  const stop = async (): Promise<void> => {
    await stopLoads();
    await mesh.remove();
    removeFolder();
  };
  try {
    await mesh.up('--watch', `${watchMs}ms`);
    stopLoads = await startLoads(asked(mesh));
    return [mesh, stop];
  } catch (error) {
    await stop();
    throw error;
  }
}

export function reply<Reply>(controlSocket: string, path: string): Promise<Reply> {
  return callApi(controlSocket, { method: 'GET', path }) as Promise<Reply>;
}

export function isTakenBack({ state }: Rollout): boolean {
  return state.kind === 'taken-back' && state.branch.kind === 'written';
}

/** How many requests each of these proxies has answered so. */
export function denials(
  mesh: Pick<RunningMesh, 'log'>,
  proxies: readonly string[],
  statuses: readonly number[] = [403],
): ReadonlyMap<string, number> {
  return new Map(
    proxies.map((one) => [
      one,
      mesh.log(one).filter(({ status }) => statuses.includes(Number(status))).length,
    ]),
  );
}

/** Who denied anything since, as soon as that was written down. */
export async function deniedSince(
  earlier: ReadonlyMap<string, number>,
  now: () => ReadonlyMap<string, number>,
): Promise<readonly string[]> {
  await delay(loggedMs);
  return [...now()].flatMap(([one, count]) => (count > (earlier.get(one) ?? 0) ? [one] : []));
}
